"""A root as `seal` searches it: stays on one file system; records what it cannot read."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path

from bootstrap.errors import UsageError
from bootstrap.image.root import FILE_FLAGS, Entry, Root, plain_names

# The extended attribute that holds a file's SELinux label.
LABEL = "security.selinux"


class Tree(Root):
    """ROOT, opened once. belongs: mounts below it that are searched like ROOT itself.

    mounts: path -> type of each other mount below it. unreadable: path -> reason, for each that could not be read.
    """

    def __init__(self, root: Path, belongs: tuple[str, ...] = ()) -> None:
        super().__init__(root)
        try:
            self.mounts = _mounts(self.real_path)
        except OSError as error:
            os.close(self.fd)
            raise UsageError(
                "the mounts below ROOT cannot be listed without /proc", hint="mount -t proc proc /proc"
            ) from error
        belongs = tuple("/" + path.strip("/") for path in belongs)
        missing = [path for path in belongs if path not in self.mounts]
        if missing:
            os.close(self.fd)
            raise UsageError(
                f"nothing is mounted at {missing[0]} of {root}", hint="--mount takes a mount below ROOT, as /boot/efi"
            )
        # Once it is off this list, a mount is walked like any folder.
        for path in belongs:
            del self.mounts[path]
        self.unreadable: dict[str, str] = {}

    @property
    def is_read_only(self) -> bool:
        return bool(os.fstatvfs(self.fd).f_flag & os.ST_RDONLY)

    def look(self, path: str, *, follow: bool = False) -> Entry | None:
        """The entry at a path; None when there is none or it may not be looked at. follow: a link there is followed."""
        with suppress(OSError):
            return super().look(path, follow=follow)
        return None

    def entries(self, path: str, *, linked: bool = False) -> list[Entry]:
        """The entries of a folder (its path is without links), sorted by name; a mount in it is left out."""
        entries = []
        base = path.rstrip("/")
        try:
            with self.folder(path) as fd, os.scandir(fd) as names:
                for name in names:
                    full = f"{base}/{name.name}"
                    if full in self.mounts:
                        continue
                    # On a running machine a file may be gone since the folder was read.
                    with suppress(FileNotFoundError):
                        entries.append(Entry(full, name.stat(follow_symlinks=False), linked))
        except OSError as error:
            self.unread(path, error)
        return sorted(entries, key=lambda entry: entry.path)

    def glob(self, pattern: str) -> Iterator[Entry]:
        """The entries that fit a pattern: `*`, `?` and `[` in any component, `**` at its end for all below a folder."""
        parts = plain_names(pattern)
        plain = 0
        while plain < len(parts) and not re.search(r"[*?[]", parts[plain]):
            plain += 1
        if plain == len(parts):
            entry = self.look(pattern)
            return iter([entry] if entry and not self._mounted(entry.path) else [])
        # Links are followed in the part without a pattern, as the booted image would; none that a pattern fits.
        base = self.look("/" + "/".join(parts[:plain]), follow=True)
        if base is None or self._mounted(base.path):
            return iter([])
        return self._glob(base.path, parts[plain:], base.linked)

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
        """A descriptor of a regular file; None when it is of another kind, gone, or may not be read."""
        with ExitStack() as stack:
            try:
                fd = stack.enter_context(super().opened(path))
            except OSError as error:
                fd = None
                self.unread(path, error)
            try:
                yield fd
            except OSError as error:
                self.unread(path, error)

    def unread(self, path: str, error: OSError) -> None:
        """Record a path that could not be read. One that is gone or has become something else is no fault."""
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            self.unreadable[path] = str(error.strerror)

    def label(self, path: str) -> str | None:
        """The SELinux label of a regular file; None when it has none, or the file system keeps none."""
        with self.opened(path) as fd:
            if fd is None:
                return None
            try:
                # The kernel ends the text with a zero byte.
                return os.getxattr(fd, LABEL).rstrip(b"\0").decode("utf-8", "replace")
            except OSError:
                return None
        return None

    def files(self, top: str, into: Callable[[str], bool]) -> Iterator[tuple[str, str, int]]:
        """Each regular file below a folder: (its folder, its name, a descriptor of the folder until the next file).

        The kernel tells the kind with the name, so that no file is looked at that is not opened, and no folder is
        walked to again for each of its files. into: whether to go into a folder, by its path.
        """
        todo = [top]
        while todo:
            folder = todo.pop()
            base, below = folder.rstrip("/"), list[str]()
            try:
                with self.folder(folder) as fd:
                    names, below = self._kinds(base, fd)
                    for name in names:
                        yield base, name, fd
            except OSError as error:
                self.unread(folder, error)
            todo += [path for path in below if into(path)]

    def _kinds(self, base: str, fd: int) -> tuple[list[str], list[str]]:
        """(names of the regular files, paths of the folders) of an open folder, sorted, without mounts."""
        names, below = [], []
        with os.scandir(fd) as entries:
            for entry in entries:
                if self.mounts and f"{base}/{entry.name}" in self.mounts:
                    continue
                # On a running machine a file may be gone since the folder was read.
                with suppress(FileNotFoundError):
                    if entry.is_file(follow_symlinks=False):
                        names.append(entry.name)
                    elif entry.is_dir(follow_symlinks=False):
                        below.append(f"{base}/{entry.name}")
        return sorted(names), sorted(below)

    def open_in(self, folder: str, name: str, fd: int) -> tuple[int, int]:
        """(descriptor, size) of a regular file of an open folder; (-1, 0) when it is none any more, or unreadable."""
        file = -1
        try:
            file = os.open(name, FILE_FLAGS, dir_fd=fd)
            info = os.fstat(file)
            if stat.S_ISREG(info.st_mode):
                return file, info.st_size
        except OSError as error:
            self.unread(f"{folder}/{name}", error)
        if file >= 0:
            os.close(file)
        return -1, 0


def _quoted(path: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", path)


def _mounts(root: str) -> dict[str, str]:
    """Path inside the root -> type of the file system there, by the kernel's list. Raises OSError without /proc."""
    root = root.rstrip("/")
    lines = os.fsdecode(Path("/proc/self/mountinfo").read_bytes()).split("\n")
    mounts = {}
    for line in filter(None, lines):
        # Optional fields end with a lone `-`, after which the type stands: proc_pid_mountinfo(5).
        fields, _, details = line.partition(" - ")
        # A blank, a tab, a newline and a backslash are octal there; the other bytes stand for themselves.
        path = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields.split(" ")[4])
        if path.startswith(root + "/") and path != root + "/":
            mounts[path[len(root) :]] = details.split(" ")[0]
    return mounts
