"""Reads and writes below a root directory, by descriptor, and never anywhere else.

Paths are absolute inside the root. A link on the way means what it would mean on the booted image: an absolute one
begins at the root again. One that climbs out of the root is refused.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bootstrap.errors import UsageError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MOST_LINKS = 40  # as the kernel
_MOST_BYTES = 1 << 24


class LeadsOut(Exception):
    """A link that leads out of the root. path: where it lies; target: what it says."""

    def __init__(self, path: str, target: str) -> None:
        super().__init__(f"{path} -> {target}")
        self.path, self.target = path, target


class Within:
    """ROOT, opened once. Methods raise OSError, and LeadsOut before anything beyond such a link is touched."""

    def __init__(self, root: Path) -> None:
        try:
            self.fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise UsageError(f"{root} cannot be opened: {error.strerror}", hint="ROOT is a folder") from error

    def close(self) -> None:
        os.close(self.fd)

    @property
    def is_this_machine(self) -> bool:
        """Whether ROOT is where this process has its own `/`."""
        return os.path.samestat(os.fstat(self.fd), Path("/").stat())

    @contextmanager
    def parent(self, path: str, make: bool = False) -> Iterator[tuple[int, str]]:
        """(descriptor of the folder, last name) of a path, that name not followed. make: folders that are missing."""
        folder, _, name = path.rpartition("/")
        fds, _ = self._walk(folder, make)
        try:
            yield fds[-1], name
        finally:
            for fd in fds:
                os.close(fd)

    def _walk(self, path: str, make: bool, blame: tuple[str, str] = ("", "")) -> tuple[list[int], list[str]]:
        """Descriptors from the root down to a folder, and the names on the way, links resolved.

        blame: the link, and where it leads, that the path is made of.
        """
        todo, fds, done, links = _names(path), [os.dup(self.fd)], list[str](), 0
        try:
            while todo:
                name = todo.pop(0)
                if name == "..":
                    if not done:
                        raise LeadsOut(*blame)
                    os.close(fds.pop())
                    done.pop()
                    continue
                target = self._target(fds[-1], name, make)
                if target is None:
                    fds.append(os.open(name, _FOLDER, dir_fd=fds[-1]))
                    done.append(name)
                    continue
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                blame = "/" + "/".join([*done, name]), target
                if target.startswith("/"):
                    while done:
                        os.close(fds.pop())
                        done.pop()
                todo = _names(target) + todo
        except BaseException:
            for fd in fds:
                os.close(fd)
            raise
        return fds, done

    def _target(self, fd: int, name: str, make: bool) -> str | None:
        """Where a link leads; None for what is none. make: a folder, when there is nothing."""
        try:
            info = os.stat(name, dir_fd=fd, follow_symlinks=False)
        except FileNotFoundError:
            if not make:
                raise
            os.mkdir(name, 0o755, dir_fd=fd)
            made = os.open(name, _FOLDER, dir_fd=fd)
            os.fchmod(made, 0o755)
            os.close(made)
            os.fsync(fd)
            return None
        return os.readlink(name, dir_fd=fd) if stat.S_ISLNK(info.st_mode) else None

    def real(self, path: str) -> str | None:
        """Where a path leads inside the root, the last name followed too; None when nothing is there."""
        seen, blame = 0, (path, path)
        while seen <= _MOST_LINKS:
            folder, _, name = path.rpartition("/")
            if name in ("..", "."):
                # Not asked of the kernel, which knows of no root here.
                folder, name = path, ""
            try:
                fds, done = self._walk(folder, False, blame)
            except (FileNotFoundError, NotADirectoryError):
                return None
            try:
                if not name:
                    return "/" + "/".join(done)
                info = os.stat(name, dir_fd=fds[-1], follow_symlinks=False)
                if not stat.S_ISLNK(info.st_mode):
                    return "/" + "/".join([*done, name])
                target = os.readlink(name, dir_fd=fds[-1])
            except FileNotFoundError:
                return None
            finally:
                for fd in fds:
                    os.close(fd)
            here = [] if target.startswith("/") else done
            steps, blame = _names(target), ("/" + "/".join([*done, name]), target)
            while steps and steps[0] == "..":
                if not here:
                    raise LeadsOut(*blame)
                here, steps = here[:-1], steps[1:]
            path, seen = "/" + "/".join([*here, *steps]), seen + 1
        return None

    def look(self, path: str) -> os.stat_result | None:
        """What is at a path, links followed within the root."""
        real = self.real(path)
        if real is None:
            return None
        if real == "/":
            return os.fstat(self.fd)
        with self.parent(real) as (fd, name), suppress(FileNotFoundError):
            return os.stat(name, dir_fd=fd, follow_symlinks=False)
        return None

    def is_folder(self, path: str) -> bool:
        info = self.look(path)
        return info is not None and stat.S_ISDIR(info.st_mode)

    def is_file(self, path: str) -> bool:
        info = self.look(path)
        return info is not None and stat.S_ISREG(info.st_mode)

    def names(self, path: str) -> list[str]:
        """What is in a folder; nothing when there is none."""
        real = self.real(path)
        if real is None or not self.is_folder(real):
            return []
        fds, _ = self._walk(real, False)
        try:
            return sorted(os.listdir(fds[-1]))  # noqa: PTH208 - of a descriptor
        finally:
            for fd in fds:
                os.close(fd)

    def read(self, path: str) -> tuple[bytes, int] | None:
        """(bytes, mode) of a regular file, its last name not followed; None when there is none."""
        try:
            with self.parent(path) as (folder, name):
                fd = os.open(name, _FILE, dir_fd=folder)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if error.errno == errno.ELOOP:
                return None
            raise
        with os.fdopen(fd, "rb") as file:
            info = os.fstat(fd)
            return (file.read(_MOST_BYTES), stat.S_IMODE(info.st_mode)) if stat.S_ISREG(info.st_mode) else None

    def link(self, path: str) -> str | None:
        """Where the link at a path says it leads; None when there is none."""
        try:
            with self.parent(path) as (folder, name):
                return os.readlink(name, dir_fd=folder)
        except OSError:
            return None

    def write(self, path: str, data: bytes, mode: int) -> bool:
        """Put a whole file in place, durably, root's where we are root. False when it was there just so."""
        with self.parent(path, make=True) as (folder, name):
            if self.read(path) == (data, mode):
                return False
            temporary = f".{name}.bake"
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=folder)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=folder), "wb") as file:
                if os.geteuid() == 0:
                    os.fchown(file.fileno(), 0, 0)
                os.fchmod(file.fileno(), mode)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)
        return True

    def symlink(self, path: str, target: str) -> bool:
        """The same for a link."""
        with self.parent(path, make=True) as (folder, name):
            if self.link(path) == target:
                return False
            temporary = f".{name}.bake"
            with suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=folder)
            os.symlink(target, temporary, dir_fd=folder)
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)
        return True

    def remove(self, path: str) -> bool:
        """Take a name away, durably; a folder only when nothing is in it. False when nothing was there, or is in it."""
        try:
            with self.parent(path) as (folder, name):
                info = os.stat(name, dir_fd=folder, follow_symlinks=False)
                (os.rmdir if stat.S_ISDIR(info.st_mode) else os.unlink)(name, dir_fd=folder)
                os.fsync(folder)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                return False
            raise
        return True


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".")]
