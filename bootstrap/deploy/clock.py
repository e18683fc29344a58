"""The clock of deadlines and leases: it only grows, and counts the time in which the machine sleeps too."""

from __future__ import annotations

import time

# CLOCK_MONOTONIC of Linux stands still in a suspended laptop, while the lease at the collector runs out. Elsewhere
# CLOCK_BOOTTIME is unknown, and CLOCK_MONOTONIC counts the sleep itself.
_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boot_clock() -> float:
    """Seconds since the machine was started."""
    return time.clock_gettime(_CLOCK)
