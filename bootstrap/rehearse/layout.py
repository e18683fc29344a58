"""The mounts of a copy, worked out from this machine's mountinfo without touching anything."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Made fresh in every copy: what they hold belongs to the running machine, not to its disks.
FRESH = ("/proc", "/sys", "/dev", "/run", "/tmp", "/root", "/home")  # noqa: S108 - the copy's own /tmp
_KERNEL = frozenset({
    "autofs", "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs",
    "fusectl", "hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "resctrl", "rpc_pipefs", "securityfs", "selinuxfs",
    "sysfs", "tracefs",
})  # fmt: skip
_MEMORY = frozenset({"tmpfs", "ramfs"})


@dataclass(frozen=True)
class Mounted:
    """One mount of this machine. path: its place; root: the part of the file system that it shows ("/" is all)."""

    path: str
    root: str
    fstype: str
    options: frozenset[str]


@dataclass(frozen=True)
class Layer:
    """One mount of the copy. kind: "overlay" over the machine's files, or "empty"."""

    path: str
    kind: str
    options: frozenset[str] = frozenset()


def parse_mountinfo(text: str) -> tuple[Mounted, ...]:
    """Every mount in /proc/PID/mountinfo, in its order. Format: proc_pid_mountinfo(5)."""
    mounts = []
    for line in text.splitlines():
        # A lone `-` ends the optional fields, of which there may be any number.
        head, _, tail = line.partition(" - ")
        fields, kind = head.split(" "), tail.split(" ")[0]
        mounts.append(Mounted(_plain(fields[4]), _plain(fields[3]), kind, frozenset(fields[5].split(","))))
    return tuple(mounts)


def _plain(field: str) -> str:
    """Octal escapes of mountinfo (space, tab, newline, backslash) undone."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)


def layers(mounts: tuple[Mounted, ...], *, without: str) -> tuple[Layer, ...]:
    """The mounts to make for a copy, parents first. without: a folder to leave out (the copy's own work folder).

    A later mount on the same path hides the earlier one, and so it does here.
    """
    covered = (*FRESH, without)
    chosen: dict[str, Layer] = {}
    for mounted in mounts:
        path = mounted.path
        if any(path == top or path.startswith(top + "/") for top in covered):
            continue
        # A mount hides those that lay beneath it before.
        for hidden in [p for p in chosen if path != "/" and p.startswith(path + "/")]:
            del chosen[hidden]
        chosen.pop(path, None)
        if mounted.fstype in _KERNEL or mounted.fstype in _MEMORY:
            chosen[path] = Layer(path, "empty")
        else:
            chosen[path] = Layer(path, "overlay", mounted.options)
    return tuple(chosen[path] for path in sorted(chosen))
