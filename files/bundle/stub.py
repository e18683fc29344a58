import os,sys
n,q=chr(10),chr(39)
try:
 import binascii,hashlib,json,zlib
 assert sys.version_info>=(3,6)
except Exception:
 sys.exit(69)
P,H=os.environ.pop("P"),os.environ.pop("H")
D=sys.stdin.read()[:-1]
T=n.join(["#!/bin/sh","# initialrunner: sets this server up once. What is inside: sh THIS_FILE source","_bundle() {","P="+q+P+q,"H="+q+H+q,"D="+q+D+q,"eval "+chr(34)+"$H"+chr(34),"}",""]).encode()
s=sys.argv.pop(1)
if hashlib.sha256(T).hexdigest()!=s:
 sys.stderr.write("initialrunner: this bundle is cut off or altered; nothing was run"+n)
 sys.exit(4)
TEXT=T+("_bundle %s "%s+chr(34)+"$@"+chr(34)+n).encode()
PARTS=D.split(n+"-"+n)
exec(compile(zlib.decompress(binascii.a2b_base64(PARTS[0])),"initialrunner","exec"))
main(sys.argv[1:])
