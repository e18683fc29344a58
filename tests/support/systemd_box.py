"""A Debian of its own with its own systemd as first process, for tests of what starts the runner where no cron is.

    with Machine(tar) as machine:
        machine.put(path, data)
        machine.boot()
        machine.wait_for(lambda: machine.state() == "healthy")

It needs root, systemd-nspawn and a root file system in a tar. It has no network but its loopback.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import pytest
from declared import within

from bootstrap.rehearse.copy import JOURNAL, journal_events

T = TypeVar("T")
# nspawn tidies a folder of this machine unless that is a tmpfs: it gets one in a mount namespace of its own.
BOOT = 'mkdir -p /run/systemd/nspawn && mount -t tmpfs tmpfs /run/systemd/nspawn && exec systemd-nspawn "$@"'
OPTIONS = ("--quiet", "--register=no", "--keep-unit", "--resolv-conf=off", "--timezone=off", "--link-journal=no")

needs_systemd = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("systemd-nspawn") or not shutil.which("mmdebstrap"),
    reason="needs root, systemd-nspawn and mmdebstrap",
)


needs_local_servers = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("systemd-nspawn", "mmdebstrap", "ip"))),
    reason="needs root, systemd-nspawn, mmdebstrap and ip",
)


def service_command(text: str) -> list[str]:
    """The command that systemd runs for a service, by its own rules for quotes and dollars."""
    (line,) = [row for row in text.splitlines() if row.startswith("ExecStart=")]
    return shlex.split(line.removeprefix("ExecStart=").replace("$$", "$"))


class Machine:
    """One machine, switched on by start() or by entering it; its disk stays between boots."""

    def __init__(self, tar: Path, devices: tuple[str, ...] = ()) -> None:
        self.devices = devices  # of this machine, that it sees too
        memory = Path("/dev/shm")
        self.work = Path(tempfile.mkdtemp(prefix="machine-", dir=memory if memory.is_dir() else None))
        self.root = self.work / "root"
        self.root.mkdir(mode=0o755)
        self.process: subprocess.Popen[bytes] | None = None
        subprocess.run(["tar", "-x", "-C", self.root, "--exclude=./dev/*", "-f", tar], check=True)
        # Without one, systemd takes this for a first boot and asks the console; drawn anew it is ours to know.
        (self.root / "etc/machine-id").write_text(os.urandom(16).hex() + "\n")

    def __enter__(self) -> Machine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.power_cut()
        finally:
            shutil.rmtree(self.work, ignore_errors=True)

    def put(self, path: str, data: bytes | str, mode: int = 0o644) -> None:
        """Write a file of its disk; use before the boot, or by a rename that the machine sees."""
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.with_name(f"{target.name}.new")
        new.write_bytes(data.encode() if isinstance(data, str) else data)
        new.chmod(mode)
        new.rename(target)

    def exists(self, path: str) -> bool:
        return os.path.lexists(self.root / path.lstrip("/"))

    def text(self, path: str) -> str:
        try:
            return (self.root / path.lstrip("/")).read_text(errors="replace")
        except OSError:
            return ""

    def boot(self) -> None:
        name = "m" + self.work.name.rsplit("-", 1)[1].replace("_", "").lower()
        argv = ["unshare", "--mount", "sh", "-c", BOOT, "sh", *OPTIONS, "--private-network", "--console=pipe"]
        argv += [f"--bind={device}" for device in self.devices]
        with (self.work / "console").open("ab") as console:
            self.process = subprocess.Popen(
                [*argv, f"--machine={name}", f"--directory={self.root}", "--boot"],
                stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.wait_for(lambda: self.sh("systemctl is-system-running").strip() in ("running", "degraded"), 90)

    def power_cut(self) -> None:
        """Every process gone at once; what was not synced is there all the same, since the kernel lives."""
        if self.process is not None:
            first = self._first()
            if first is not None:
                os.kill(first, signal.SIGKILL)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def _first(self) -> int | None:
        """The pid here of its first process."""
        if self.process is None:
            return None
        try:
            kids = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            return next((int(k) for k in kids if Path(f"/proc/{k}/comm").read_text().strip() == "systemd"), None)
        except OSError:
            return None

    def sh(self, script: str, timeout_s: float = 60) -> str:
        """The output of a script in the machine, both streams; "" before there is one."""
        first = self._first()
        if first is None:
            return ""
        enter = ["nsenter", "--all", "--target", str(first), "--", "/bin/sh", "-c", script]
        done = subprocess.run(enter, env=within(), capture_output=True, text=True, timeout=timeout_s)
        return done.stdout + done.stderr

    def journal(self) -> list[dict[str, Any]]:
        try:
            return journal_events((self.root / JOURNAL.lstrip("/")).read_bytes())
        except OSError:
            return []

    def events(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        return [e for e in self.journal() if e["type"] == kind and all(e.get(k) == v for k, v in fields.items())]

    def state(self) -> str | None:
        states = self.events("state")
        return states[-1]["state"] if states else None

    def wait_for(self, predicate: Callable[[], T], timeout_s: float = 60) -> T:
        """Poll until predicate() is true; fail with what the machine said after timeout_s."""
        deadline = time.monotonic() + timeout_s
        while not (answer := predicate()):
            if time.monotonic() > deadline:
                tail = "\n".join(json.dumps(event) for event in self.journal()[-10:])
                console = (self.work / "console").read_text(errors="replace")[-1500:]
                units = self.sh("systemctl list-units --all 'initialrunner*'; journalctl -n 40 -u 'initialrunner*'")
                pytest.fail(f"not so after {timeout_s} s:\n{tail}\n{units}\nconsole: {console}")
            time.sleep(0.1)
        return answer
