"""Files of a copy, moved by descriptor: a path of the copy means nothing outside, and may be a trap there."""

from __future__ import annotations

import os
import time
from typing import Any


class Writers:
    """Puts files into the copy from inside it, whole or as a slow writer that keeps them open."""

    def __init__(self) -> None:
        self._held: dict[str, int] = {}

    def put(self, source: int, path: str, mode: int, owner: tuple[int, int], method: str) -> dict[str, Any]:
        """Write a file: "rename" as agents do (a temporary name beside it), "direct" in place, "append" to it."""
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        # nova-agent's way: facts of its source, `NAME.tmp.<time>` in the same folder and no fsync.
        name = f"{path}.tmp.{time.time():.2f}" if method == "rename" else path
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | (os.O_APPEND if method == "append" else os.O_TRUNC), 0o600)
        try:
            _copy(source, fd)
            # The owner first: chown clears the set-id bits.
            os.fchown(fd, *owner)
            os.fchmod(fd, mode)
        finally:
            os.close(fd)
        if method == "rename":
            os.rename(name, path)
        return {"at": time.monotonic()}

    def hold(self, path: str, mode: int) -> dict[str, Any]:
        """Open a file for writing in place, empty, and keep it open."""
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        self._held[path] = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.fchmod(self._held[path], mode)
        return {"at": time.monotonic()}

    def chunk(self, source: int, path: str) -> dict[str, Any]:
        """Write on to a held file."""
        _copy(source, self._held[path])
        return {"at": time.monotonic()}

    def release(self, path: str) -> dict[str, Any]:
        """Close a held file."""
        os.close(self._held.pop(path))
        return {}

    def drop(self) -> None:
        """Close them all: the writers died with the power."""
        for fd in self._held.values():
            os.close(fd)
        self._held.clear()


def _copy(source: int, target: int) -> None:
    os.lseek(source, 0, os.SEEK_SET)
    while block := os.read(source, 1 << 20):
        while block:
            block = block[os.write(target, block) :]


def replace_all(folder: int, values: dict[str, str]) -> None:
    """Make the files of a folder (a descriptor) just these, mode 0400."""
    for name in os.listdir(folder):
        os.unlink(name, dir_fd=folder)
    for name, value in values.items():
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400, dir_fd=folder)
        os.write(fd, value.encode())
        os.close(fd)


def clear(folder: str) -> None:
    """Remove everything in a folder, as far as it goes, never following a link."""
    for base, folders, files in os.walk(folder, topdown=False):
        for name in [*files, *folders]:
            path = os.path.join(base, name)
            try:
                if os.path.isdir(path) and not os.path.islink(path):
                    os.rmdir(path)
                else:
                    os.unlink(path)
            except OSError:
                continue
