#!/bin/sh
# initialrunner: starts the injected bundle whose SHA-256 is named here, and nothing else; silent once that is done.
f="@FILES@"
b=$(cat $f 2>/dev/null)
if [ "$(echo "$b" | sha256sum)" = "@SHA256@  -" ]; then
  set --
  eval "$b"
elif ! [ -e /var/lib/initialrunner/journal ]; then
  logger -t initialrunner "not started: no whole $f" 2>/dev/null || :
fi
