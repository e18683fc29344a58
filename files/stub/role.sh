#!/bin/sh
# initialrunner fetches its bundle with the role of its instance
u='@URL@'
f=/run/ir.bundle
umask 77
exec 9>$f.lock
flock -n 9||exit 0
trap "rm -f $f" 0
for i in $(seq 99);do
m=$({ echo "$u"|@FETCH@;} 2>&1;echo "@SHA256@  $f"|sha256sum -c 2>&1)&&{ sh $f 9>&-;exit;}
[ $i = 1 ]&&echo "initialrunner: $m">&2
sleep 6
done
exit 75
