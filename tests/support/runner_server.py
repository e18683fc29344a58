"""A source of the runner's text on loopback, which can answer in every wrong way that a source on the internet can.

    with RunnerServer() as server:
        carrier = rendering.pack("user-data", runner_from=[server.url]).payload.carrier
        server.answers = ["404", "cut"]              # the next two requests; then it answers right
"""

from __future__ import annotations

import http.server
import threading
import time
from types import TracebackType

from bundle_server import holders

from bootstrap.payload.split import runner_text

# To another port of loopback, where nothing listens.
ELSEWHERE = "http://127.0.0.1:9/elsewhere"


class RunnerServer:
    """A real HTTP server. answers: how the next requests are answered, the first one first; then all are right.

    "right"; "404", "403" and "500"; "other" (another text of the same length), "cut" (the connection ends half way),
    "short" (half of it, said to be all), "empty", "redirect" (to plain http elsewhere), "lead" (to plain http, where
    the right text is), "slow" (a byte now and then), "silent" (no answer until the server ends), "late" (right, once
    `open` is set). "cut", "short", "other" and "silent" may name the byte at which it happens, as "cut@1000"; then
    "slow@1000" pauses there for a second, and "silent@1000" ends after one. asked: the path of each request. held:
    processes whose arguments hold the word `secret` while one asks.
    """

    def __init__(self) -> None:
        server = self
        self.answers: list[str] = []
        self.asked: list[str] = []
        self.agents: list[str] = []
        self.secret, self.held, self.open = "", list[bytes](), threading.Event()
        self._ends = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                server.agents.append(self.headers.get("User-Agent", ""))
                if server.secret:
                    server.held += holders(server.secret.encode())
                way = server.answers.pop(0) if server.answers else "right"
                server.answer(self, way)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.origin}/runner/"

    def answer(self, request: http.server.BaseHTTPRequestHandler, way: str) -> None:
        """Answer one request in this way."""
        text = runner_text().content
        way, _, place = way.partition("@")
        at = int(place or len(text) // 2)
        if way == "late":
            self.open.wait(60)
        if way == "silent" and not place:
            self._ends.wait()
            return
        if way.isdecimal():
            request.send_error(int(way))
            return
        if way in ("redirect", "lead"):
            request.send_response(302)
            request.send_header("Location", ELSEWHERE if way == "redirect" else f"{self.origin}/right")
            request.end_headers()
            return
        altered = text[:at] + bytes([text[at] ^ 1]) + text[at + 1 :]
        body = {"other": altered, "short": text[:at], "empty": b""}.get(way, text)
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if way == "slow" and not place:
            for byte in body:
                if self._ends.is_set():
                    return
                request.wfile.write(bytes([byte]))
                time.sleep(1)
        elif way in ("cut", "silent", "slow"):
            request.wfile.write(body[:at])
            if way != "cut":
                self._ends.wait(1)
            if way == "slow":
                request.wfile.write(body[at:])
        else:
            request.wfile.write(body)

    def __enter__(self) -> RunnerServer:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ends.set()
        self._server.shutdown()
        self._server.server_close()
