"""Reads the files of a tree that may change meanwhile: what is returned was whole at one moment."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap.publish.tree_manifest import File
from bootstrap.publish.tree_scan import Stamp

# Smaller files are held in memory, so that what is sent is what was digested.
SMALL_BYTES = 1 << 20
BLOCK_BYTES = 1 << 18
# A file that changes while it is read is read again, after 0.1, 0.2 and 0.4 s.
TRIES, PAUSE_S = 4, 0.1
# A change within the tick of a file system's clock (2 s on FAT) may leave the times of a file as they were.
CLOCK_NS = 2_000_000_000


class ChangedError(Exception):
    """A file that is not the one that was looked at: it has changed, or is no file any more."""


class UnreadableError(Exception):
    """A file that cannot be read. Its text is the reason."""


@dataclass(frozen=True)
class Content:
    """A file as it was at one moment. data: its bytes, None for a large one; read_ns: when the reading began."""

    file: File
    stamp: Stamp
    read_ns: int
    data: bytes | None = field(default=None, repr=False)

    @property
    def is_young(self) -> bool:
        """Whether it was changed so shortly before that a change after the reading need not show in its times."""
        return max(self.stamp.ctime_ns, self.stamp.mtime_ns) > self.read_ns - CLOCK_NS


def read(root: Path, path: str) -> Content:
    """Read a file until it stays the same meanwhile. Raises ChangedError after TRIES times, and UnreadableError."""
    for number in range(TRIES):
        if number:
            time.sleep(PAUSE_S * 2 ** (number - 1))
        content = _read_once(root, path)
        if content is not None:
            return content
    raise ChangedError(path)


def stamp_of(path: Path) -> Stamp | None:
    """Return the stamp of a regular file, None when there is none."""
    try:
        status = path.lstat()
    except OSError:
        return None
    return Stamp.of(status) if stat.S_ISREG(status.st_mode) else None


def _open(root: Path, path: str) -> int:
    """Open a file below a folder, through no link on the way there. Return the descriptor. Raises OSError.

    Whoever may write in a part of the tree could put a link in the place of a folder, and have a file published that
    only the caller can read.
    """
    # A pipe that nobody writes to may have come into the place of the file, too.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    *folders, name = path.split("/")
    for part, more in (*((folder, os.O_DIRECTORY) for folder in folders), (name, 0)):
        try:
            below = os.open(part, flags | more, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = below
    return descriptor


def _read_once(root: Path, path: str) -> Content | None:
    """Read a file once; None when it has changed meanwhile."""
    read_ns = time.time_ns()
    try:
        descriptor = _open(root, path)
    except OSError as error:
        # It is gone, or a link, or below one: the next look at the folder shows what it is by now.
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            raise ChangedError(path) from None
        raise UnreadableError((error.strerror or "unreadable").lower()) from error
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise ChangedError(path)
        sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        blocks, size = [], 0
        try:
            while block := stream.read(BLOCK_BYTES):
                sha256.update(block)
                md5.update(block)
                size += len(block)
                if before.st_size <= SMALL_BYTES:
                    blocks.append(block)
                # A file that grows as fast as it is read would never end.
                if size > before.st_size:
                    return None
        except OSError as error:
            raise UnreadableError((error.strerror or "unreadable").lower()) from error
        after = os.fstat(descriptor)
    if Stamp.of(before) != Stamp.of(after) or size != before.st_size:
        return None
    stamp = Stamp.of(before)
    file = File(path, size, sha256.hexdigest(), md5.hexdigest(), stamp.mode, stamp.mtime_ns)
    return Content(file, stamp, read_ns, b"".join(blocks) if size <= SMALL_BYTES else None)
