"""The server behind a presigned URL: a real HTTP server on loopback, which gives the bundle for the very query only.

    with BundleServer() as server:
        server.body = packed.payload.bundle          # server.url is known before it
"""

from __future__ import annotations

import http.server
import threading
from pathlib import Path
from types import TracebackType

import presigned


class BundleServer:
    """asked: the path and query of each request; told: processes whose arguments or environment held the signature.

    refuse: how many requests are answered with 403 first; open: cleared, each answer waits for it.
    """

    def __init__(self) -> None:
        server = self
        self.body, self.refuse = b"", 0
        self.asked: list[str] = []
        self.told: list[bytes] = []
        self.open = threading.Event()
        self.open.set()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                # Whoever asks is at work now: what a process list shows of it.
                server.told += holders(presigned.SIGNATURE.encode())
                server.open.wait(60)
                server.refuse -= 1
                is_right = self.path == server.url[len(server.origin) :] and server.refuse < 0
                self.send_response(200 if is_right else 403)
                self.send_header("Content-Length", str(len(server.body) if is_right else 0))
                self.end_headers()
                self.wfile.write(server.body if is_right else b"")

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.url = presigned.url(f"{self.origin}/web-1/bundle")

    def __enter__(self) -> BundleServer:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.open.set()
        self._server.shutdown()
        self._server.server_close()


def holders(word: bytes) -> list[bytes]:
    """The arguments and environments of all processes of this machine that hold a word."""
    held = []
    for path in (*Path("/proc").glob("[0-9]*/cmdline"), *Path("/proc").glob("[0-9]*/environ")):
        try:
            text = path.read_bytes()
        except OSError:
            continue  # it has ended
        if word in text:
            held.append(text)
    return held
