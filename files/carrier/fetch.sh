# Asks one source of the runner's text after the other. A carrier leaves these comments out.
# The URL goes by stdin: arguments are shown by the process list, and a presigned URL gives the right to read.
# No redirect leads to plain http: curl follows those to https, the others none.
set -f
g() { echo "$1$u"; }
while ! have && read -r u; do
rm -f $t
a=$({ @PROXY@
@ROLE@
g url=|curl -gsSfLm60 --connect-timeout 9 --proto-redir =https -K- -o$t||g|timeout 60 wget -qt1 -T20 --max-redirect=0 @CA@ -i- -O$t||g|timeout 60 python3 -Ic 'import sys,urllib.request as q
q.HTTPRedirectHandler.redirect_request=lambda*a:None
try:open(sys.argv[1],"wb").write(q.urlopen(input(),timeout=20).read(1<<20))
except Exception as e:sys.exit("python3: %s"%e)' $t
@END@
} 2>&1)
have||m="$m; ${u%%[?]*}: $(echo $a)$([ -s $t ]&&echo other bytes)"
done <<"E"
@SOURCES@
E
