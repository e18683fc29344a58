#!/bin/sh
# Stands for whatever works in the background of a web server: here it notes once a minute that it lives.
while :; do
  date -u +%FT%TZ >/run/web-worker.alive
  sleep 60
done
