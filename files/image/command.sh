#!/bin/sh
# initialrunner, as baked into this image: it looks for a bundle, whose runner puts its own command here.
exec @PYTHON@ -I -S /usr/local/lib/initialrunner/baked.py "$@"
