"""A real collector beside a copy: this machine's files and programs, the copy's network.

Nothing on this machine listens for it: it is reached over connections that the copy's first process makes.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bootstrap.errors import CollectorError
from bootstrap.rehearse.copy import Copy

_START_S = 30.0
_ANSWER_S = 60.0
# No check and no service of a spec meets these: an address of the loopback that nothing else listens on, and ports
# below those that the kernel gives to connections. A program that listens on all addresses only takes its own port.
ADDRESS = "127.83.114.9"
_PORTS = range(23_600, 24_000)
_USUAL = ("127.0.0.1", 8443)


class Collector:
    """`bootstrap serve` with a store, a secret and a token of its own, in `folder` or, without it, a temporary one.

    secret: the 32 bytes that report keys are derived from; token: needed for reading. place: the address and port to
    listen on; those of unused_place() meet nothing of a spec.
    """

    def __init__(
        self,
        copy: Copy,
        folder: Path | None = None,
        secret: bytes | None = None,
        *,
        place: tuple[str, int] = _USUAL,
    ) -> None:
        self._copy, self._given = copy, folder
        self.secret = secret or secrets.token_bytes(32)
        self.token = secrets.token_urlsafe(32)
        self.address, self.port = place
        self.url = f"http://{self.address}:{self.port}"
        self._stack = ExitStack()
        self._process: subprocess.Popen[bytes] | None = None
        self._folder = Path()

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
            argv = [
                sys.executable, "-P", "-m", "bootstrap", "serve", "--listen", f"{self.address}:{self.port}",
                "--store", f"sqlite:///{self._folder}/collector.sqlite", "--secret-file", f"{self._folder}/secret",
                "--token-file", f"{self._folder}/token",
            ]  # fmt: skip
            self._process = stack.enter_context(
                self._copy.in_its_network(
                    argv,
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

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + _START_S
        assert self._process is not None
        while True:
            try:
                self.get("/v1/servers")
                return
            except CollectorError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    log = (self._folder / "collector.log").read_text(encoding="utf-8", errors="replace")[-2000:]
                    raise CollectorError(f"the rehearsal's collector does not answer: {log or error}") from error
            time.sleep(0.02)

    def get(self, path: str, *, missing: Any = None) -> Any:
        """The JSON of a GET with the token; `missing`, if given, for a 404. Raises CollectorError for other answers."""
        try:
            status, body = self.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
        except (OSError, http.client.HTTPException) as error:
            raise CollectorError(f"the rehearsal's collector does not answer: {error}") from error
        if status == 404 and missing is not None:
            return missing
        if status != 200:
            raise CollectorError(f"the rehearsal's collector answered {status} to {path}: {body[:200]!r}")
        return json.loads(body)

    def request(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """One HTTP request over a connection of its own: status and body."""
        try:
            link = self._copy.connect(self.port, self.address)
        except Exception as error:
            raise CollectorError(f"the rehearsal's collector cannot be reached: {error}") from error
        link.settimeout(_ANSWER_S)
        with closing(http.client.HTTPConnection(self.address, self.port, timeout=_ANSWER_S)) as connection:
            connection.sock = link
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()


def unused_place(texts: str, *, is_shared: bool) -> tuple[str, int]:
    """An address and a port that the texts of a payload do not name.

    is_shared: in this machine's own network, where the port must be free as well. Raises CollectorError when there is
    none, which would take a text with all of them.
    """
    for port in _PORTS:
        if str(port) not in texts and not (is_shared and _is_taken(port)):
            return ADDRESS, port
    raise CollectorError(f"the rehearsal's collector finds no free port from {_PORTS[0]} to {_PORTS[-1]}")


def _is_taken(port: int) -> bool:
    import socket

    with socket.socket() as any_socket:
        # A port in TIME_WAIT is free for the collector, which sets this option as well.
        any_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            any_socket.bind((ADDRESS, port))
        except OSError:
            return True
    return False


def _private(path: Path, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "w", encoding="ascii") as file:
        file.write(text)
