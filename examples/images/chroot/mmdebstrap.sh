#!/bin/sh
# A Debian with the runner in it, sealed, as a tar or whatever else mmdebstrap writes:
#   mmdebstrap.sh OUTPUT [OPTION OF mmdebstrap...]
# Options come before the runner is baked in, so that a --customize-hook of yours may install an agent, too.
set -eu
output=${1:?usage: mmdebstrap.sh OUTPUT [OPTION OF mmdebstrap...]}
shift

# A hook that fails ends the build, and seal fails with findings. While hooks run, mmdebstrap has a stand-in for
# start-stop-daemon, and puts the program back afterwards. The dollars are for the shell of a hook.
# shellcheck disable=SC2016
exec mmdebstrap --variant=minbase --include=systemd-sysv,systemd-resolved,cron,python3 "$@" \
    --customize-hook='printf "[Match]\nType=ether\n[Network]\nDHCP=yes\n" >"$1/etc/systemd/network/80-dhcp.network"' \
    --customize-hook='systemctl --root="$1" enable cron systemd-networkd' \
    --customize-hook='[ ! -x "$1/usr/sbin/sshd" ] || set -- "$1" --host-keys
        bootstrap bake "$@" --source files --source config-drive' \
    --customize-hook='bootstrap seal "$1" --clean --require cron --require systemd-networkd \
        --allow /usr/sbin/start-stop-daemon.REAL' \
    bookworm "$output"
