"""Runs `bootstrap` and kills it at one point: after a record of its journal, or before or after a changing call.

    python tests/rollout/killed.py POINT WORDS...        # the words of bootstrap's command line

The process ends by SIGKILL, as by a power cut or the end of a CI job. Points count from 1; one that is not reached
changes nothing. The lease of a killed deployer ends soon, so that a test need not wait a minute for it.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bootstrap.__main__ import main
from bootstrap.deploy import cloud, lease, start
from bootstrap.deploy.journal import FileLog

CHANGES = ("create", "delete", "add", "drain", "remove")
LEASE_S = 2.0


class Points:
    """Counts the points that are passed, and ends the process at one of them."""

    def __init__(self, last: int) -> None:
        self._last, self._passed = last, 0

    def passed(self) -> None:
        self._passed += 1
        if self._passed == self._last:
            os.kill(os.getpid(), signal.SIGKILL)


class Watched:
    """A driver with a point before and after each of its changing calls."""

    def __init__(self, inner: Any, points: Points) -> None:
        self._inner, self._points = inner, points

    def __getattr__(self, name: str) -> Any:
        call: Callable[..., Any] = getattr(self._inner, name)
        if name not in CHANGES:
            return call

        def watched(*arguments: Any) -> Any:
            self._points.passed()
            try:
                return call(*arguments)
            finally:
                self._points.passed()

        return watched


def watch(points: Points) -> None:
    """Put the points into the drivers and the journals of this process."""
    append, open_cloud = FileLog.append, start.open_cloud

    def appended(log: FileLog, line: bytes) -> None:
        append(log, line)
        points.passed()

    def opened(*arguments: Any, **options: Any) -> cloud.Cloud | None:
        real = open_cloud(*arguments, **options)
        if real is None:
            return None
        pools: Any = {name: Watched(pool, points) for name, pool in real.pools.items()}
        servers: Any = Watched(real.servers, points)
        return dataclasses.replace(real, servers=servers, pools=pools)

    FileLog.append = appended  # type: ignore[method-assign]
    start.open_cloud = opened
    lease.CollectorLease.__init__.__kwdefaults__["ttl_s"] = LEASE_S


if __name__ == "__main__":
    watch(Points(int(sys.argv[1])))
    del sys.argv[1]
    sys.exit(main())
