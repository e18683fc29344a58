"""Files of an ext2, ext3 or ext4 file system that nobody has mounted: read and written by debugfs, links followed.

debugfs itself ends with 0 whatever happened, and follows no link at the end of a path: both are made good here. What
only the journal of a file system has, after a power cut, is not seen.
"""

from __future__ import annotations

import posixpath
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from bootstrap.trial import programs

_MOST_LINKS = 40  # as the kernel
_LINK, _FILE = "symlink", "regular"


class NotWritten(Exception):
    """A file is not in the file system after it was written: the message has what debugfs said."""


class Ext:
    """The file system in a raw disk, from this byte on."""

    def __init__(self, disk: Path, at_bytes: int = 0) -> None:
        self.disk, self.at_bytes = disk, at_bytes
        self._kinds: dict[str, tuple[str, str]] = {}

    def names(self, path: str) -> list[str]:
        """The names in a folder, sorted; none when there is no folder."""
        real = self.real(path)
        if real is None:
            return []
        # Each row: /inode/mode/owner/group/name/size/
        rows = (line.split("/") for line in self._debugfs(f"ls -p {_quoted(real)}").splitlines())
        return sorted(row[5] for row in rows if len(row) == 8 and row[5] not in (".", ".."))

    def content(self, path: str) -> bytes | None:
        """A regular file; None when there is none."""
        real = self.real(path)
        if real is None or self._kind(real)[0] != _FILE:
            return None
        with tempfile.TemporaryDirectory(prefix="ext-", dir=self.disk.parent) as folder:
            copy = Path(folder, "file")
            self._debugfs(f"dump {_quoted(real)} {_quoted(str(copy))}", timeout_s=programs.LONG_S)
            return copy.read_bytes() if copy.exists() else None

    def write(self, files: Mapping[str, bytes], modes: Mapping[str, int]) -> None:
        """Write files of root with these modes; missing folders are made, 0755. Raises NotWritten."""
        places = {path: self._place(path) for path in files}
        with tempfile.TemporaryDirectory(prefix="ext-", dir=self.disk.parent) as name:
            folder, orders, made = Path(name), list[str](), set[PurePosixPath]()
            for number, (path, place) in enumerate(places.items()):
                for parent in list(reversed(PurePosixPath(place).parents))[1:]:
                    if parent not in made and not self._kind(str(parent))[0]:
                        made.add(parent)
                        orders.append(f"mkdir {_quoted(str(parent))}")
                source = folder / str(number)
                source.write_bytes(files[path])
                orders += [
                    f"rm {_quoted(place)}",
                    f"write {_quoted(str(source))} {_quoted(place)}",
                    f"set_inode_field {_quoted(place)} mode 0{0o100000 | modes[path]:o}",
                    f"set_inode_field {_quoted(place)} uid 0",
                    f"set_inode_field {_quoted(place)} gid 0",
                ]
            text = self._debugfs(*orders, write=True)
            self._kinds.clear()
            for path, place in places.items():
                if self.content(place) != files[path] or self._mode(place) != modes[path]:
                    raise NotWritten(f"{path} was not written: {_complaints(text)}")

    def unpack(self, target: Path) -> None:
        """Copy everything into a folder, owners and modes kept."""
        self._debugfs(f"rdump / {_quoted(str(target))}", timeout_s=programs.LONG_S)

    def real(self, path: str) -> str | None:
        """The path without links, as the booted machine would follow it; None when it leads to nothing."""
        todo, done, links = _names(path)[::-1], "/", 0
        while todo:
            name = todo.pop()
            if name == "..":
                done = posixpath.dirname(done)
                continue
            below = posixpath.join(done, name)
            kind, target = self._kind(below)
            if kind == "" or links > _MOST_LINKS:
                return None
            if kind != _LINK:
                done = below
                continue
            links += 1
            done = "/" if target.startswith("/") else done
            todo += _names(target)[::-1]
        return done

    def _place(self, path: str) -> str:
        """The path at which a new file comes to lie: links in its folders are followed, as far as these are there."""
        folder, missing = posixpath.dirname(path), [posixpath.basename(path)]
        while (real := self.real(folder)) is None:
            missing.insert(0, posixpath.basename(folder))
            folder = posixpath.dirname(folder)
        return posixpath.join(real, *missing)

    def _kind(self, path: str) -> tuple[str, str]:
        """(type, target of a link) of a path without links; ("", "") when there is nothing."""
        if path not in self._kinds:
            text = self._debugfs(f"stat {_quoted(path)}")
            match = re.search(r"Type: (\w+)", text)
            kind, target = match[1] if match else "", ""
            if kind == _LINK:
                # A target of 60 bytes and more has a block of its own.
                short = re.search(r'Fast link dest: "(.*)"', text)
                target = short[1] if short else self._debugfs(f"cat {_quoted(path)}")
            self._kinds[path] = kind, target
        return self._kinds[path]

    def _mode(self, path: str) -> int | None:
        match = re.search(r"Mode:\s+0?(\d+)", self._debugfs(f"stat {_quoted(path)}"))
        return int(match[1], 8) if match else None

    def _debugfs(self, *orders: str, write: bool = False, timeout_s: float = programs.QUICK_S) -> str:
        """What debugfs says about some orders. write: they change something; then its complaints are in the text."""
        name = str(self.disk) + (f"?offset={self.at_bytes}" if self.at_bytes else "")
        argv = ["debugfs", *(["-w"] if write else []), "-f", "-", name]
        data = "\n".join([*orders, ""]).encode()
        text = programs.run(*argv, data=data, timeout_s=timeout_s, merged=write).decode(errors="replace")
        # It repeats each order.
        return text if write else text.partition("\n")[2]


def _complaints(text: str) -> str:
    """What debugfs said against an order. That a file to be replaced is not there is none."""
    lines = (line for line in text.splitlines() if not line.startswith(("debugfs", "Allocated inode", "rm: ")))
    return "; ".join(lines)[-500:]


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".")]


def _quoted(path: str) -> str:
    """A path as one word of an order."""
    if "\n" in path:
        raise NotWritten(f"{path!r} has a line break in it, which debugfs cannot write")
    return '"' + path.replace('"', '""') + '"'
