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

from bootstrap.payload.split import runner_text

# To another port of loopback, where nothing listens.
ELSEWHERE = "http://127.0.0.1:9/elsewhere"


class RunnerServer:
    """A real HTTP server. answers: how the next requests are answered, the first one first; then all are right.

    "right"; "404", "403" and "500"; "other" (another text of the same length), "cut" (the connection ends half way),
    "short" (half of it, said to be all), "empty", "redirect" (to plain http elsewhere), "slow" (a byte now and then),
    "silent" (no answer until the server ends). asked: the path of each request.
    """

    def __init__(self) -> None:
        server = self
        self.answers: list[str] = []
        self.asked: list[str] = []
        self.agents: list[str] = []
        self._ends = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.asked.append(self.path)
                server.agents.append(self.headers.get("User-Agent", ""))
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
        if way == "silent":
            self._ends.wait()
            return
        if way.isdecimal():
            request.send_error(int(way))
            return
        if way == "redirect":
            request.send_response(302)
            request.send_header("Location", ELSEWHERE)
            request.end_headers()
            return
        half = text[: len(text) // 2]
        body = {"other": text[:-1] + b"~", "short": half, "empty": b"", "cut": half}.get(way, text)
        request.send_response(200)
        request.send_header("Content-Length", str(len(text) if way == "cut" else len(body)))
        request.end_headers()
        if way == "slow":
            for byte in body:
                if self._ends.is_set():
                    return
                request.wfile.write(bytes([byte]))
                time.sleep(1)
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
