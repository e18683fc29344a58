#!/bin/sh
# initialrunner fetches its bundle@UNTIL@
u='@URL@'
f=/run/ir.bundle
umask 77
exec 9>$f.lock
flock -n 9||exit 0
trap "rm -f $f" 0
g(){ echo "$1$u";}
for i in $(seq 99);do
m=$({ g url=|curl -gsSfm300 -K- -o$f||g|wget -qT60 -i- -O$f||g|timeout 300 python3 -c "from urllib.request import*;urlretrieve(input(),'$f')";} 2>&1;echo "@SHA256@  $f"|sha256sum -c 2>&1)&&{ sh $f 9>&-;exit;}
[ $i = 1 ]&&echo "initialrunner: $m">&2
sleep 6
done
exit 75
