"""The program of a server: an HTTP service whose answers name the revision and the server of the payload it was given.

    python app.py ADDRESS PORT USER_DATA

It waits for its address, and ends when its standard input does. /slow takes a second.
"""

from __future__ import annotations

import errno
import json
import os
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path


def identity(user_data: bytes) -> tuple[str, str]:
    """(revision, server) of a bundle, or of a JSON object that stands for one."""
    if not user_data:
        return "none", "none"
    if user_data.startswith(b"{"):
        plan = json.loads(user_data)
    else:
        sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
        from bootstrap.payload.bundle import unpack

        plan = unpack(user_data).plan
    return plan["revision"], plan["server"]


class Handler(BaseHTTPRequestHandler):
    """GET and POST of any path."""

    protocol_version = "HTTP/1.1"
    words: tuple[str, str]

    def do_GET(self) -> None:
        """Say who answers."""
        self._answer(" ".join(self.words) + "\n")

    def do_POST(self) -> None:
        """Send its body back."""
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())

    def _answer(self, body: str) -> None:
        """Answer in one packet."""
        time.sleep(1.0 if self.path == "/slow" else 0.01)
        revision, server = self.words
        own = f"X-Revision: {revision}\r\nX-Server: {server}\r\nX-Address: {self.server.server_address[0]}"
        head = f"HTTP/1.1 200 OK\r\n{own}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.wfile.write((head + body).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(socketserver.ThreadingTCPServer):
    """Not http.server's, which asks the DNS for its own name, and waits for it where there is none."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256


def until_parent_ends() -> None:
    """End when the standard input does."""
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """Serve."""
    threading.Thread(target=until_parent_ends, daemon=True).start()
    address, port, user_data = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]).read_bytes()
    Handler.words = identity(user_data)
    print(f"{Handler.words[1]} boots revision {Handler.words[0]}", flush=True)
    while True:
        try:
            server = Server((address, port), Handler)
            break
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            time.sleep(0.02)
    print(f"listening on {address}:{port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
