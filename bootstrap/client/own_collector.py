"""A collector of one's own: `bootstrap serve` as a child, for as long as a block lasts, and what it has heard."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bootstrap.errors import CollectorError

_START_S = 30.0
_ANSWER_S = 60.0
_END_S = 5.0


class OwnCollector:
    """`bootstrap serve` with a store, a secret and a token of its own, in `folder` or, without it, a temporary one.

    place: the address and port to listen on, port 0 for a free one; secret: the 32 bytes that report keys are derived
    from; token: needed for reading; allow_hosts: other names by which servers reach it; purpose: whose it is, for
    messages. A subclass may start it, and connect to it, in another network.
    """

    def __init__(
        self,
        place: tuple[str, int],
        folder: Path | None = None,
        secret: bytes | None = None,
        *,
        allow_hosts: Sequence[str] = (),
        purpose: str,
    ) -> None:
        self.address, self.port = place
        self.secret = secret or secrets.token_bytes(32)
        self.token = secrets.token_urlsafe(32)
        self._given, self._allowed, self._purpose = folder, tuple(allow_hosts), purpose
        self._stack = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path()

    @property
    def url(self) -> str:
        """Where it listens. With port 0 it is known once the block has begun."""
        return f"http://{self.address}:{self.port}"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            if self._given is None:
                self._folder = Path(tempfile.mkdtemp(prefix="initialrunner-collector-"))
                stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
            else:
                self._folder = self._given
                self._folder.mkdir(parents=True, exist_ok=True)
            _private(self._folder / "secret", base64.b64encode(self.secret).decode() + "\n")
            _private(self._folder / "token", self.token + "\n")
            log = stack.enter_context((self._folder / "collector.log").open("wb"))
            # The package may be run from a checkout: its folder comes first, and -P keeps a bootstrap.py of the
            # caller out. The working folder stays the caller's, since the names of its files are relative to it.
            places = [str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))}
            self._process = stack.enter_context(
                self.start(
                    self._command(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    env=environment,
                )
            )
            self._wait_ready()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def start(self, argv: Sequence[str], **popen: Any) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """Start the program for as long as a block lasts."""
        return child(argv, **popen)

    def connect(self) -> socket.socket:
        """A connection to it."""
        return socket.create_connection((self.address, self.port), _ANSWER_S)

    def _command(self) -> list[str]:
        allowed = [word for name in self._allowed for word in ("--allow-host", name)]
        return [
            sys.executable, "-P", "-m", "bootstrap", "serve", "--listen", f"{self.address}:{self.port}",
            "--store", f"sqlite:///{self._folder}/collector.sqlite", "--secret-file", f"{self._folder}/secret",
            "--token-file", f"{self._folder}/token", *allowed,
        ]  # fmt: skip

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + _START_S
        assert self._process is not None
        while True:
            try:
                # Its first line names the port, which it may have chosen itself.
                if not self.port and (listens := re.search(r"listening on \S+:(\d+)", self._log())):
                    self.port = int(listens[1])
                if self.port:
                    self.get("/v1/servers")
                    return
                error: CollectorError | None = None
            except CollectorError as refusal:
                error = refusal
            if self._process.poll() is not None or time.monotonic() > deadline:
                reason = self._log()[-2000:] or error
                raise CollectorError(f"{self._purpose} collector does not answer: {reason}") from error
            time.sleep(0.02)

    def _log(self) -> str:
        return (self._folder / "collector.log").read_text(encoding="utf-8", errors="replace")

    def get(self, path: str, *, missing: Any = None) -> Any:
        """The JSON of a GET with the token; `missing`, if given, for a 404. Raises CollectorError for other answers."""
        try:
            status, body = self.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
        except (OSError, http.client.HTTPException) as error:
            raise CollectorError(f"{self._purpose} collector does not answer: {error}") from error
        if status == 404 and missing is not None:
            return missing
        if status != 200:
            raise CollectorError(f"{self._purpose} collector answered {status} to {path}: {body[:200]!r}")
        return json.loads(body)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """One HTTP request over a connection of its own: status and body."""
        try:
            link = self.connect()
        except Exception as error:
            raise CollectorError(f"{self._purpose} collector cannot be reached: {error}") from error
        link.settimeout(_ANSWER_S)
        with closing(http.client.HTTPConnection(self.address, self.port, timeout=_ANSWER_S)) as connection:
            connection.sock = link
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()


@contextlib.contextmanager
def child(argv: Sequence[str], **popen: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program, which ends with the block."""
    # If this process is killed, nobody else would end the program.
    with subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *argv], **popen) as process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()


def _private(path: Path, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "w", encoding="ascii") as file:
        file.write(text)
