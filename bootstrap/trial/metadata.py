"""A metadata service as OpenStack and EC2 have one, on this machine's loopback, for as long as a block lasts."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

# EC2's second version: a token is asked for by PUT, and goes with each question.
_TOKEN_PATH, _TOKEN_HEADER = "latest/api/token", "X-aws-ec2-metadata-token"
_LIFETIME_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"
_EC2 = "latest/"
_SILENCE_S = 30


class MetadataService:
    """Answers GET with the content of a path. Paths of EC2 (`latest/...`) need a token, as with IMDSv2 required."""

    def __init__(self, content: Mapping[str, bytes]) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(content))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(content: Mapping[str, bytes]) -> type[BaseHTTPRequestHandler]:
    token = secrets.token_urlsafe(32)

    class Handler(BaseHTTPRequestHandler):
        """One connection of the guest's."""

        timeout = _SILENCE_S

        def do_PUT(self) -> None:
            """Give a token."""
            self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 4096))
            if self._path() != _TOKEN_PATH:
                self._answer(HTTPStatus.METHOD_NOT_ALLOWED)
            elif self.headers.get(_LIFETIME_HEADER) is None:
                self._answer(HTTPStatus.BAD_REQUEST)
            else:
                self._answer(HTTPStatus.OK, token.encode())

        def do_GET(self) -> None:
            """Give a file of the metadata."""
            path = self._path()
            if path.startswith(_EC2) and not secrets.compare_digest(
                self.headers.get(_TOKEN_HEADER, "").encode(), token.encode()
            ):
                self._answer(HTTPStatus.UNAUTHORIZED)
                return
            # A folder is asked for with its slash or without.
            body = content.get(path, content.get(f"{path}/", content.get(path.rstrip("/"))))
            self._answer(HTTPStatus.NOT_FOUND if body is None else HTTPStatus.OK, body or b"")

        def _path(self) -> str:
            return self.path.split("?")[0].lstrip("/")

        def _answer(self, status: HTTPStatus, body: bytes = b"") -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: a trial's own lines are on the terminal."""

    return Handler
