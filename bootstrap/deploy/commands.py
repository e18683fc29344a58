"""Runs a command of a deploy file: in a session of its own, for a limited time, with its last lines for people."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING

from bootstrap.client.wording import plain
from bootstrap.deploy.clock import boot_clock

if TYPE_CHECKING:
    import subprocess

# In the environment of everything that a command starts, also of what leaves its session.
MARK = "INITIALRUNNER_COMMAND"
TIMED_OUT, NOT_STARTED = 124, 127  # as timeout(1) and shells have them
GRACE_S = 5.0
TAIL_BYTES = 8192
TAIL_LINES = 40
_LOOK_S = 0.05
_DRAIN_S = 0.5


def run_command(
    line: str,
    environment: Mapping[str, str],
    timeout_s: float,
    beat: Callable[[], None] = lambda: None,
) -> tuple[int, str]:
    """Run a line of shell. Its exit code, 128 + N for signal N, 124 when its time was over; and its last lines.

    environment: in addition to our own; beat: is called again and again while it runs. When its
    time is over, and when an exception ends the waiting, TERM and then KILL go to everything that it started.
    """
    mark = secrets.token_hex(16)
    try:
        process = _start(line, {**os.environ, **environment, MARK: mark})
    except OSError as error:
        return NOT_STARTED, f"/bin/sh cannot be started: {error.strerror}"
    assert process.stdout is not None
    tail = _Tail(process.stdout)
    try:
        is_over = _await(process, boot_clock() + timeout_s, beat)
    except BaseException:
        _end(process, mark)
        raise
    if is_over:
        _end(process, mark)
        words = f"the command had not ended after {timeout_s:g} s, and was ended"
        return TIMED_OUT, "\n".join(filter(None, [tail.text(), words]))
    code = process.returncode
    return code if code >= 0 else 128 - code, tail.text()


def _start(line: str, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    import subprocess

    return subprocess.Popen(
        ["/bin/sh", "-c", line],
        bufsize=0,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        # Ctrl-C at a terminal goes to everything in its session: a migration must not be torn by the wish to stop.
        start_new_session=True,
    )


def _await(process: subprocess.Popen[bytes], end: float, beat: Callable[[], None]) -> bool:
    """Wait for the end of the process. True when the time was over before."""
    pause = 0.005
    while process.poll() is None:
        if boot_clock() >= end:
            return True
        beat()
        time.sleep(min(pause, _LOOK_S))
        pause *= 2
    return False


def _end(process: subprocess.Popen[bytes], mark: str) -> None:
    """End everything that the command has started."""
    end = boot_clock() + GRACE_S
    _signal(process, mark, signal.SIGTERM)
    while not (_has_ended(process) and not _marked(mark)) and boot_clock() < end:
        time.sleep(_LOOK_S)
    # What is being started at this moment is met by the next round. One that belongs to another user stays.
    for _ in range(20):
        _signal(process, mark, signal.SIGKILL)
        if _has_ended(process) and not _marked(mark):
            break
        time.sleep(_LOOK_S)
    process.wait()


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether the shell has ended. It is not waited for: until then no other group can have its number."""
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return process.returncode is not None or os.waitid(os.P_PID, process.pid, flags) is not None


def _signal(process: subprocess.Popen[bytes], mark: str, number: signal.Signals) -> None:
    # The group too: a process may have thrown the mark out of its environment.
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
    for pid in _marked(mark):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _marked(mark: str) -> list[int]:
    """The processes that carry the mark; none where there is no /proc."""
    wanted, pids = f"{MARK}={mark}".encode(), []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                pids.append(int(entry.name))
    return pids


class _Tail:
    """The end of what a command writes. It is read to its end, so that the command never waits for a reader."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._bytes = stream, b""
        # A daemon: what the command leaves running may keep its output open as long as it likes.
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with self._stream as stream:
            while chunk := os.read(stream.fileno(), 65536):
                self._bytes = (self._bytes + chunk)[-TAIL_BYTES:]

    def text(self) -> str:
        """The last lines, without control characters."""
        self._reader.join(_DRAIN_S)
        content = self._bytes
        lines = content.decode("utf-8", "replace").splitlines()
        # The first line of a full buffer is the end of a longer one.
        return "\n".join(map(plain, lines[1 if len(content) == TAIL_BYTES else 0 :][-TAIL_LINES:]))
