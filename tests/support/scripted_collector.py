"""A server that answers as a test has written down, in place of a collector."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from typing import Any


class Scripted(BaseHTTPRequestHandler):
    """Answers what the test has put down, and remembers what it was asked."""

    script: list[tuple[int, Any]] = []
    asked: list[tuple[str, str | None]] = []
    bodies: list[Any] = []

    def do_GET(self) -> None:
        type(self).asked.append((self.path, self.headers.get("authorization")))
        length = int(self.headers.get("content-length", 0))
        if length:
            body = self.rfile.read(length)
            is_json = self.headers.get("content-type") == "application/json"
            type(self).bodies.append(json.loads(body) if is_json else body)
        status, answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        if status == 302:
            self.send_header("location", "http://169.254.169.254/")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_PUT = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass
