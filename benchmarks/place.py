"""The place in which the runner and its peers run: a throwaway copy of this machine, or a Debian laid into one."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from bootstrap.payload.model import Payload
from bootstrap.rehearse.copy import Copy

# The Debian's folder in the copy. It is not in /tmp or /run, which a copy empties at its boot.
INNER = "/srv/benchmark"
# Runs in the place. A small shell starts the program and goes, so that the program is reparented to this process and
# its figures are its own: the peak of a process that this Python forks would never be below Python's.
METER = """
import ctypes, json, os, sys
root, commands = sys.argv[1], json.loads(sys.argv[2])
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
os.chroot(root)
os.chdir("/")
cpu, peak, ends = 0, 0, []
for command in commands:
    shell = os.fork()
    if not shell:
        launch = ['sh', '-c', '"$@" </dev/null >/dev/null 2>&1 &', 'sh'] + command
        os.execve("/bin/sh", launch, {"HOME": "/root", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
    while True:
        try:
            pid, status, usage = os.wait4(-1, 0)
        except ChildProcessError:
            break
        if pid != shell:
            cpu += usage.ru_utime + usage.ru_stime
            peak = max(peak, usage.ru_maxrss)
            ends.append(status)
print(json.dumps([1000 * cpu, peak / 1024, ends]))
"""
# open_tree(2) and move_mount(2): a folder of this machine, shown in the copy's mounts. Numbers: asm-generic/unistd.h.
GRAFT = """
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.syscall(429, int(sys.argv[1]), b"", -100, os.fsencode(sys.argv[2]), 4):
    sys.exit(os.strerror(ctypes.get_errno()))
"""
_OPEN_TREE, _CLONE = 428, 1


@dataclass(frozen=True)
class Sample:
    """One run. CPU: milliseconds, user and system, of every process; peak: MiB of the largest; ok: all ended with 0."""

    cpu_ms: float
    peak_mib: float
    ok: bool


class Place:
    """Use as `with Place() as place:`. tar: a Debian to measure in; without one it is the copy of this machine."""

    def __init__(self, tar: Path | None = None) -> None:
        self.copy = Copy("bench-1")
        self.root = INNER if tar else ""
        self._tar = tar

    def __enter__(self) -> Place:
        self.copy.start()
        try:
            if self._tar:
                self._unpack(self._tar)
        except BaseException:
            self.copy.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.copy.stop()

    def _unpack(self, tar: Path) -> None:
        # A copy may make no device nodes; it gets those of the copy.
        done = self.copy.run(
            ["/bin/sh", "-ec", f"mkdir -p {INNER}; tar -x -C {INNER} --exclude='./dev/*' -f -"],
            input=tar.read_bytes(), timeout_s=120,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"{tar}: {done.stderr}")
        self._in_its_mounts(f"mount --rbind /dev {INNER}/dev; mount --rbind /proc {INNER}/proc")

    def _in_its_mounts(self, script: str, fds: Sequence[int] = ()) -> None:
        enter = ["nsenter", "--mount", "--target", str(self.copy.pid), "--", "/bin/sh", "-euc", script]
        done = subprocess.run(enter, pass_fds=fds, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{script}: {done.stderr}")

    def on_disk(self, path: str, folder: Path) -> None:
        """Show a folder of this machine's disk at `path`: what is synced there is synced in truth, not in memory."""
        import ctypes
        import shlex

        libc = ctypes.CDLL(None, use_errno=True)
        fd = libc.syscall(_OPEN_TREE, -100, os.fsencode(folder), _CLONE | os.O_CLOEXEC)
        if fd < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(folder))
        try:
            self.sh(f"mkdir -p {path}")
            graft = ["/usr/bin/python3", "-I", "-S", "-c", GRAFT, str(fd), self.root + path]
            self._in_its_mounts(shlex.join(graft), [fd])
        finally:
            os.close(fd)

    def put(self, path: str, data: bytes, mode: int = 0o644) -> None:
        """Write a file, folders above it included."""
        self.copy.put(self.root + path, data, mode=mode)

    def lay(self, name: str, payload: Payload) -> str:
        """Keep a payload's files for inject(); the every-minute command of its trigger."""
        from bootstrap.payload.crontab import parse

        for file in payload.files:
            self.put(f"/root/payloads/{name}{file.path}", file.content, 0o400)
        entries = parse(payload.files[-1].content).entries
        return next(entry.command for entry in entries if entry.schedule == "* * * * *")

    def sh(self, script: str) -> subprocess.CompletedProcess[str]:
        """A script, not measured. It must succeed."""
        inner = ["/bin/sh", "-euc", script]
        done = self.copy.run(["chroot", self.root, *inner] if self.root else inner, timeout_s=120)
        if done.returncode:
            raise SystemExit(f"{script}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def meter(self, commands: Sequence[Sequence[str]]) -> Sample:
        """Run programs one after the other; their cost together."""
        argv = ["/usr/bin/python3", "-I", "-S", "-c", METER, self.root or "/", json.dumps(commands)]
        done = self.copy.run(argv, timeout_s=300)
        if done.returncode:
            raise SystemExit(f"{commands}: {done.stderr}")
        cpu, peak, ends = json.loads(done.stdout)
        return Sample(cpu, peak, not any(ends))
