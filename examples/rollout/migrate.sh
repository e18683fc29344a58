#!/bin/sh
# Brings the data to what a release expects. That of r3 has a mistake, to show what a roll-out does about it.
set -eu
release=$1
echo "migrating to release $release"
if [ "$release" = r3 ]; then
    echo "migrate: table orders has no column price" >&2
    exit 3
fi
