"""The few system calls a copy needs that Python 3.11 has no name for. Linux only; every failure is an OSError."""

from __future__ import annotations

import ctypes
import fcntl
import os
import socket
import struct
from pathlib import Path

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND = 32, 4096
_MNT_DETACH = 2
_PR_CAPBSET_DROP, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 24, 47, 4
_CAPABILITY_VERSION_3 = 0x20080522
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1

# Numbers from linux/capability.h; they never change.
CAPABILITIES = {
    "CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "FSETID": 4, "KILL": 5, "SETGID": 6, "SETUID": 7, "SETPCAP": 8,
    "NET_BIND_SERVICE": 10, "NET_RAW": 13, "SYS_CHROOT": 18, "SYS_PTRACE": 19, "AUDIT_WRITE": 29, "SETFCAP": 31,
}  # fmt: skip

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, *call: object) -> None:
    """Raise the OSError of a system call that failed. call: its name and arguments, for the message."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{os.strerror(number)}: {' '.join(map(str, call))}")


def mount(source: str, target: str, fstype: str | None = None, flags: int = 0, data: str = "") -> None:
    """mount(2)."""
    result = _libc.mount(
        os.fsencode(source),
        os.fsencode(target),
        None if fstype is None else fstype.encode(),
        ctypes.c_ulong(flags),
        os.fsencode(data) or None,
    )
    _check(result, "mount", fstype or "", source, target, data)


def bind(source: str, target: str, *, readonly: bool = False) -> None:
    """Bind one file or folder to another place. readonly belongs to this mount: other paths to the file keep theirs."""
    mount(source, target, flags=MS_BIND)
    if readonly:
        # The first call ignores every flag but MS_BIND: mount(2).
        mount("none", target, flags=MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC)


def pivot_root(new_root: str) -> None:
    """Make new_root (a mount point) the root, and detach the old one."""
    os.chdir(new_root)
    # pivot_root(".", ".") stacks the old root on the new one, so that no folder for it is needed: pivot_root(2), NOTES.
    _check(_libc.pivot_root(b".", b"."), "pivot_root", new_root)
    _check(_libc.umount2(b".", _MNT_DETACH), "umount2", "old root")
    os.chdir("/")


def keep_capabilities(names: frozenset[str]) -> None:
    """Give up every capability but these, for this process and whatever it starts, set-uid programs included."""
    numbers = {CAPABILITIES[name] for name in names}
    # The bounding set is dropped first: that needs SETPCAP, which capset may take away.
    _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text(encoding="ascii"))
    for number in range(last + 1):
        if number not in numbers:
            _check(_libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0), "drop capability", number)
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    permitted = _held() & sum(1 << number for number in numbers)
    low, high = permitted & 0xFFFFFFFF, permitted >> 32
    _check(_libc.capset(header, struct.pack("6I", low, low, 0, high, high, 0)), "capset")


def _held() -> int:
    """The permitted set, as a mask. A container may lack some of what root usually has."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("CapPrm:"):
            return int(line.split()[1], 16)
    return 0


def loopback_up() -> None:
    """Bring up `lo`: a new network namespace has it down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        answer = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, struct.pack("16sh22x", b"lo", 0))
        flags = struct.unpack("16sh22x", answer)[1]
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", flags | _IFF_UP))
