"""Reads what strace wrote of a run: the calls that change a disk or tell the collector something, in order.

Only the names and flags of calls are taken from strace; which descriptor is which file, it says itself (-y).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from powercut import Disk

# Calls the model follows; those after the gap it does not, and a run that makes one on a disk is refused.
FOLLOWED = (
    "openat", "open", "creat", "write", "pwrite64", "ftruncate", "fsync", "fdatasync", "sync", "syncfs", "rename",
    "renameat", "renameat2", "unlink", "unlinkat", "rmdir", "mkdir", "mkdirat", "link", "linkat", "chmod", "fchmod",
    "fchmodat", "chown", "fchown", "fchownat", "lchown", "sendto",

    "truncate", "writev", "pwritev", "pwritev2", "sendfile", "copy_file_range", "splice", "fallocate", "symlink",
    "symlinkat", "sync_file_range", "mknod", "mknodat",
)  # fmt: skip
STRACE = f"-f -y -xx -s 2000000 -e signal=none -e trace={','.join(FOLLOWED)},execve,clone,clone3,fork,vfork"
BY_DESCRIPTOR = ("write", "pwrite64", "ftruncate", "fsync", "fdatasync", "fchmod", "fchown")
# Gone after a power cut, or no disk at all.
VOLATILE = ("/run/", "/proc/", "/sys/", "/dev/", "/tmp/", "/memfd:")
UMASK = 0o022
ARGUMENT = re.compile(
    r'(?:AT_FDCWD|\d+)<(?P<path>[^>]*)>(?P<gone>\(deleted\))?|"(?P<text>[^"]*)"(?P<cut>\.\.\.)?|(?P<word>[^,\s"<>][^,]*)'
)


@dataclass(frozen=True)
class Call:
    """One call that succeeded. ours: the runner's, not that of a stage or another program it started.

    arguments: of a descriptor its path (None when the file has no name any more), of a text its bytes, else the word.
    """

    name: str
    arguments: tuple[Any, ...]
    result: int
    opened: str
    ours: bool

    def __str__(self) -> str:
        told = [a.decode(errors="replace") if isinstance(a, bytes) else str(a) for a in self.arguments]
        return f"{self.name}({', '.join(word[:60] for word in told)})"


def calls(trace: str) -> Iterator[Call]:
    """The calls of a trace made with STRACE that change a disk, and those that send."""
    lines = list(_whole_lines(trace))
    parents = {int(result): pid for pid, name, _, result, _ in lines if name in ("clone", "clone3", "fork", "vfork")}
    first = lines[0][0]
    strangers: set[int] = set()

    def strange(pid: int) -> bool:
        return pid in strangers or (pid in parents and strange(parents[pid]))

    begun = False
    for pid, name, arguments, result, opened in lines:
        if name == "execve":
            # The first is the runner's own interpreter.
            if begun or pid != first:
                strangers.add(pid)
            begun = True
        elif name in FOLLOWED:
            call = Call(name, tuple(_arguments(arguments)), int(result), opened, not strange(pid))
            if changes(call):
                yield call


def _whole_lines(trace: str) -> Iterator[tuple[int, str, str, str, str]]:
    """(pid, call, arguments, result, path of the result), failed calls and halves left out or put together."""
    halves: dict[str, str] = {}
    for line in trace.splitlines():
        pid, _, rest = line.partition(" ")
        rest = rest.lstrip()
        if rest.endswith("<unfinished ...>"):
            halves[pid] = rest[: -len("<unfinished ...>")]
            continue
        resumed = re.match(r"<\.\.\. \w+ resumed>", rest)
        if resumed:
            rest = halves.pop(pid) + rest[resumed.end() :]
        found = re.fullmatch(r"(\w+)\((.*)\)\s+= (\d+)(?:<([^>]*)>)?(?:\(deleted\))?", rest)
        if found:
            name, arguments, result, opened = found.groups()
            yield int(pid), name, arguments, result, _bytes(opened or "").decode()


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def _arguments(text: str) -> Iterator[Any]:
    for found in ARGUMENT.finditer(text):
        assert not found["cut"], "strace cut a text short"
        if found["path"] is not None:
            yield None if found["gone"] else _bytes(found["path"]).decode()
        elif found["text"] is not None:
            yield _bytes(found["text"])
        else:
            yield found["word"]


def on_disk(path: str | None) -> bool:
    return path is not None and path.startswith("/") and not (path + "/").startswith(VOLATILE)


def paths(call: Call) -> list[str]:
    """The absolute paths that a call names, as (folder, name) pairs put together."""
    found, folder = [], ""
    for argument in call.arguments:
        if isinstance(argument, str) and argument.startswith("/"):
            folder = argument
        elif isinstance(argument, bytes):
            name = argument.decode()
            found.append(name if name.startswith("/") else f"{folder.rstrip('/')}/{name}")
    return found


def changes(call: Call) -> bool:
    name, arguments = call.name, call.arguments
    if name in ("sync", "syncfs"):
        return True
    if name == "sendto":
        return call.ours and bool(body(call))
    if name in ("openat", "open", "creat"):
        flags = next(a for a in arguments if isinstance(a, str) and a.startswith("O_"))
        return bool(re.search("O_CREAT|O_TRUNC", flags)) and on_disk(call.opened)
    if isinstance(arguments[0], bytes) or (len(arguments) > 1 and name.endswith("at")) or name == "renameat2":
        return any(map(on_disk, paths(call)))
    return on_disk(arguments[0])


def body(call: Call) -> bytes:
    """What a report that is sent holds; empty for other data."""
    data = next((a for a in call.arguments if isinstance(a, bytes)), b"")
    return data if data.startswith(b"{") else b""


def apply(call: Call, disk: Disk) -> None:
    """Do to the model what the call did to the disk. What others than the runner do is not on trial, and lasts."""
    name, arguments = call.name, call.arguments
    if name == "sendto":
        return
    if name in ("sync", "syncfs"):
        disk.sync()
        return
    touched = [arguments[0]] if name in BY_DESCRIPTOR else paths(call)
    if name in ("openat", "open", "creat"):
        touched = [call.opened]
        _open(call, disk)
    elif name in ("write", "pwrite64"):
        offset = int(arguments[3]) if name == "pwrite64" else None
        disk.write(arguments[0], arguments[1][: call.result], offset)
    elif name == "ftruncate":
        disk.truncate(arguments[0], int(arguments[1]))
    elif name in ("fsync", "fdatasync"):
        disk.fsync(arguments[0])
    elif name in ("rename", "renameat", "renameat2"):
        disk.rename(*touched)
    elif name in ("link", "linkat"):
        disk.link(*touched)
    elif name in ("unlink", "unlinkat", "rmdir"):
        disk.unlink(touched[0])
    elif name in ("mkdir", "mkdirat"):
        disk.mkdir(touched[0], int(arguments[-1], 8) & ~UMASK)
    elif name in ("chmod", "fchmodat"):
        disk.chmod(touched[0], next(int(a, 8) for a in arguments if isinstance(a, str) and a.startswith("0")))
    elif name == "fchmod":
        disk.chmod(arguments[0], int(arguments[1], 8))
    elif name == "fchown":
        disk.chown(arguments[0], int(arguments[1]), int(arguments[2]))
    else:
        raise AssertionError(f"the model cannot follow {call}")
    if not call.ours:
        for path in touched:
            disk.settle(path)


def _open(call: Call, disk: Disk) -> None:
    flags = next(a for a in call.arguments if isinstance(a, str) and a.startswith("O_"))
    if disk.find(call.opened) is None:
        disk.create(call.opened, int(call.arguments[-1], 8) & ~UMASK)
    elif "O_TRUNC" in flags:
        disk.truncate(call.opened, 0)
