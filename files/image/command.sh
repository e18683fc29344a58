#!/bin/sh
# initialrunner, as baked into this image: it looks for a bundle, whose runner puts its own command here.
# Where /usr is read-only that one lies elsewhere.
[ -x /var/lib/initialrunner/bin/initialrunner ] && exec /var/lib/initialrunner/bin/initialrunner "$@"
exec @PYTHON@ -I -S /usr/local/lib/initialrunner/baked.py "$@"
