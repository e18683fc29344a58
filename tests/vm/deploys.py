"""A deployer beside the guests: a real collector on this machine's loopback, and payloads that report to it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import reports
from collector_process import ROOT, CollectorProcess
from guest import HOST, Guest

import bootstrap
from bootstrap.rendering import Rendering
from bootstrap.runner.host import BUNDLE, COMMAND, TRIGGER
from bootstrap.trial.machine import MachineError

HELLO = ROOT / "examples" / "hello" / "hello.yaml"
STARTERS = ("initialrunner.timer", "initialrunner.service", "multi-user.target.d/initialrunner.conf")
LOG = "/var/log/ran"  # what the stages of a test write into
HEALTHY_S = 240.0  # a boot takes 12 s on a quiet machine, and this one may be busy


class Deploys:
    """folder: for the collector's files and for specs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.collector = CollectorProcess(folder, "--allow-host", HOST)

    def __enter__(self) -> Self:
        self.collector.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.collector.__exit__(kind, error, trace)

    @property
    def url(self) -> str:
        """The collector's, as a guest reaches it."""
        return f"http://{HOST}:{self.collector.url.rsplit(':', 1)[1]}"

    def render(self, spec: Path | str = HELLO, server: str = "vm-1", **values: Any) -> Rendering:
        """The payload of a spec, a file or its text."""
        if isinstance(spec, str):
            path = self.folder / "spec.yaml"
            path.write_text(spec)
            spec = path
        plan = bootstrap.load(spec).plan(server, values, report_url=self.url)
        return plan.render(reports.SECRET)

    # --- what it heard ----------------------------------------------------------------------------------------------

    def known(self, payload: Rendering) -> dict[str, Any]:
        """All about the payload's server; {} before its first report."""
        query = f"?deploy_id={payload.deploy_id}"
        response = self.collector.ask("GET", f"/v1/servers/{payload.server}{query}")
        found: dict[str, Any] = response.json() if response.status_code == 200 else {}
        return found

    def events(self, payload: Rendering, kind: str = "", **fields: Any) -> list[dict[str, Any]]:
        """Its events in order: those of one type, with these values."""
        if not self.known(payload):
            return []
        path = f"/v1/servers/{payload.server}/events?deploy_id={payload.deploy_id}"
        found: list[dict[str, Any]] = self.collector.get(path)["events"]
        return [e for e in found if kind in ("", e["type"]) and all(e.get(k) == v for k, v in fields.items())]

    def wait_healthy(self, guest: Guest, payload: Rendering, timeout_s: float = HEALTHY_S) -> float:
        """Seconds from the guest's power on until the collector knows that it is healthy. A failure ends it at once."""

        def healthy() -> bool:
            state = self.known(payload).get("state")
            if state == "failed":
                raise MachineError(f"{payload.server} has failed")
            return state == "healthy"

        try:
            guest.wait_for(healthy, timeout_s, f"{payload.server} is healthy")
        except MachineError as error:
            raise MachineError(f"{error}\nheard of it: {self.events(payload)[-5:]}") from error
        return guest.since()

    def bootstrap(self, *argv: str, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
        """A verb of the command line that asks the collector."""
        asked = ["--collector", self.collector.url, "--token-file", str(self.folder / "token")]
        return subprocess.run(
            [sys.executable, "-m", "bootstrap", *argv, *asked], cwd=ROOT, capture_output=True, text=True,
            timeout=timeout_s,
        )  # fmt: skip


def tree(payload: Rendering) -> dict[str, bytes]:
    """All files that the payload may come as: the bundle, files with `deliver: inject`, rc.local, units, trigger."""
    return {file.path: file.content for file in payload.pack("tree").payload.files}


def started_by_the_image(payload: Rendering) -> dict[str, bytes]:
    """The same without what starts it: for an image that has the runner in it."""
    starters = {TRIGGER, *(f"/etc/systemd/system/{name}" for name in STARTERS)}
    return {path: content for path, content in tree(payload).items() if path not in starters}


def assert_clean(guest: Guest) -> None:
    """Success leaves the command and the journal behind, and nothing that starts anything."""
    there = " ".join((TRIGGER, BUNDLE, *(f"/etc/systemd/system/{name}" for name in STARTERS)))
    guest.wait_for(lambda: guest.sh(f"ls {there} 2>/dev/null || :") == "", 60, "trigger and bundle are gone")
    assert json.loads(guest.sh(f"{COMMAND} status --json"))["state"] == "healthy"
    assert guest.sh("systemctl --failed --plain --no-legend") == ""
