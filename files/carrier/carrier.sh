#!/bin/sh
# initialrunner: sets this server up once, with a runner by its SHA-256. Inside: bootstrap show FILE
{
_carrier() {
cat <<"__"
@PROGRAM@
__
}
c=$(_carrier) d=@SHA256@
[ "$(echo "$c" | sha256sum)" = "$d  -" ] && eval "$c"
echo "initialrunner: this carrier is altered; nothing was run" >&2
};exit 4
