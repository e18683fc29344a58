# The program of a carrier: it finds the runner's text (r) by its SHA-256, puts the bundle (b) together, and starts it.
# A carrier leaves these comments out. The variable c is the text of this program and d its SHA-256: whoever evaluates
# the program sets both. It must hold no backslash, since dash's echo, through which it is hashed, would rewrite that.
# Exit codes: 75 when no source has the text, or there is no Python; 4 when the carrier is altered; else the bundle's.
r=@RUNNER@ b=@BUNDLE@
w=@STUB@ e=@TRIGGER@ f=/run/initialrunner.bundle
# Once this deploy has begun, the trigger of its bundle goes on with it.
grep -qsF '@MARK@' @STATE@/journal* && [ $# = 0 ] && exit
umask 77
exec 9>$f.lock
flock -n 9 || exit 0
# cloud-init runs a script once, and has marked it as done already: it makes itself durable before all else.
[ "$(cat $w 2>/dev/null)" = "$c" ] && grep -qs $d $e || {
(umask 22; mkdir -p ${e%/*})
mkdir -p ${w%/*}
echo "$c" >$w.new
sed s/=D/$d/ >$w.entry <<"E"
@ENTRY@
E
chmod 644 $w.entry
sync
mv $w.new $w
mv $w.entry $e
@UNITS@
sync
}
# cloud-init is not held up, and a source that is not there yet is no failure of its script.
case $k$0 in /var/lib/cloud/*)
k=1
exec 9>&-
(eval "$c") </dev/null 2>&1 | { logger -t initialrunner || cat >/dev/null; } &
exit;;esac
trap "rm -f $f $f.text $f.ca" 0
t=$f.text
have() { [ "$(sha256sum <$t)" = "$r  -" ]; } 2>/dev/null
n=@FOLDER@/$r
m="no $n"
cp $n $t 2>/dev/null && ! have && m="$n is damaged"
@FETCH@
have || {
m="initialrunner: waits for the runner $r: $m"
echo "$m" >&2
echo >>/run/initialrunner.missed
[ "$(wc -l </run/initialrunner.missed)" = 10 ] && { echo "$m" | tee -a /etc/motd >/dev/console; } 2>/dev/null
exit 75
}
{ cat $t; cat <<"E"
@REST@
E
} >$f
[ "$(sha256sum <$f)" = "$b  -" ] || { echo "initialrunner: this carrier is altered; nothing was run" >&2; exit 4; }
sh $f "$@" 9>&-
x=$?
@TELL@
exit $x
