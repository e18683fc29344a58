"""A network of a test's own: whatever is started within it sees no other, and nothing outside sees what is in it."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

CLONE_NEWNET = 0x4000_0000
_LIBC = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, call: str) -> None:
    if result:
        raise OSError(ctypes.get_errno(), f"{call}: {os.strerror(ctypes.get_errno())}")


class Network:
    """A new network namespace. It lives as long as this object, or a process that was started in it."""

    def __init__(self) -> None:
        outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            _checked(_LIBC.unshare(CLONE_NEWNET), "unshare")
            self._inside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
            _checked(_LIBC.setns(outside, CLONE_NEWNET), "setns")
        finally:
            os.close(outside)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be in it: this thread, and all that it starts meanwhile."""
        outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        try:
            _checked(_LIBC.setns(self._inside, CLONE_NEWNET), "setns")
            try:
                yield
            finally:
                _checked(_LIBC.setns(outside, CLONE_NEWNET), "setns")
        finally:
            os.close(outside)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._inside)
