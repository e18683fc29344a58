import os,sys
n,q=chr(10),chr(39)
try:
 import _bz2,json,zlib
 for m in "_sha2","_sha256","hashlib":
  try:
   sha256=__import__(m).sha256
   break
  except ImportError:pass
 assert sys.version_info>=(3,6)
except Exception:
 sys.exit(69)
P,H=os.environ.pop("P"),os.environ.pop("H")
D=sys.stdin.read()[:-1]
T=n.join(["#!/bin/sh","# initialrunner: sets this server up once. What is inside: sh THIS_FILE source","_bundle() {","P="+q+P+q,"H="+q+H+q,"D="+q+D+q,"eval "+chr(34)+"$H"+chr(34),"}",""]).encode()
s=sys.argv.pop(1)
if sha256(T).hexdigest()!=s:
 sys.stderr.write("initialrunner: this bundle is cut off or altered; nothing was run"+n)
 sys.exit(4)
TEXT=T+("_bundle %s "%s+chr(34)+"$@"+chr(34)+n).encode()
PARTS=D.split(n+"-"+n)
def undo(t):
 t=t.replace(n,"").encode().translate(bytes((c-33-(c>39)-(c>92)-(c>123))%256 for c in range(256)))
 f,g=91**4,lambda s:zip(*[iter(s)]*4)
 return b"".join([(((a*f+b)*f+c)*f+d).to_bytes(13,"big") for a,b,c,d in g([((a*91+b)*91+c)*91+d for a,b,c,d in g(t)])])
HOT,COLD=_bz2.BZ2Decompressor().decompress(undo(PARTS[0])).split(b"%c"%11)
for t in HOT.split(b"%c"%12):exec(compile(t,t.split(b"%c"%10)[0][1:],"exec"))
main(sys.argv[1:])
