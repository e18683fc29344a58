#!/bin/sh
# Runs once. What it does last is what `verify` of the stage proves.
set -eu
mkdir -p /srv/hello
echo "$REVISION" >/srv/hello/ping.new
mv /srv/hello/ping.new /srv/hello/ping
echo "the site is ready: revision $REVISION"
