"""A copy of this machine for tests of what runs on hosts: files in, ticks, kills and reboots, the journal out.

    with Box(payload.files) as box:
        box.tick()                                   # what cron's every-minute line does, waited for
        box.wait_for(lambda: box.state() == "healthy")

It needs root. No cron runs unless asked for; nothing of it is left after the block.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import pytest
from declared import within

from bootstrap.payload import crontab
from bootstrap.payload.model import InjectedFile
from bootstrap.rehearse import cronline
from bootstrap.rehearse.collector import Collector
from bootstrap.rehearse.copy import JOURNAL, STATE, Copy

T = TypeVar("T")
# Another root file system to copy in place of this machine's: the same tests on another distribution, another Python.
ROOT = Path(os.environ["INITIALRUNNER_TEST_ROOT"]) if "INITIALRUNNER_TEST_ROOT" in os.environ else None
TRIGGER = "/etc/cron.d/initialrunner"
LOCK = "/run/initialrunner.lock"

# Another wall clock for one program: preloaded, told by its environment what time it is.
FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)

needs_faketime = pytest.mark.skipif(FAKETIME is None, reason="needs libfaketime (apt-get install faketime)")
needs_cron = pytest.mark.skipif(not shutil.which("cron"), reason="needs Debian's cron")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


class Box:
    """One copy. payload_files: injected at once, mode inject_mode as Nova does; cron: None, "fast" or "real".

    other keyword arguments are Copy's (network, size, machine_id, dmi, root).
    """

    def __init__(
        self,
        payload_files: Iterable[InjectedFile] = (),
        *,
        cron: str | None = None,
        server: str = "box-1",
        inject_mode: int = 0o400,
        tick_s: float = 1.0,
        **options: Any,
    ) -> None:
        self.copy = Copy(server, **{"root": ROOT, **options})
        self._files, self._cron, self._mode, self._tick_s = tuple(payload_files), cron, inject_mode, tick_s
        self._stack = ExitStack()

    def __enter__(self) -> Box:
        self._stack.enter_context(self.copy)
        try:
            for file in self._files:
                self.put(file.path, file.content, self._mode)
            if self._cron:
                self.boot()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    # --- files ---

    def put(
        self, path: str, data: bytes | str, mode: int = 0o644, owner: tuple[int, int] = (0, 0), method: str = "rename"
    ) -> float:
        """Write a file, its folders made; the monotonic time of its last byte. method: rename | direct | append."""
        content = data.encode() if isinstance(data, str) else data
        return self.copy.put(path, content, mode=mode, owner=owner, method=method)

    def read(self, path: str) -> bytes | None:
        """A file of the box, None when it is not there."""
        return self.copy.read(path)

    def text(self, path: str) -> str:
        """The same as text; "" when it is not there."""
        return (self.read(path) or b"").decode(errors="replace")

    def exists(self, path: str) -> bool:
        return self.run("test", "-e", path).returncode == 0

    def stat(self, path: str) -> tuple[str, str, int]:
        """(mode as "0644", "user:group", size) of a file, links not followed."""
        mode, owner, size = self.sh(f"stat -c '%04a %U:%G %s' '{path}'").stdout.split()
        return mode, owner, int(size)

    # --- processes ---

    def run(self, *argv: str, timeout_s: float = 60, **how: Any) -> subprocess.CompletedProcess[str]:
        """A program, with a login's PATH."""
        return self.copy.run(argv, timeout_s=timeout_s, **how)

    def sh(self, script: str, timeout_s: float = 60, **how: Any) -> subprocess.CompletedProcess[str]:
        """A script for /bin/sh; a failure is the caller's to judge."""
        return self.run("/bin/sh", "-c", script, timeout_s=timeout_s, **how)

    def from_outside(self, script: str, timeout_s: float = 60) -> str:
        """A script by this machine's root in the box's mounts: its own root may neither mount nor set limits."""
        argv = ["nsenter", "--mount", "--target", str(self.copy.pid), "--", "/bin/sh", "-euc", script]
        done = subprocess.run(argv, env=within(), capture_output=True, text=True, timeout=timeout_s)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def python(self, source: str, timeout_s: float = 60) -> str:
        """The output of a small Python program, which must succeed."""
        done = self.run("/usr/bin/python3", "-c", source, timeout_s=timeout_s)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def tick(
        self, timeout_s: float = 120, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the every-minute command just as cron would, and wait for it. environment: added, for tests."""
        return self._cron_command("* * * * *", timeout_s, environment)

    def at_reboot(self, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        """The same for the @reboot line."""
        return self._cron_command(cronline.REBOOT, timeout_s, None)

    def _cron_command(
        self, schedule: str, timeout_s: float, added: Mapping[str, str] | None
    ) -> subprocess.CompletedProcess[str]:
        data = self.read(TRIGGER)
        assert data is not None, f"there is no {TRIGGER}"
        mode, owner, _ = self.stat(TRIGGER)
        # 0o100000: a regular file.
        refused = cronline.refusal("initialrunner", int(mode, 8) | 0o100000, 0 if owner.startswith("root:") else 1)
        assert refused is None, f"cron would not read {TRIGGER}: {refused}"
        parsed = crontab.parse(data)
        assert parsed.refusal is None, f"cron would ignore {TRIGGER}: {parsed.refusal}"
        (entry,) = [entry for entry in parsed.entries if entry.schedule == schedule]
        variables = cronline.variables(entry, "/root")
        return self.run(
            variables["SHELL"], "-c", entry.command, cwd="/root", timeout_s=timeout_s,
            environment={**variables, **(added or {})}, input=cronline.stdin_text(entry).encode(),
        )  # fmt: skip

    def kill_runner(self) -> int | None:
        """SIGKILL to the runner that holds the lock, its pid; None when none does. What it started lives on."""
        held = self.sh(f"test -s {LOCK} && ! flock -n {LOCK} true && cat {LOCK}")
        if held.returncode != 0:
            return None
        pid = int(held.stdout)
        self.copy.kill(pid)
        return pid

    # --- power ---

    def boot(self) -> None:
        """Start rc.local and, if the box has one, cron; after power_cut() it switches the box on."""
        self.copy.boot(cron=self._cron, tick_s=self._tick_s)

    def reboot(self) -> None:
        self.copy.reboot()

    def power_cut(self) -> None:
        self.copy.power_cut()

    # --- what came of it ---

    def journal(self) -> list[dict[str, Any]]:
        """Every event of the present journal."""
        return self.copy.journal()

    def events(self, kind: str, **fields: Any) -> list[dict[str, Any]]:
        """Those of one type, with these values."""
        return [e for e in self.journal() if e["type"] == kind and all(e.get(k) == v for k, v in fields.items())]

    def state(self) -> str | None:
        """The server's last journalled state."""
        states = self.events("state")
        return states[-1]["state"] if states else None

    def log(self, stage: str) -> str:
        """The output of a stage."""
        return self.text(f"{STATE}/logs/{stage}.log")

    def syslog(self) -> str:
        """The text that was sent to /dev/log, cron's own words included."""
        return self.text("/var/log/syslog")

    def console(self) -> str:
        return self.text("/dev/console")

    def wait_for(self, predicate: Callable[[], T], timeout_s: float = 30) -> T:
        """Poll until predicate() is true and give what it returned; fail, with the journal, after timeout_s."""
        deadline = time.monotonic() + timeout_s
        while True:
            answer = predicate()
            if answer:
                return answer
            if time.monotonic() > deadline:
                tail = "\n".join(json.dumps(event) for event in self.journal()[-10:])
                console = self.console()[-500:]
                pytest.fail(f"not so after {timeout_s} s; the end of {JOURNAL}:\n{tail}\nconsole: {console}")
            time.sleep(0.02)

    @cached_property
    def collector(self) -> Collector:
        """A collector in the box's network, started when first asked for: .url, .token, .secret, .get(path)."""
        return self._stack.enter_context(Collector(self.copy))
