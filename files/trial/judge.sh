#!/bin/sh
# The judge of `bootstrap try`: looks at a server from inside, and hands facts back as the outputs of this stage. The
# verdict is made from them by whoever switched the server on, so this ends well whatever it sees.
# TRY_SERVER: the server's name; TRY_REQUIRE: names of units; TRY_WAIT_S: how long the boot may take to end.
set -u

# All outputs together have 4,096 bytes, so each is short and the longest list comes last.
fact() {
    printf '%s=%s\n' "$1" "$(printf %s "$2" | tr -c '[:print:]' ' ' | cut -c1-160)" >>"$INITIALRUNNER_OUTPUT"
}

seconds() {
    read -r up _ </proc/uptime
    echo "${up%%.*}"
}

# The last line that a unit's own processes said, else the last that systemd said of it beside its stock phrases.
why() {
    line=$(journalctl -b -q -o cat -n 20 "_SYSTEMD_UNIT=$1" 2>/dev/null | grep -v '^ *$' | tail -n 1)
    stock='failed with result\|^failed to start\|request repeated too quickly\|scheduled restart\|^st[ao][rp][tp]ed'
    [ "$line" ] || line=$(journalctl -b -q -o cat -n 20 -u "$1" 2>/dev/null | grep -vi "$stock" | tail -n 1)
    echo "$line"
}

# The names that systemctl prints, one a line.
units() {
    systemctl list-units --all --plain --no-legend --full "$@" 2>/dev/null | awk '{ print $1 }'
}

is_running() {
    for comm in /proc/[0-9]*/comm; do
        read -r name 2>/dev/null <"$comm" && [ "$name" = "$1" ] && return 0
    done
    return 1
}

# A boot ends when its last start job does. The runner may have been started by such a job, and this stage is what that
# one waits for: its unit does not count. It is the parent's, since a stage has a control group of its own.
wait_for_boot() {
    own=$(sed -n 's|.*/\([^/]*\.service\)$|\1|p' "/proc/$PPID/cgroup" 2>/dev/null | head -n 1)
    end=$(($(seconds) + TRY_WAIT_S)) idle=0 jobs=
    while :; do
        state=$(systemctl is-system-running 2>/dev/null)
        case $state in
        starting | initializing) ;;
        *) return ;;
        esac
        jobs=$(systemctl list-jobs --plain --no-legend --full 2>/dev/null |
            awk -v own="$own" '$4 == "running" && $2 != own { print $2 }')
        if [ "$jobs" ]; then idle=0; else idle=$((idle + 1)); fi
        if [ "$idle" -ge 5 ]; then
            state=ours
            return
        fi
        [ "$(seconds)" -lt "$end" ] || return
        sleep 1
    done
}

show_unit() {
    systemctl show -p LoadState -p ActiveState -p SubState -p Result -p UnitFileState \
        -p ExecMainExitTimestampMonotonic "$1" 2>/dev/null
}

# One that is just coming up gets its time.
settled() {
    end=$(($(seconds) + 30))
    while facts=$(show_unit "$1"); do
        case $facts in
        *ActiveState=activating* | *ActiveState=reloading*) ;;
        *) break ;;
        esac
        [ "$(seconds)" -lt "$end" ] || break
        sleep 1
    done
    echo "$facts"
}

judge_units() {
    for name in $TRY_REQUIRE; do
        if [ "$state" != none ]; then
            case $name in
            *.*) unit=$name ;;
            *) unit=$name.service ;;
            esac
            facts=$(settled "$unit")
            case $facts in
            *ActiveState=active*) ;;
            *) fact "why.$name" "$(why "$unit")" ;;
            esac
            fact "unit.$name" "$facts"
        elif [ ! -x "/etc/init.d/$name" ]; then
            fact "unit.$name" "LoadState=not-found"
        elif "/etc/init.d/$name" status >/dev/null 2>&1 </dev/null || is_running "$name"; then
            fact "unit.$name" "LoadState=loaded ActiveState=active"
        else
            fact "unit.$name" "LoadState=loaded ActiveState=inactive"
        fi
    done
}

