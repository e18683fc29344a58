"""The peers that a host talks to, in a box beside it: servers, an authority for certificates, a collector's reports."""

from __future__ import annotations

import subprocess
from pathlib import Path

from box import Box
from handmade import DEPLOY_ID

from bootstrap.rehearse.collector import Collector

# In front of the collector: TLS with the certificate that is there just now.
TLS = """
import socket, ssl, threading
def serve(made):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("/srv/server.pem")
    made = context.wrap_socket(made, server_side=True)
    request = b""
    while b"\\r\\n\\r\\n" not in request:
        request += made.recv(65536) or exit()
    head, body = request.split(b"\\r\\n\\r\\n", 1)
    length = [int(l.split(b":")[1]) for l in head.lower().split(b"\\r\\n") if l.startswith(b"content-length")][0]
    while len(body) < length:
        body += made.recv(65536) or exit()
    open("/srv/decrypted", "ab").write(head.split(b"\\r\\n")[0] + b"\\n")
    head = head.replace(b"192.0.2.10:8444", b"127.0.0.1:8443").replace(b"127.0.0.1:8444", b"127.0.0.1:8443")
    with socket.create_connection(("127.0.0.1", 8443)) as there:
        there.sendall(head.replace(b"HTTP/1.1", b"HTTP/1.0", 1) + b"\\r\\n\\r\\n" + body)
        while block := there.recv(65536):
            made.sendall(block)
    made.close()
server = socket.create_server(("127.0.0.1", 8444))
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""
# An authority that signs what it is asked to; the names come from a file.
CA_CONFIG = """
[ca]
default_ca = here
[here]
dir = .
database = index.txt
new_certs_dir = .
serial = serial
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
"""
BEFORE, LATER = "20200101000000Z", "20900101000000Z"


class Authority:
    """A private authority, made by openssl. pem: its certificate."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        for name, text in (("config", CA_CONFIG), ("index.txt", ""), ("serial", "01\n")):
            (folder / name).write_text(text)
        self.openssl("req -x509 -newkey rsa:2048 -nodes -subj /CN=authority -days 3650 -keyout ca.key -out ca.pem")
        self.openssl("req -newkey rsa:2048 -nodes -subj /CN=server -keyout server.key -out server.csr")
        self.pem = (folder / "ca.pem").read_text()

    def openssl(self, words: str) -> None:
        subprocess.run(["openssl", *words.split()], cwd=self.folder, check=True, capture_output=True)

    def certificate(self, names: str, start: str = BEFORE, end: str = LATER) -> bytes:
        """A server's key and certificate for these names (IP:… or DNS:…), valid from start to end."""
        (self.folder / "names").write_text(f"subjectAltName = {names}\n")
        self.openssl(
            "ca -batch -config config -cert ca.pem -keyfile ca.key -in server.csr -out server.pem -notext "
            f"-extfile names -startdate {start} -enddate {end}"
        )
        return (self.folder / "server.key").read_bytes() + (self.folder / "server.pem").read_bytes()


def background(box: Box, name: str, program: str, port: int, kind: str = "t") -> None:
    """Start a Python program in the box and wait until it listens (kind: t, TCP; u, UDP)."""
    box.put(f"/srv/{name}.py", program)
    box.sh(f"setsid /usr/bin/python3 /srv/{name}.py </dev/null >/srv/{name}.log 2>&1 &")
    box.wait_for(lambda: box.sh(f"ss -{kind}ln | grep -q :{port}").returncode == 0)


def told(collector: Collector) -> list[int]:
    """The numbers of the events that the collector has."""
    found = collector.get(f"/v1/servers/box-1/events?deploy_id={DEPLOY_ID}&limit=1000", missing={"events": []})
    return [event["seq"] for event in found["events"]]
