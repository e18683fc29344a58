"""Writes below a root directory, by descriptor, and never anywhere else: a link that climbs out of it is refused."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bootstrap.image.root import Root

_MOST_BYTES = 1 << 24


class RootWriter(Root):
    """ROOT, opened once, to be written to.

    Methods raise OSError, and LeadsOut before anything beyond a link that climbs out of ROOT is touched.
    """

    refuses_out = True

    @contextmanager
    def parent(self, path: str, make: bool = False) -> Iterator[tuple[int, str]]:
        """(descriptor of the folder, last name) of a path; that name is not followed. make: create missing folders."""
        folder, _, name = path.rpartition("/")
        with self.folder(self._walk(folder, True, make).path) as fd:
            yield fd, name

    def is_folder(self, path: str) -> bool:
        """Whether a path leads to a folder."""
        entry = self.look(path, follow=True)
        return entry is not None and entry.is_folder

    def content(self, path: str) -> tuple[bytes, int] | None:
        """(bytes, mode) of a regular file, its last name not followed; None when there is none."""
        entry = self.look(path)
        data = self.read(entry.path, _MOST_BYTES) if entry is not None and entry.is_file else None
        return (data, stat.S_IMODE(entry.info.st_mode)) if entry is not None and data is not None else None

    def write(self, path: str, data: bytes, mode: int) -> bool:
        """Put a whole file in place, durably; it belongs to root if we are root. False when it was there just so."""
        with _named(path), self.parent(path, make=True) as (folder, name):
            # A file that is right already is not touched, so that a second bake does not change the image.
            if self.content(path) == (data, mode) and self._is_ours(path):
                return False
            with _replacing(folder, name) as temporary:
                # Nobody else may read the file before it has its own mode.
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=folder), "wb") as file:
                    if os.geteuid() == 0:
                        os.fchown(file.fileno(), 0, 0)
                    os.fchmod(file.fileno(), mode)
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
        return True

    def _is_ours(self, path: str) -> bool:
        """Whether a file has one name only, as cron demands, and belongs to root if we are root."""
        entry = self.look(path)
        if entry is None or entry.info.st_nlink != 1:
            return False
        return os.geteuid() != 0 or (entry.info.st_uid, entry.info.st_gid) == (0, 0)

    def symlink(self, path: str, target: str) -> bool:
        """Put a link in place, durably. False when it was there just so."""
        with _named(path), self.parent(path, make=True) as (folder, name):
            if self.link(path) == target:
                return False
            with _replacing(folder, name) as temporary:
                os.symlink(target, temporary, dir_fd=folder)
        return True

    def remove(self, path: str) -> bool:
        """Remove a name, durably. False when it is not there, or is a folder that is not empty: that one stays."""
        try:
            with _named(path), self.parent(path) as (folder, name):
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


@contextmanager
def _replacing(folder: int, name: str) -> Iterator[str]:
    """A temporary name for a new file or link, which then takes the place of `name`, durably, or is removed again."""
    temporary = f".{name}.bake"
    # A bake that was killed may have left one, which O_EXCL would refuse.
    with suppress(FileNotFoundError):
        os.unlink(temporary, dir_fd=folder)
    try:
        yield temporary
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    # Until the folder is synced, a power cut may bring the old entry back.
    os.fsync(folder)


@contextmanager
def _named(path: str) -> Iterator[None]:
    """Let an OSError name the path in the root: the kernel's own names only the last component, of a descriptor."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error