judge_ssh() {
    for program in /usr/sbin/sshd /usr/bin/sshd /usr/local/sbin/sshd none; do
        [ -x "$program" ] && break
    done
    [ "$program" != none ] || return
    number=0
    more=$(sed -n 's/^[[:space:]]*[Hh]ost[Kk]ey[[:space:]]\{1,\}//p' /etc/ssh/sshd_config \
        /etc/ssh/sshd_config.d/*.conf 2>/dev/null)
    for key in /etc/ssh/ssh_host_*_key $more; do
        [ -s "$key" ] || continue
        number=$((number + 1))
        fact "key.$number" "$key $(stat -c %a "$key") $(ssh-keygen -lf "$key" 2>/dev/null | cut -d' ' -f2)"
    done
    if [ "$state" = none ]; then
        if is_running sshd; then fact ssh "ActiveState=active"; else fact ssh "ActiveState=inactive"; fi
        return
    fi
    # A service that is enabled is what shall run, though a socket may be listening for it as well.
    best=
    for unit in ssh.service sshd.service ssh.socket sshd.socket; do
        case $(show_unit "$unit") in
        *LoadState=loaded*UnitFileState=enabled* | *UnitFileState=enabled*LoadState=loaded*) best=$unit && break ;;
        *LoadState=loaded*) best=${best:-$unit} ;;
        esac
    done
    [ "$best" ] || return
    facts=$(settled "$best")
    case $facts in
    *ActiveState=active*) ;;
    *) fact why.ssh "$(why "$best")" ;;
    esac
    fact ssh "unit=$best $facts"
}

judge_disk() {
    options=$(awk '$2 == "/" { options = $4 } END { print options }' /proc/mounts)
    meant=$(awk '$1 !~ /^#/ && $2 == "/" { print $4 }' /etc/fstab 2>/dev/null)
    case ",$options," in *,ro,*) case ",$meant," in *,ro,*) ;; *) fact disk "mounted read-only" && return ;; esac ;; esac
    for folder in /etc /var/lib; do
        case ",$options,$folder" in *,ro,*/etc) continue ;; esac
        # By cp, since a shell says "I/O error" of a disk that is full.
        if ! reason=$(cp /proc/version "$folder/.initialrunner-try" 2>&1 && rm "$folder/.initialrunner-try"); then
            fact disk "$folder cannot be written: ${reason##*: }"
            return
        fi
    done
    fact disk writable
}

ran=/var/lib/initialrunner-try
mkdir -p "$ran"
echo "$TRY_SERVER:judge" >>"$ran/ran"
fact ran "$(tr '\n' ' ' <"$ran/ran")"
fact machine_id "$(cat /etc/machine-id 2>/dev/null)"
fact boot_id "$(cat /proc/sys/kernel/random/boot_id)"
fact system "$(sed -n 's/^PRETTY_NAME="\{0,1\}\([^"]*\).*/\1/p' /etc/os-release 2>/dev/null), Linux $(uname -r)"

state=none
[ ! -d /run/systemd/system ] || wait_for_boot
fact state "$state"
case $state in
starting | initializing) fact jobs "$(echo "$jobs" | tr '\n' ' ')" ;;
esac

address=$(ip -o addr show scope global 2>/dev/null | awk '{ print $4; exit }')
# Without ip the kernel's own table says it.
[ "$address" ] || address=$(awk '/32 host LOCAL/ && last !~ /^127\./ { print last; exit } { last = $2 }' \
    /proc/net/fib_trie 2>/dev/null)
fact address "$address"
judge_disk
judge_ssh
judge_units

if [ "$state" != none ]; then
    number=0
    for unit in $(units --state=failed | head -n 9); do
        number=$((number + 1))
        result=$(systemctl show -p Result "$unit")
        fact "failed.$number" "$unit ${result#Result=} $(why "$unit")"
    done
fi
exit 0
