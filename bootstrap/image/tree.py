"""A root file system that is looked at from outside: by descriptor, never out of it, never across its mounts.

Paths here are absolute inside the root ("/etc/hostname") and may hold any bytes (surrogateescape). A link in the middle
of a path means what it would mean on the booted image; the last component is never followed unless that is asked for.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from bootstrap.errors import UsageError

_MOST_LINKS = 40  # as the kernel
_BLOCK = 1 << 18
# A key or a token that lies across two blocks is still seen whole.
_OVERLAP = 1 << 13
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@dataclass(frozen=True)
class Entry:
    """One name in the root. path: without links in it. linked: a link was followed to come here."""

    path: str
    info: os.stat_result
    linked: bool = False

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def is_file(self) -> bool:
        return stat.S_ISREG(self.info.st_mode)

    @property
    def is_folder(self) -> bool:
        return stat.S_ISDIR(self.info.st_mode)

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.info.st_mode)


def shown(path: str) -> str:
    """A path in one printable line: a newline and what is not UTF-8 as `\\x0a`."""
    text = path.replace("\\", "\\\\").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else "".join(f"\\x{b:02x}" for b in c.encode()) for c in text)


class Tree:
    """ROOT, opened once. mounts: what is mounted below it, by path, with the type; `belongs` are looked into."""

    def __init__(self, root: Path, belongs: tuple[str, ...] = ()) -> None:
        try:
            self.fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise UsageError(f"{root} cannot be opened: {error.strerror}", hint="ROOT is a folder") from error
        try:
            self.mounts = _mounts(self.fd)
        except OSError as error:
            os.close(self.fd)
            raise UsageError(
                "what is mounted below ROOT cannot be told", hint="mount /proc: mount -t proc proc /proc"
            ) from error
        belongs = tuple("/" + path.strip("/") for path in belongs)
        missing = [path for path in belongs if path not in self.mounts]
        if missing:
            os.close(self.fd)
            raise UsageError(
                f"nothing is mounted at {missing[0]} of {root}", hint="--mount names a mount below ROOT, as /boot/efi"
            )
        for path in belongs:
            del self.mounts[path]
        self.unreadable: dict[str, str] = {}

    def close(self) -> None:
        """Let go of it."""
        os.close(self.fd)

    @property
    def is_this_machine(self) -> bool:
        """Whether ROOT is where this process has its own `/`."""
        return os.path.samestat(os.fstat(self.fd), Path("/").stat())

    @property
    def real_path(self) -> str:
        """Where ROOT lies, as this process sees it, without links. Needs /proc."""
        return str(Path(f"/proc/self/fd/{self.fd}").readlink())

    @property
    def is_read_only(self) -> bool:
        return bool(os.fstatvfs(self.fd).f_flag & os.ST_RDONLY)

    @contextmanager
    def folder(self, path: str) -> Iterator[int]:
        """A descriptor of a folder, with no link on the way to it. Raises OSError (ENOTDIR) when there is one."""
        fd = os.open(".", _FOLDER, dir_fd=self.fd)
        try:
            for name in _names(path):
                below = os.open(name, _FOLDER, dir_fd=fd)
                os.close(fd)
                fd = below
            yield fd
        finally:
            os.close(fd)

    def resolve(self, path: str, *, last: bool = True) -> tuple[str, bool] | None:
        """(where a path leads inside the root, whether by a link), or None when that is not there.

        last: follow a link also in the last component.
        """
        todo, done, links = _names(path)[::-1], list[str](), 0
        while todo:
            name = todo.pop()
            if name == "..":
                done = done[:-1]
                continue
            try:
                with self.folder("/" + "/".join(done)) as fd:
                    info = os.stat(name, dir_fd=fd, follow_symlinks=False)
                    target = os.readlink(name, dir_fd=fd) if stat.S_ISLNK(info.st_mode) and (todo or last) else None
            except OSError:
                return None
            if target is None:
                done.append(name)
                continue
            links += 1
            if links > _MOST_LINKS:
                return None
            done = [] if target.startswith("/") else done
            todo += _names(target, up=True)[::-1]
        return "/" + "/".join(done), links > 0

    def look(self, path: str, *, follow: bool = False) -> Entry | None:
        """What is at a path, or None. follow: what a link there leads to."""
        found = self.resolve(path, last=follow)
        if found is None:
            return None
        real, linked = found
        with suppress(OSError), self.folder(real.rpartition("/")[0]) as fd:
            return Entry(real, os.stat(real.rpartition("/")[2] or ".", dir_fd=fd, follow_symlinks=False), linked)
        return None

    def link(self, path: str) -> str | None:
        """What a link says, as it stands; None when there is no link at the path."""
        found = self.resolve(path, last=False)
        if found is None:
            return None
        with suppress(OSError), self.folder(found[0].rpartition("/")[0]) as fd:
            return os.readlink(found[0].rpartition("/")[2], dir_fd=fd)
        return None

    def entries(self, path: str, *, linked: bool = False) -> list[Entry]:
        """What is in a folder (by its own path, without links), sorted by name; a mount in it is left out."""
        found = []
        base = path.rstrip("/")
        try:
            with self.folder(path) as fd, os.scandir(fd) as names:
                for one in names:
                    full = f"{base}/{one.name}"
                    if full in self.mounts:
                        continue
                    with suppress(FileNotFoundError):
                        found.append(Entry(full, one.stat(follow_symlinks=False), linked))
        except OSError as error:
            self._unread(path, error)
        return sorted(found, key=lambda entry: entry.path)

    def glob(self, pattern: str) -> Iterator[Entry]:
        """What a pattern names: `*`, `?` and `[` in any component, `**` as the last for all below a folder."""
        parts = _names(pattern)
        plain = 0
        while plain < len(parts) and not re.search(r"[*?[]", parts[plain]):
            plain += 1
        if plain == len(parts):
            entry = self.look(pattern)
            return iter([entry] if entry and not self._mounted(entry.path) else [])
        found = self.resolve("/" + "/".join(parts[:plain]))
        if found is None or self._mounted(found[0]):
            return iter([])
        return self._glob(found[0], parts[plain:], found[1])

    def _glob(self, base: str, parts: list[str], linked: bool) -> Iterator[Entry]:
        if parts == ["**"]:
            yield from self.walk(base, linked=linked)
            return
        for entry in self.entries(base, linked=linked):
            if not fnmatchcase(entry.name, parts[0]):
                continue
            if len(parts) == 1:
                yield entry
            elif entry.is_folder:
                if re.search(r"[*?[]", "".join(parts[1:])):
                    yield from self._glob(entry.path, parts[1:], linked)
                else:
                    yield from self.glob("/".join([_quoted(entry.path), *parts[1:]]))

    def walk(
        self, top: str, *, linked: bool = False, into: Callable[[str], bool] = lambda path: True
    ) -> Iterator[Entry]:
        """Everything below a folder. into: whether to go into a folder, by its path; it is yielded all the same."""
        todo = [top]
        while todo:
            below = self.entries(todo.pop(), linked=linked)
            yield from below
            todo += [entry.path for entry in below if entry.is_folder and into(entry.path)]

    def _mounted(self, path: str) -> bool:
        return any(path == mount or path.startswith(mount + "/") for mount in self.mounts)

    @contextmanager
    def opened(self, path: str) -> Iterator[int | None]:
        """A descriptor of a regular file, or None: of another kind, gone, or not ours to read."""
        fd = None
        try:
            with self.folder(path.rpartition("/")[0]) as parent:
                name = path.rpartition("/")[2]
                # Looked at before it is opened: opening a device or a FIFO may do something.
                if stat.S_ISREG(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                    fd = os.open(name, _FILE, dir_fd=parent)
                    if not stat.S_ISREG(os.fstat(fd).st_mode):
                        os.close(fd)
                        fd = None
        except OSError as error:
            fd = None
            self._unread(path, error)
        try:
            yield fd
        except OSError as error:
            self._unread(path, error)
        finally:
            if fd is not None:
                os.close(fd)

    def _unread(self, path: str, error: OSError) -> None:
        """Remember what was not seen. What is gone meanwhile, or became something else, is nothing to see."""
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            self.unreadable[path] = str(error.strerror)

    def read(self, path: str, limit_bytes: int = 1 << 20) -> bytes | None:
        """The first bytes of a regular file, its path without links; None when there is none."""
        with self.opened(path) as fd:
            if fd is None:
                return None
            parts = []
            while limit_bytes > 0 and (block := os.read(fd, min(limit_bytes, _BLOCK))):
                parts.append(block)
                limit_bytes -= len(block)
            return b"".join(parts)
        return None

    def blocks(self, path: str, limit_bytes: int) -> Iterator[bytes]:
        """The first bytes of a file, in pieces that overlap; nothing of a file that begins like a binary one."""
        with self.opened(path) as fd:
            if fd is None:
                return
            tail, seen = b"", 0
            while seen < limit_bytes and (block := os.read(fd, _BLOCK)):
                if not seen and b"\0" in block[:4096]:
                    return
                seen += len(block)
                yield tail + block
                tail = block[-_OVERLAP:]


def _names(path: str, *, up: bool = False) -> list[str]:
    """The components of a path; `..` only where it is to be worked out."""
    names = [name for name in path.split("/") if name not in ("", ".")]
    if not up and ".." in names:
        raise OSError(errno.EINVAL, "a path with ..", path)
    return names


def _quoted(path: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", path)


def _mounts(fd: int) -> dict[str, str]:
    """Path inside the root -> type of what is mounted there, by the kernel's list. Raises OSError without /proc."""
    root = str(Path(f"/proc/self/fd/{fd}").readlink()).rstrip("/")
    lines = os.fsdecode(Path("/proc/self/mountinfo").read_bytes()).split("\n")
    found = {}
    for line in filter(None, lines):
        fields, _, rest = line.partition(" - ")
        # A blank, a tab, a newline and a backslash are octal there; the other bytes stand for themselves.
        where = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields.split(" ")[4])
        if where.startswith(root + "/") and where != root + "/":
            found[where[len(root) :]] = rest.split(" ")[0]
    return found
