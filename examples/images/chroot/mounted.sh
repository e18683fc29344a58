#!/bin/sh
# Puts the runner into a disk image that is there, and seals it: mounted.sh IMAGE [OPTION OF mount...]
#   mounted.sh root.img                     a file system as a whole
#   mounted.sh disk.img -o offset=1048576   the partition that begins there: its first sector, as fdisk -l tells, times 512
# As root, and for images of the machine's own architecture, since apt-get runs in them.
set -eu
image=${1:?usage: mounted.sh IMAGE [OPTION OF mount...]}
shift
root=$(mktemp -d)
# Unmounted in the foreground, so that all is written when this ends.
trap 'umount "$root"; rmdir "$root"' EXIT
mount -o loop "$@" "$image" "$root" || { trap - EXIT; rmdir "$root"; exit 1; }

# What apt-get needs is mounted in a namespace of its own, which takes it all along when it ends. /run is empty: where
# packages see no systemd running they start nothing.
unshare --mount --propagation private sh -eu -s "$root" <<'APART'
for one in proc sys dev; do
    mount --rbind "/$one" "$1/$one"
done
mount -t tmpfs tmpfs "$1/run"
mount -t tmpfs tmpfs "$1/tmp"
resolver=$1$(chroot "$1" readlink -m /etc/resolv.conf)
mkdir -p "${resolver%/*}"
[ -e "$resolver" ] || : >"$resolver"
mount --bind /etc/resolv.conf "$resolver"
export DEBIAN_FRONTEND=noninteractive
chroot "$1" apt-get -q update
chroot "$1" apt-get -q -y install --no-install-recommends cron python3
chroot "$1" systemctl enable cron
APART

set --
[ ! -x "$root/usr/sbin/sshd" ] || set -- --host-keys
bootstrap bake "$root" --source files --source config-drive "$@"
bootstrap seal "$root" --clean --require cron
