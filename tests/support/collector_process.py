"""A real `bootstrap serve` in a process of its own, on a free port, and requests to it."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import reports
import requests

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-token-for-tests-0123456789"
DEPLOY_TOKEN = "a-token-with-the-right-to-deploy"


class CollectorProcess:
    """Starts and stops a collector whose files are in `folder`; start() after kill() is the same collector again.

    root: the tree whose `bootstrap` it runs.
    """

    def __init__(self, folder: Path, *arguments: str, store: str | None = None, root: Path = ROOT) -> None:
        self.folder, self.arguments, self.root = folder, arguments, root
        self.store = store or f"sqlite:///{folder}/collector.db"
        secret = base64.b64encode(reports.SECRET).decode()
        for name, text in (("secret", secret), ("token", TOKEN), ("deploy-token", DEPLOY_TOKEN)):
            (folder / name).write_text(text + "\n")
            (folder / name).chmod(0o600)
        self.session = requests.Session()
        self.process: subprocess.Popen[str] | None = None
        self.url = ""
        self.ca: Path | None = None

    def start(self, port: int = 0) -> Self:
        """Start it and wait until it says where it listens. port: the one to listen on; 0: a free one."""
        argv = [
            sys.executable, "-m", "bootstrap", "serve", "--listen", f"127.0.0.1:{port}", "--store", self.store,
            "--secret-file", str(self.folder / "secret"), "--token-file", str(self.folder / "token"),
            "--deploy-token-file", str(self.folder / "deploy-token"), *self.arguments,
        ]  # fmt: skip
        with (self.folder / "stderr").open("a") as errors:
            self.process = subprocess.Popen(
                argv, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(self.root)},
            )  # fmt: skip
        assert self.process.stdout
        line = self.process.stdout.readline()
        assert line.startswith("listening on "), line + self.errors()
        self.url = line.split()[-1]
        return self

    def errors(self) -> str:
        """The collector's stderr so far."""
        return (self.folder / "stderr").read_text()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal it and return how it ended."""
        if self.process is None:
            return 0
        process, self.process = self.process, None
        process.send_signal(number)
        code = process.wait(20)
        if process.stdout:
            process.stdout.close()
        return code

    def kill(self) -> None:
        """As a power cut, for the process."""
        self.stop(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.session.close()
        if self.process is not None:
            self.stop(signal.SIGKILL)

    # --- asking -----------------------------------------------------------------------------------------------------

    def ask(self, method: str, path: str, *, token: bool = True, **more: Any) -> requests.Response:
        """One request, with the token unless told otherwise."""
        headers = {"authorization": f"Bearer {TOKEN}"} if token else {}
        headers |= more.pop("headers", {})
        more = {"verify": str(self.ca) if self.ca else None, "allow_redirects": False, "timeout": 60, **more}
        return self.session.request(method, self.url + path, headers=headers, **more)

    def get(self, path: str) -> Any:
        """The JSON of a GET that must succeed."""
        response = self.ask("GET", path)
        assert response.status_code == 200, response.text
        return response.json()

    def waiters(self) -> int:
        """The number of long polls and streams that it holds open."""
        lines = self.ask("GET", "/metrics").text.splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("initialrunner_collector_waiters "))

    def deploy(self, method: str, path: str, **more: Any) -> requests.Response:
        """One request with the token that has the right to deploy."""
        return self.ask(method, path, headers={"authorization": f"Bearer {DEPLOY_TOKEN}"}, **more)

    def send(self, content: bytes, headers: dict[str, str]) -> requests.Response:
        """POST /v1/events as it is given, without a token, as hosts do."""
        return self.ask("POST", "/v1/events", token=False, data=content, headers=headers)

    def report(self, events: list[dict[str, Any]], **more: Any) -> int:
        """Send a signed report that must be taken: how far it is acknowledged."""
        response = self.send(*reports.signed(events, **more))
        assert response.status_code == 200, response.text
        acked = response.json()["acked"]
        assert isinstance(acked, int)
        return acked


def until(question: Callable[[], bool], seconds: float = 20.0) -> None:
    """Ask again and again until the answer is yes; fail when it never is."""
    end = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < end, "it did not come to pass"


def assert_error(response: requests.Response, status: int, code: str) -> str:
    """The one error shape; its message, for those that compare it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    shape = response.json()
    assert list(shape) == ["error"] and sorted(shape["error"]) == ["code", "message"], shape
    assert shape["error"]["code"] == code
    message = shape["error"]["message"]
    assert isinstance(message, str) and message
    return message
