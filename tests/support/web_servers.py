"""Small HTTP servers on addresses of the loopback, all with one port, as the servers behind a balancer."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from random import SystemRandom
from types import TracebackType
from typing import Self

# How long a session is held at most, should a test forget it.
LONGEST_S = 30.0


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: str, port: int) -> None:
        self.address, self.released = address, threading.Event()
        super().__init__((address, port), _Handler)

    def server_bind(self) -> None:
        # The usual one asks the DNS for a name of the address.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)

    def handle_error(self, request: object, client_address: object) -> None:
        """A balancer may close a connection at any time."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        """Answer with the server's address. /hold/ADDRESS there begins the answer, and ends it on release."""
        self.send_response(200)
        self.send_header("x-address", self.server.address)
        self.end_headers()
        self.wfile.flush()
        if self.path == f"/hold/{self.server.address}":
            self.server.released.wait(LONGEST_S)
        self.wfile.write(self.server.address.encode())

    def do_POST(self) -> None:
        """Likewise, after the body."""
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.do_GET()

    do_OPTIONS = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


class WebServers:
    """Starts and stops servers. Each address is new on this machine, so tests that run at once share none."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        self._network = ".".join(["127", *(str(SystemRandom().randrange(1, 255)) for _ in range(2))])
        self._numbers = count(1)
        self._servers: dict[str, _Server] = {}

    def address(self) -> str:
        """An address at which nothing answers yet."""
        return f"{self._network}.{next(self._numbers)}"

    def serve(self, address: str) -> None:
        """Start a server."""
        server = self._servers[address] = _Server(address, self.port)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self, address: str) -> None:
        """End one: it takes no connection any more, and ends its answers."""
        server = self._servers.pop(address)
        server.released.set()
        server.shutdown()
        server.server_close()

    def release(self, address: str) -> None:
        """End the answers that are held."""
        self._servers[address].released.set()
        self._servers[address].released = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for address in list(self._servers):
            self.stop(address)
