"""A private network and private mounts for this thread and for what it starts, within a block.

    with private_namespaces():
        subprocess.run(["ip", "link", "add", ...])      # seen by nobody else, gone afterwards

It needs root. Other threads stay outside, but for those that are started in the block.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

_CLONE_NEWNS, _CLONE_NEWNET = 0x00020000, 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
# `ip netns` and systemd-nspawn keep their things there.
_MOUNTS = """
mount --make-rprivate /
for folder in /run/netns /run/systemd/nspawn; do mkdir -p "$folder" && mount -t tmpfs tmpfs "$folder"; done
ip link set lo up
"""


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@contextmanager
def private_namespaces() -> Iterator[None]:
    """Be in new namespaces within the block. What is mounted in them goes with the last process that is in them."""
    before = {kind: os.open(f"/proc/thread-self/ns/{kind}", os.O_RDONLY) for kind in ("net", "mnt")}
    folder = os.open(".", os.O_RDONLY)
    try:
        _check(_libc.unshare(_CLONE_NEWNET | _CLONE_NEWNS))
        try:
            subprocess.run(["sh", "-ec", _MOUNTS], check=True)
            yield
        finally:
            _check(_libc.setns(before["net"], _CLONE_NEWNET))
            _check(_libc.setns(before["mnt"], _CLONE_NEWNS))
            os.fchdir(folder)
    finally:
        for descriptor in (*before.values(), folder):
            os.close(descriptor)
