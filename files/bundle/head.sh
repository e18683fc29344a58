# The sh program in each bundle (H): it finds a Python and hands the bundle to it. A bundle leaves these comments out.
# P is the text of stub.py beside this file, D the packed parts; the arguments are the digest and the words of the user.
# It must hold no single quote and no backslash. Exit codes: 75 without a usable Python, else that of the runner.

# Tell people on stderr, on the console, in syslog and, once, in the message of the day.
say() {
 m="initialrunner: $1"
 echo "$m" >&2
 grep -qsxF "$m" /etc/motd && return
 { echo "$m" | tee -a /etc/motd >/dev/console; logger "$m"; } 2>/dev/null
}
# RHEL 8 has no python3 by default, but the platform-python of dnf.
for p in python3 /usr/libexec/platform-python /usr/local/bin/python3; do
 command -v $p >/dev/null || continue
 # P and H go by the environment and D by stdin: a process list shows neither, and arguments have limits.
 P=$P H=$H $p -I -S -c "$P" "$@" <<E
$D
E
 r=$?
 # 69: this Python is too old, or lacks a module.
 [ $r = 69 ] || return $r
done
say "no usable Python 3.6 or newer (with json, zlib, bz2, hashlib) on this host; install the package python3 (python3-minimal is not enough)"
return 75
