"""A small web site on this machine whose answers a test writes: whole, cut off, changed in between, refused, sent on.

with Site() as site:
    site.put("/x", b"…", etag='"1"')
    site.next(cut=1000)          # what happens to the next request; then all is as it should be again
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self


@dataclass
class Turn:
    """The fate of one request. cut: the bytes after which the connection breaks; change: the object is that first.

    hold: the answer stops after `cut` bytes until this is set; endless: the object again and again, without a length;
    reason: the words behind the status.
    """

    status: int = 200
    cut: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    change: tuple[bytes, str] | None = None
    hold: threading.Event | None = None
    no_length: bool = False
    endless: bool = False
    reason: str | None = None


class Site:
    """An HTTP server on a free port of the loopback. asked: (path, headers) of every request so far."""

    def __init__(self, *, pem: Path | None = None, knows_if_range: bool = True, knows_range: bool = True) -> None:
        self.objects: dict[str, tuple[bytes, str]] = {}
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self.turns: list[Turn] = []
        self.is_open = True
        self.knows_if_range, self.knows_range = knows_if_range, knows_range
        site = self

        class Handler(BaseHTTPRequestHandler):
            """One connection."""

            def do_GET(self) -> None:
                site.asked.append((self.path, dict(self.headers)))
                turn = site.turns.pop(0) if site.turns else Turn()
                if turn.change:
                    site.objects[self.path] = turn.change
                site.answer(self, turn)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", "0")))
                self.do_GET()

            def finish(self) -> None:
                """Close all that a broken connection leaves open."""
                with contextlib.suppress(OSError):
                    super().finish()
                with contextlib.suppress(OSError):
                    self.rfile.close()
                self.connection.close()

            def log_message(self, *words: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            """Quiet about clients that go."""

            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        if pem:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pem)
            plain = self.server.socket
            self.server.socket = context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
        self.url = f"{'https' if pem else 'http'}://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> Self:
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_open = False
        for turn in self.turns:
            if turn.hold:
                turn.hold.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)

    def put(self, path: str, data: bytes, etag: str = "") -> str:
        """Have an object; its URL."""
        self.objects[path] = data, etag
        return self.url + path

    def next(self, *turns: Turn) -> None:
        """Set the fate of the next requests, in order."""
        self.turns += turns

    def ranges(self) -> list[str | None]:
        """The Range of every request so far."""
        return [headers.get("range") for _, headers in self.asked]

    def answer(self, handler: BaseHTTPRequestHandler, turn: Turn) -> None:
        """One answer, as the turn wants it."""
        data, etag = self.objects.get(handler.path, (b"", ""))
        status, start = turn.status, 0
        if status == 200 and handler.path not in self.objects:
            status = 404
        asked_range, mark = handler.headers.get("range"), handler.headers.get("if-range")
        if status == 200 and asked_range and self.knows_range and (mark in (None, etag) or not self.knows_if_range):
            start = int(asked_range.removeprefix("bytes=").removesuffix("-"))
            status = 206 if start < len(data) else 416
        body = data[start:] if status in (200, 206) else b""
        handler.send_response(status, turn.reason)
        for name, value in turn.headers.items():
            handler.send_header(name, value)
        if etag:
            handler.send_header("etag", etag)
        if status == 206:
            handler.send_header("content-range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if not (turn.no_length or turn.endless):
            handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body if turn.cut is None else body[: turn.cut])
        handler.wfile.flush()
        while turn.endless and self.is_open:
            handler.wfile.write(body)
        if turn.hold:
            turn.hold.wait(60)
        if turn.cut is not None:
            handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True
