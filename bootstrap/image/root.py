"""A root file system as it is read from outside: opened once, by descriptor, and never left.

Paths here are absolute inside the root ("/etc/hostname") and may hold any bytes (surrogateescape). A link on the way
means what it would mean on the booted image: an absolute one begins at the root again. The last component is never
followed unless that is asked for.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import UsageError

_MOST_LINKS = 40  # as the kernel
_BLOCK = 1 << 18
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
# With these a path leads to nothing; with any other error it may, but may not be looked at.
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)


class LeadsOut(Exception):
    """A link that leads out of the root. path: of the link itself; target: its text."""

    def __init__(self, path: str, target: str) -> None:
        super().__init__(f"{path} -> {target}")
        self.path, self.target = path, target


@dataclass(frozen=True)
class Entry:
    """One name in the root. path: without links in it. linked: a link was followed to reach it."""

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

    @property
    def is_program(self) -> bool:
        return self.is_file and bool(self.info.st_mode & 0o111)


def shown(path: str) -> str:
    """A path as one printable line: a newline, and a byte that is not UTF-8, becomes `\\x0a` or the like."""
    text = path.replace("\\", "\\\\").encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else "".join(f"\\x{b:02x}" for b in c.encode()) for c in text)


class Root:
    """ROOT, opened once.

    A link that climbs out of it ends at the root, as on the booted image. Methods raise OSError, and return None for
    what does not exist.
    """

    # A writer sets this: then LeadsOut is raised before anything beyond a link that climbs out is touched.
    refuses_out = False

    def __init__(self, root: Path) -> None:
        try:
            self.fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise UsageError(f"{root} cannot be opened: {error.strerror}", hint="ROOT is a folder") from error

    def close(self) -> None:
        """Close the descriptor of ROOT."""
        os.close(self.fd)

    @property
    def is_this_machine(self) -> bool:
        """Whether ROOT is where this process has its own `/`."""
        return os.path.samestat(os.fstat(self.fd), Path("/").stat())

    @property
    def real_path(self) -> str:
        """The path of ROOT as this process sees it, without links. Needs /proc."""
        return str(Path(f"/proc/self/fd/{self.fd}").readlink())

    @contextmanager
    def folder(self, path: str) -> Iterator[int]:
        """A descriptor of a folder, with no link on the way to it. Raises OSError (ENOTDIR) when there is one."""
        fd = os.open(".", _FOLDER, dir_fd=self.fd)
        try:
            for name in plain_names(path):
                below = os.open(name, _FOLDER, dir_fd=fd)
                os.close(fd)
                fd = below
            yield fd
        finally:
            os.close(fd)

    def look(self, path: str, *, follow: bool = False) -> Entry | None:
        """The entry at a path; None when there is none. follow: a link there is followed."""
        try:
            return self._walk(path, follow)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise

    def _walk(self, path: str, follow: bool, make: bool = False) -> Entry:
        """Walk a path name by name, each link by its text. make: create missing folders. Raises OSError, LeadsOut.

        fds: a descriptor for each name in `done`, and for the root below them, so that `..` is a step back in both. The
        kernel is never given a path with a link or a `..` in it, which it would follow out of the root.
        """
        todo, done, links, blame = plain_names(path)[::-1], list[str](), 0, (path, path)
        fds = [os.open(".", _FOLDER, dir_fd=self.fd)]
        try:
            info = os.fstat(fds[0])
            while todo:
                name = todo.pop()
                if name == "..":
                    if not done and self.refuses_out:
                        raise LeadsOut(*blame)
                    if done:
                        done.pop()
                        os.close(fds.pop())
                    info = os.fstat(fds[-1])
                    continue
                info = self._stat(fds[-1], name, make)
                if not stat.S_ISLNK(info.st_mode) or not (todo or follow):
                    done.append(name)
                    # The last name may be a device or a FIFO, which must not be opened.
                    if todo:
                        fds.append(os.open(name, _FOLDER, dir_fd=fds[-1]))
                    continue
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                target = os.readlink(name, dir_fd=fds[-1])
                blame = "/" + "/".join([*done, name]), target
                # An absolute link begins at the root again.
                while target.startswith("/") and done:
                    done.pop()
                    os.close(fds.pop())
                info = os.fstat(fds[-1])
                todo += _names(target)[::-1]
            return Entry("/" + "/".join(done), info, links > 0)
        finally:
            for fd in fds:
                os.close(fd)

    def _stat(self, fd: int, name: str, make: bool) -> os.stat_result:
        try:
            return os.stat(name, dir_fd=fd, follow_symlinks=False)
        except FileNotFoundError:
            if not make:
                raise
        os.mkdir(name, 0o755, dir_fd=fd)
        new = os.open(name, _FOLDER, dir_fd=fd)
        try:
            # The umask may have taken bits away.
            os.fchmod(new, 0o755)
            os.fsync(fd)
            return os.fstat(new)
        finally:
            os.close(new)

    def link(self, path: str) -> str | None:
        """The text of a link; None when there is no link at the path."""
        entry = self.look(path)
        if entry is None or not entry.is_link:
            return None
        try:
            with self.folder(entry.path.rpartition("/")[0]) as fd:
                return os.readlink(entry.name, dir_fd=fd)
        except OSError:
            return None

    def names(self, path: str) -> list[str]:
        """The names in a folder, links on the way followed; none when there is no folder."""
        entry = self.look(path, follow=True)
        if entry is None or not entry.is_folder:
            return []
        with self.folder(entry.path) as fd:
            return sorted(os.listdir(fd))  # noqa: PTH208 - of a descriptor

    @contextmanager
    def opened(self, path: str) -> Iterator[int | None]:
        """A descriptor of a regular file; None when it is of another kind. path: without links. Raises OSError."""
        with self.folder(path.rpartition("/")[0]) as parent:
            name, fd = path.rpartition("/")[2], None
            # The kind is looked at first: to open a device or a FIFO may have an effect, or never return.
            if stat.S_ISREG(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
                fd = os.open(name, FILE_FLAGS, dir_fd=parent)
        # The name may have been given to another file between the two calls, so the open one is looked at again.
        try:
            yield fd if fd is not None and stat.S_ISREG(os.fstat(fd).st_mode) else None
        finally:
            if fd is not None:
                os.close(fd)

    def read(self, path: str, limit_bytes: int = 1 << 20) -> bytes | None:
        """The first bytes of a regular file; None when there is none. path: without links."""
        with self.opened(path) as fd:
            if fd is None:
                return None
            parts = []
            while limit_bytes > 0 and (block := os.read(fd, min(limit_bytes, _BLOCK))):
                parts.append(block)
                limit_bytes -= len(block)
            return b"".join(parts)
        return None


def plain_names(path: str) -> list[str]:
    """The components of a path without `..`. Raises OSError for one with it: it could not be resolved by text alone."""
    names = _names(path)
    if ".." in names:
        raise OSError(errno.EINVAL, "a path with ..", path)
    return names


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".")]
