"""A collector that starts in no time: forked from a process that has all its modules already.

A crash test needs a thousand of them, and four fifths of a start are imports.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import os
import runpy
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from bootstrap.rehearse.copy import Copy

MODULES = (
    "bootstrap.cli.main", "bootstrap.cli.serve", "bootstrap.collector.app", "bootstrap.collector.server",
    "bootstrap.collector.stores", "bootstrap.collector.store_sqlite", "bootstrap.collector.tokens",
    "uvicorn.protocols.http.auto", "uvicorn.protocols.websockets.auto", "uvicorn.loops.auto", "uvicorn.lifespan.on",
)  # fmt: skip
CLONE_NEWNET = 0x40000000


class Forked:
    """What Collector wants of a process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None


class Warm:
    """A copy, as Collector sees it, whose network is entered by forks of this process."""

    def __init__(self, copy: Copy) -> None:
        self.copy, self.network, self.connect = copy, copy.network, copy.connect
        for name in MODULES:
            importlib.import_module(name)

    @contextlib.contextmanager
    def in_its_network(self, argv: Sequence[str], *, stdout: Any, **_: Any) -> Iterator[Forked]:
        """As Copy's, for `python -m bootstrap …`."""
        pid = os.fork()
        if pid == 0:
            try:
                self._become(list(argv), stdout.fileno())
            finally:
                os._exit(1)
        try:
            yield Forked(pid)
        finally:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def _become(self, argv: list[str], log: int) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: it ends with us
        space = os.open(f"/proc/{self.copy.pid}/ns/net", os.O_RDONLY)
        assert libc.setns(space, CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        sys.argv = argv[argv.index("-m") + 1 :]
        runpy.run_module("bootstrap", run_name="__main__")
