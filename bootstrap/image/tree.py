"""All that is in a root, as `seal` looks through it: never across its mounts; what may not be read is remembered."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from fnmatch import fnmatchcase
from pathlib import Path

from bootstrap.errors import UsageError
from bootstrap.image.root import Entry, Root, plain_names

_BLOCK = 1 << 18
# A key or a token that lies across two blocks is still seen whole.
_OVERLAP = 1 << 13


class Tree(Root):
    """ROOT, opened once. mounts: what is mounted below it, by path, with the type; `belongs` are looked into."""

    def __init__(self, root: Path, belongs: tuple[str, ...] = ()) -> None:
        super().__init__(root)
        try:
            self.mounts = _mounts(self.real_path)
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

    @property
    def is_read_only(self) -> bool:
        return bool(os.fstatvfs(self.fd).f_flag & os.ST_RDONLY)

    def look(self, path: str, *, follow: bool = False) -> Entry | None:
        """What is at a path, or None, also where it may not be looked at. follow: what a link there leads to."""
        with suppress(OSError):
            return super().look(path, follow=follow)
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
        parts = plain_names(pattern)
        plain = 0
        while plain < len(parts) and not re.search(r"[*?[]", parts[plain]):
            plain += 1
        if plain == len(parts):
            entry = self.look(pattern)
            return iter([entry] if entry and not self._mounted(entry.path) else [])
        found = self.look("/" + "/".join(parts[:plain]), follow=True)
        if found is None or self._mounted(found.path):
            return iter([])
        return self._glob(found.path, parts[plain:], found.linked)

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
        with ExitStack() as stack:
            try:
                fd = stack.enter_context(super().opened(path))
            except OSError as error:
                fd = None
                self._unread(path, error)
            try:
                yield fd
            except OSError as error:
                self._unread(path, error)

    def _unread(self, path: str, error: OSError) -> None:
        """Remember what was not seen. What is gone meanwhile, or became something else, is nothing to see."""
        if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            self.unreadable[path] = str(error.strerror)

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


def _quoted(path: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", path)


def _mounts(root: str) -> dict[str, str]:
    """Path inside the root -> type of what is mounted there, by the kernel's list. Raises OSError without /proc."""
    root = root.rstrip("/")
    lines = os.fsdecode(Path("/proc/self/mountinfo").read_bytes()).split("\n")
    found = {}
    for line in filter(None, lines):
        fields, _, rest = line.partition(" - ")
        # A blank, a tab, a newline and a backslash are octal there; the other bytes stand for themselves.
        where = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields.split(" ")[4])
        if where.startswith(root + "/") and where != root + "/":
            found[where[len(root) :]] = rest.split(" ")[0]
    return found
