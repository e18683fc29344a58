# The program of a carrier: it finds the runner's text (r) by its SHA-256, puts the bundle (b) together, and starts it.
# A carrier leaves these comments out. The variable c is the text of this program and d its SHA-256: whoever evaluates
# the program sets both. It must hold no backslash, since dash's echo, through which it is hashed, would rewrite that.
# Exit codes: 75 when no source has the text, or there is no Python; 4 when the carrier is altered; else the bundle's.
r=@RUNNER@ b=@BUNDLE@
w=@STUB@ e=@TRIGGER@ f=/run/initialrunner.bundle
s() { echo "initialrunner: $1" >&2; }
# Once this deploy has begun, the trigger of its bundle goes on with it. While the entry is still that of the carrier the
# bundle has not taken over, though a journal may tell of it: an older run had the lock.
[ $# = 0 ] && grep -qsF '@MARK@' @STATE@/journal* && ! grep -qs $d $e && exit
# cloud-init starts a boothook at every boot. A deploy that has begun since its first start is a newer one.
[ -e "$0.on" ] && [ -e @STATE@/journal ] && exit
umask 77
exec 9>$f.lock
# 1: another one is at work. Where there is no flock, it goes on without.
flock -n 9
[ $? = 1 ] && exit
# cloud-init runs a script once, and has marked it as done already: it makes itself durable before all else. Injected
# files never pass this test: their entry, which cron ignores when cloud-init wrote it, names another SHA-256.
[ "$(cat $w 2>/dev/null)" = "$c" ] && grep -qs $d $e || {
(umask 22; mkdir -p ${e%/*} ${w%/*})
@UNITS@
# The entry comes last, and not before the disk has what it starts.
echo "$c" >$w.new && sed s/=D/$d/ >$w.entry <<"E" && chmod 644 $w.entry && sync && mv $w.new $w && sync && mv $w.entry $e || { s "cannot write $w and $e: this is the only try"; e=/0; }
@ENTRY@
E
rm -f $w.new $w.entry
sync
}
# cloud-init is not held up, and a source that is not there yet is no failure of its script.
case $k$0 in /var/lib/cloud/*)
k=1
echo >"$0.on"
exec 9>&-
(eval "$c") </dev/null 2>&1 | { logger -t initialrunner || cat >/dev/null; } &
exit;;esac
trap "rm -f $f $f.text $f.ca" 0
t=$f.text
have() { [ "$(sha256sum <$t)" = "$r  -" ]; } 2>/dev/null
n=@FOLDER@/$r
m="no $n"
[ -e $n ] && m="cannot copy $n" && cp $n $t && m="$n is damaged"
@FETCH@
have || {
m="waits for the runner $r: $m"
s "$m"
echo >>/run/initialrunner.missed
[ "$(wc -l </run/initialrunner.missed)" = 10 ] && { s "$m" 2>&1 | tee -a /etc/motd >/dev/console; } 2>/dev/null
exit 75
}
{ cat $t; cat <<"E"
@REST@
E
} >$f || { s "cannot write $f"; exit 75; }
[ "$(sha256sum <$f)" = "$b  -" ] || { s "this carrier is altered; nothing was run"; exit 4; }
# A payload that came while this one was fetching is newer.
[ $e = /0 ] || grep -qs $d $e || { s "another payload has come; nothing was run"; exit; }
rm -f /run/initialrunner.missed
sh $f "$@" 9>&-
x=$?
@TELL@
exit $x
