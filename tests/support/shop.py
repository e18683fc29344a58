"""A shop on a simulated cloud in a file: its spec, its deploy file, and `bootstrap` as a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TOP = Path(__file__).resolve().parents[2]
SPEC = """\
version: 1
name: web
values: {release: "1"}
stages:
  - {name: serve, run: "systemctl start web-{{ release }}", verify: systemctl is-active web}
health: {checks: [{http: "http://127.0.0.1:8080/ping", contains: "{{ revision }}"}]}
"""
REPORT = 'report: {url: "https://deploy.internal:8443"}\n'
DEPLOY = """\
version: 1
name: shop
values: {release: "1", fate: good}
cloud: {servers: sim, pool: sim, sim: {state: cloud.json%(sim)s}}
%(collector)stiers:
  - spec: web.yaml
    count: 2
    values: {release: "{{ release }}"}
    server: {fate: "{{ fate }}"}
    pools: [{name: web, port: 8080, listen: 80}]
    gate: {probe: "http://{address}:8080/ping", contains: "{revision}", stable: 5s, deadline: 90s%(gate)s}
    keep_old: 30s
"""
SECRET = "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U="  # 32 bytes in base64, of no other use


class Shop:
    """A folder with the shop. reports: its servers report, to the simulated cloud; sim, gate: more keys of these."""

    def __init__(self, folder: Path, *, reports: bool = False, sim: str = "", gate: str = "") -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "web.yaml").write_text(SPEC + (REPORT if reports else ""))
        self.write(reports=reports, sim=sim, gate=gate)

    def write(self, *, reports: bool = False, sim: str = "", gate: str = "") -> None:
        """Write the deploy file anew."""
        collector = 'collector: {url: "https://deploy.internal:8443"}\n' if reports else ""
        (self.folder / "shop.yaml").write_text(DEPLOY % {"sim": sim, "gate": gate, "collector": collector})

    @property
    def environment(self) -> dict[str, str]:
        """A state folder of its own, and none of the variables of whoever runs the tests."""
        foreign = ("BOOTSTRAP_", "OS_", "CI", "NO_COLOR")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        own = {"XDG_STATE_HOME": str(self.folder / "state"), "PYTHONPATH": str(TOP), "BOOTSTRAP_SECRET": SECRET}
        return inherited | own | {"TZ": "UTC", "TERM": "xterm"}

    def argv(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "bootstrap", *words]

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """One verb, to its end. Nobody answers its questions."""
        return subprocess.run(
            self.argv(*words), cwd=self.folder, env=self.environment | variables, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    def deploy(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("deploy", "shop.yaml", "--yes", *words)

    @contextmanager
    def at_work(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        """A deploy of the second release, at work. Its records come through a pipe; it does not outlive the block."""
        process = subprocess.Popen(
            self.argv("deploy", "shop.yaml", "--yes", "--set", "release=2", "--json", *words), cwd=self.folder,
            env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            # Tests may run as a background job, whose programs ignore SIGINT, and so would the deployer on purpose.
            preexec_fn=heed_interrupts,
        )  # fmt: skip
        # It waits for the process and closes the pipes.
        with process:
            try:
                yield process
            finally:
                process.kill()

    @property
    def world(self) -> Any:
        """The simulated cloud as it is in its file."""
        return json.loads((self.folder / "cloud.json").read_text())

    def machines(self) -> list[str]:
        """The names of the servers that exist."""
        world = self.world
        return sorted(m["name"] for m in world["machines"] if world["clock"] < m["gone_at"])

    def members(self) -> list[str]:
        """The names of the members of the pool."""
        (pool,) = self.world["balancers"]
        return sorted(seat["name"] for seat in pool["seats"])


def records(text: str) -> list[dict[str, Any]]:
    """JSON lines."""
    return [json.loads(line) for line in text.splitlines()]


def heed_interrupts() -> None:
    """Let a child be ended by SIGINT, as a program is that a person has started."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def read_until(process: subprocess.Popen[str], **wanted: str) -> dict[str, Any]:
    """Read records until one has these values."""
    assert process.stdout is not None
    for line in process.stdout:
        record: dict[str, Any] = json.loads(line)
        if all(record.get(name) == value for name, value in wanted.items()):
            return record
    process.wait()
    raise AssertionError(f"no record with {wanted}: {process.stderr.read() if process.stderr else ''}")


def types(found: Sequence[dict[str, Any]]) -> list[str]:
    return [str(record["type"]) for record in found]
