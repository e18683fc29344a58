#!/bin/sh
# before_swap of the web tier. The deployer runs it here, when the new servers are up at the balancer and before the old
# ones leave. It only reads: what it wrote would be a note among those of the users.
set -eu

for address in $INITIALRUNNER_ADDRESSES; do
  if ! curl --fail --silent --show-error --max-time 5 "http://$address:8080/" | grep --quiet '"notes":'; then
    echo "$address does not list the notes" >&2
    exit 1
  fi
done
