# Sends the one report of a host without Python, which was signed when the bundle was made. It stands before the last
# line of head.sh; a bundle leaves these comments out. Once a boot is enough: the file in /run says that it was sent.
@WHEN@ && [ ! -e /var/lib/initialrunner ] && [ ! -e /run/initialrunner.told ] && {
b=$(cat <<E
@BODY@
E
)
set -- "webhook-id: @ID@" "webhook-timestamp: 1" "webhook-signature: @SIGNATURE@" "@URL@/v1/events"
{ curl -qsfm20 -H "$1" -H "$2" -H "$3" -d "$b" "$4" || timeout 20 wget -qO- --header "$1" --header "$2" --header "$3" --post-data "$b" "$4"; } >/dev/null 2>&1 && : >/run/initialrunner.told
}
