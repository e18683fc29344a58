"""The clock of deadlines and leases."""

from __future__ import annotations

import ctypes
import time

from bootstrap.deploy.clock import boot_clock


def test_it_is_the_kernels_clock_that_counts_the_sleep_of_the_machine() -> None:
    """The time in sleep cannot be made here, but the time of the whole boot is known to the kernel by another way."""

    class Sysinfo(ctypes.Structure):
        _fields_ = (("uptime", ctypes.c_long), ("rest", ctypes.c_char * 512))

    info = Sysinfo()
    assert ctypes.CDLL(None).sysinfo(ctypes.byref(info)) == 0
    # sysinfo() rounds up to whole seconds.
    assert info.uptime - 2 <= boot_clock() <= info.uptime + 60


def test_it_never_goes_back_and_is_not_that_of_the_wall() -> None:
    moments = [boot_clock() for _ in range(1000)]
    assert moments == sorted(moments)
    assert abs(moments[0] - time.time()) > 1_000_000
