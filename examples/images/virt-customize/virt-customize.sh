#!/bin/sh
# Puts the runner into a disk image that is not booted, and seals it: virt-customize.sh IMAGE BOOTSTRAP.PYZ
# What runs in the image is the zipapp of the toolkit, made for the Python of the image: make zipapp.
set -eu
image=${1:?usage: virt-customize.sh IMAGE BOOTSTRAP.PYZ}
zipapp=${2:?usage: virt-customize.sh IMAGE BOOTSTRAP.PYZ}
# The zipapp unpacks itself there, too. Not below /tmp or /var/tmp, which seal empties.
work=/opt/initialrunner-image
bootstrap="XDG_CACHE_HOME=$work python3 $work/bootstrap.pyz"
# shellcheck disable=SC2016 # for the shell in the image
host_keys='$([ ! -x /usr/sbin/sshd ] || echo --host-keys)'

# The steps are taken in this order, and the first that fails is the last. What a step says is kept in the image,
# where seal must leave it to be shown, until --no-logfile removes it.
virt-customize -a "$image" --no-logfile \
    --mkdir "$work" \
    --upload "$zipapp:$work/bootstrap.pyz" \
    --install cron,python3 \
    --run-command 'systemctl enable cron' \
    --run-command "$bootstrap bake / --source files --source config-drive $host_keys" \
    --run-command "$bootstrap seal / --clean --allow /tmp/builder.log --require cron" \
    --delete "$work"
