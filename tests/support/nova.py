"""A real Nova on loopback for tests: requests to it, and what its driver's spawn() was given to bring to a server.

    with Nova() as nova:
        got = nova.create(personality=[…], user_data="…")      # waits until the server is ACTIVE
        got.files, got.user_data, got.drive["openstack/latest/meta_data.json"]

nova_process.py is the program. One request at a time and one build at a time: where builds overlapped, it has
been seen to hang. What hangs all the same is ended after a time limit, and the work is tried once more on a new one.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import pytest
import requests
import venvs

T = TypeVar("T")
# Nova's fixtures always have this image and this flavour.
IMAGE, FLAVOR = "155d900f-4e14-4e4c-a73d-069cbf4541e6", "1"
START_S, REQUEST_S, BUILD_S = 90, 30, 45


class Hung(Exception):
    """Nova did not answer in time."""


@dataclass(frozen=True)
class Spawned:
    """The driver's input for one server. files: (path, content), in order; drive: a config drive, by path."""

    files: tuple[tuple[str, bytes], ...]
    user_data: bytes | None
    config_drive: bool
    drive: dict[str, bytes]


class Nova:
    """Started and stopped as a context; `urls` names its API and its Keystone while it runs."""

    def __init__(self) -> None:
        self.urls: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._taken: set[str] = set()

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which OpenStack's clients find the cloud and the user."""
        return {
            "OS_AUTH_URL": f"{self.urls['keystone']}/v3",
            "OS_USERNAME": "fake",
            "OS_PASSWORD": "fake",
            "OS_PROJECT_NAME": "demo",
            "OS_USER_DOMAIN_NAME": "Default",
            "OS_PROJECT_DOMAIN_NAME": "Default",
            "OS_REGION_NAME": "one",
            "OS_IDENTITY_API_VERSION": "3",
        }

    def request(
        self, method: str, path: str, body: Any = None, *, microversion: str = "2.1"
    ) -> tuple[int, dict[str, Any]]:
        """One request to the compute API: its status and its JSON."""
        headers = {"X-Auth-Token": "a-token", "OpenStack-API-Version": f"compute {microversion}"}
        try:
            answer = requests.request(
                method, f"{self.urls['nova']}/v2.1{path}", json=body, headers=headers, timeout=REQUEST_S
            )
        except requests.Timeout as error:
            raise Hung(path) from error
        return answer.status_code, answer.json() if answer.content else {}

    def post(self, *, microversion: str = "2.1", **server: Any) -> tuple[int, dict[str, Any]]:
        """Ask for a server, and wait for no more than the answer."""
        create = {"name": "web-1", "imageRef": IMAGE, "flavorRef": FLAVOR, **server}
        return self.twice(lambda: self.request("POST", "/servers", {"server": create}, microversion=microversion))

    def create(self, *, microversion: str = "2.1", **server: Any) -> Spawned:
        """Make a server and wait until it is ACTIVE."""

        def make() -> Spawned:
            create = {"name": "web-1", "imageRef": IMAGE, "flavorRef": FLAVOR, **server}
            status, answer = self.request("POST", "/servers", {"server": create}, microversion=microversion)
            assert status == 202, answer
            return self.built()

        return self.twice(make)

    def refused(self, status: int, *, microversion: str = "2.1", **server: Any) -> str:
        """Ask for a server that Nova must refuse with that status; what it says."""
        code, body = self.post(microversion=microversion, **server)
        assert code == status, body
        (answer,) = body.values()
        return str(answer["message"])

    def built(self) -> Spawned:
        """Wait until the newest server, whoever asked for it, is ACTIVE; each is given once."""
        deadline = time.monotonic() + BUILD_S
        while time.monotonic() < deadline:
            _, listing = self.request("GET", "/servers/detail")
            new = [server for server in listing["servers"] if server["id"] not in self._taken]
            assert len(new) <= 1 and all(server["status"] in {"BUILD", "ACTIVE"} for server in new), new
            if new and new[0]["status"] == "ACTIVE":
                self._taken.add(new[0]["id"])
                return self._spawned(new[0]["id"])
            # Not to be in the way of the build.
            time.sleep(0.1)
        raise Hung("no server became ACTIVE")

    def twice(self, work: Callable[[], T]) -> T:
        """Do work that asks Nova; where Nova hangs, once more with a new one."""
        try:
            return work()
        except (Hung, subprocess.TimeoutExpired):
            self._stop()
            self._start()
            return work()

    def _spawned(self, server: str) -> Spawned:
        assert self._folder
        spawned = json.loads((Path(self._folder.name) / "spawned" / f"{server}.json").read_text(encoding="utf-8"))
        return Spawned(
            tuple((path, base64.b64decode(content)) for path, content in spawned["injected_files"]),
            base64.b64decode(spawned["user_data"]) if spawned["user_data"] is not None else None,
            spawned["config_drive"],
            {path: base64.b64decode(content) for path, content in spawned["drive"].items()},
        )

    def _start(self) -> None:
        python = venvs.python("nova")
        self._folder = tempfile.TemporaryDirectory(prefix="nova-", ignore_cleanup_errors=True)
        folder = Path(self._folder.name)
        (folder / "tmp").mkdir()
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "OS_"))}
        with (folder / "said").open("wb") as log:
            self._process = subprocess.Popen(
                [python, "-P", "-W", "ignore", Path(__file__).with_name("nova_process.py"), folder],
                # -P: this folder has a nova of its own.
                stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=folder,
                env={**environment, "TMPDIR": str(folder / "tmp")},
            )  # fmt: skip
        urls = folder / "urls.json"
        deadline = time.monotonic() + START_S
        while not urls.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                text = (folder / "said").read_text(errors="replace")
                self._stop()
                pytest.fail(f"Nova did not start:\n{text[-3000:]}")
            time.sleep(0.1)
        self.urls = json.loads(urls.read_text(encoding="utf-8"))
        self._taken.clear()

    def _stop(self) -> None:
        if self._process:
            assert self._process.stdin
            self._process.kill()
            self._process.wait(timeout=30)
            self._process.stdin.close()
        if self._folder:
            self._folder.cleanup()
        self._process = self._folder = None
