"""Answers /ping with its revision and its server, /slow after 3 seconds, and a POST with the body that it brought."""

from __future__ import annotations

import os
import socketserver
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RELEASE, REVISION, SERVER = (os.environ[name] for name in ("RELEASE", "REVISION", "SERVER"))
SLOW_S = 3


class Handler(BaseHTTPRequestHandler):
    """One connection, on which requests follow each other."""

    protocol_version = "HTTP/1.1"
    # Headers and body leave as one packet, and not the body after the client's acknowledgement of the headers.
    wbufsize = -1

    def do_GET(self) -> None:
        """/ping is what checks and probes ask."""
        self._answer(f"{REVISION} {SERVER} {RELEASE}\n".encode())

    def do_POST(self) -> None:
        """Give back what was sent."""
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _answer(self, body: bytes) -> None:
        if self.path == "/slow":
            time.sleep(SLOW_S)
        self.send_response(200)
        for name, value in (("X-Revision", RELEASE), ("X-Server", SERVER), ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: every probe would be a line."""


class Server(ThreadingHTTPServer):
    """A thread for each connection."""

    daemon_threads = True
    request_queue_size = 256

    def server_bind(self) -> None:
        """Bind without the look-up of a name that HTTPServer makes: it would wait where there is no name server."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = SERVER, int(os.environ["PORT"])


if __name__ == "__main__":
    Server(("", int(os.environ["PORT"])), Handler).serve_forever()
