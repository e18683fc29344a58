"""Walks a folder that is to be published, and judges its names before anything is sent."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from bootstrap.publish.tree_manifest import MANIFEST, UNLISTED, Folder, Link

_KINDS = {
    stat.S_ISFIFO: "a named pipe", stat.S_ISSOCK: "a socket", stat.S_ISBLK: "a block device",
    stat.S_ISCHR: "a character device",
}  # fmt: skip


@dataclass(frozen=True)
class Stamp:
    """The facts of a file by which a change is noticed. They say that it has changed, never that it has not."""

    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    mode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        """Return the stamp of a file's status."""
        return cls(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_mode & 0o777)


@dataclass(frozen=True)
class Scan:
    """Everything below a folder. files: by path, relative to it; outward: links that lead out of the folder.

    faults: a sentence for each thing that cannot be published.
    """

    root: Path
    files: dict[str, Stamp] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    folders: list[Folder] = field(default_factory=list)
    outward: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def scan(root: Path) -> Scan:
    """Look at everything below a folder, without reading any file."""
    tree = Scan(Path(os.path.realpath(root)))
    waiting = [""]
    while waiting:
        below = waiting.pop()
        try:
            # The order of a folder differs between machines, and messages have the same one everywhere.
            with os.scandir(tree.root / below) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            tree.faults.append(f"{below or '.'}: the folder cannot be listed: {error.strerror}")
            continue
        for entry in entries:
            path = f"{below}{entry.name}"
            name_faults = list(_name_faults(path))
            tree.faults.extend(name_faults)
            # The names below a folder whose own name is refused would be refused for the same reason.
            if not name_faults and _take(tree, path, entry):
                waiting.append(f"{path}/")
    tree.links.sort(key=lambda link: link.path)
    tree.folders.sort(key=lambda folder: folder.path)
    return tree


def _take(tree: Scan, path: str, entry: os.DirEntry[str]) -> bool:
    """Note one entry of a folder. Return whether it is a folder itself."""
    try:
        status = entry.stat(follow_symlinks=False)
        target = str(Path(entry.path).readlink()) if stat.S_ISLNK(status.st_mode) else None
    except OSError as error:
        # It may be gone again: the comparison at the end finds that out.
        if not isinstance(error, FileNotFoundError):
            tree.faults.append(f"{path}: {(error.strerror or 'unreadable').lower()}")
        return False
    if target is not None:
        _take_link(tree, path, target)
    elif stat.S_ISDIR(status.st_mode):
        tree.folders.append(Folder(path, status.st_mode & 0o777))
        return True
    elif not stat.S_ISREG(status.st_mode):
        kind = next((words for test, words in _KINDS.items() if test(status.st_mode)), "no file")
        tree.faults.append(f"{path} is {kind}: only files, folders and links can be published")
    elif not os.access(entry.path, os.R_OK):
        tree.faults.append(f"{path} cannot be read: permission denied")
    else:
        tree.files[path] = Stamp.of(status)
    return False


def _take_link(tree: Scan, path: str, target: str) -> None:
    """Note a link. It is never followed: what it leads to is published under its own name, or not at all."""
    if not _is_utf8(target):
        tree.faults.append(f"{path}: its target {target!r} is not UTF-8")
        return
    tree.links.append(Link(path, target))
    goal = Path(os.path.normpath(tree.root / PurePosixPath(path).parent / target))
    if not goal.is_relative_to(tree.root):
        tree.outward.append(f"{path} -> {target}")


def _name_faults(path: str) -> Iterator[str]:
    """Yield a sentence if a path cannot be the name of an object anywhere. The place judges its length."""
    # A name that would change a terminal, or that it cannot show, is quoted as Python does.
    if not _is_utf8(path):
        yield f"{path!r}: the name is not UTF-8"
    elif match := UNLISTED.search(path):
        yield f"{path!r}: the name contains the character U+{ord(match[0]):04X}, which no listing of S3 can hold"
    elif path == MANIFEST:
        yield f"{path}: this is the name of the manifest; is the folder a copy of a published tree?"


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
