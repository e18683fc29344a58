"""What packages brought: the paths that they own, and the digests of files that they brought.

A file that is byte for byte as its package has it is no secret: anybody may download it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from bootstrap.image import rpm_database
from bootstrap.image.tree import Tree

INFO = "/var/lib/dpkg/info"
# dpkg keeps the digests of configuration files here, and those of all other files in INFO.
STATUS = "/var/lib/dpkg/status"
APK = ("/lib/apk/db/installed", "/usr/lib/apk/db/installed")
PACMAN = "/var/lib/pacman/local/*/files"
_RECORDS = re.compile(r"(.*/(?:site|dist)-packages)/")
_MOST_BYTES = 256 << 20


@dataclass
class _Owned:
    """Paths that packages own, and digest(s) in hexadecimal digits of those that have one."""

    paths: set[str] = field(default_factory=set)
    digests: dict[str, set[str]] = field(default_factory=dict)

    def add(self, path: str, digest: str) -> None:
        # dpkg lists paths and digests apart, so a path with a digest alone is no sign of a whole list.
        if digest:
            # More than one package may list a path, each with a digest of its own.
            self.digests.setdefault(path, set()).add(digest)
        else:
            self.paths.add(path)


class Packaged:
    """The lists of dpkg, rpm, apk and pacman, read when they are first asked for."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._owned: _Owned | None = None
        self._records: dict[str, dict[str, str]] = {}

    @property
    def is_known(self) -> bool:
        """Whether the root has a list of what its packages own."""
        return bool(self._all().paths)

    def owns(self, path: str) -> bool:
        """Whether a package owns a path. Where /lib is a link to usr/lib, lists may have either name."""
        paths = self._all().paths
        return path in paths or (path.startswith("/usr/") and path[4:] in paths)

    def brought(self, path: str) -> bool:
        """Whether a file is as its package has it.

        dpkg's digests are MD5. They tell an unchanged file from a changed one; they are no proof against a forgery.
        """
        owned = self._all()
        digests = owned.digests.get(path) or (owned.digests.get(path[4:]) if path.startswith("/usr/") else None)
        record = "" if digests else self._recorded(path)
        if not digests and not record:
            return False
        content = self._tree.read(path, _MOST_BYTES)
        if content is None:
            return False
        if record:
            return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode() == record
        return any(_digest(content, len(digest)) == digest for digest in digests or ())

    def _recorded(self, path: str) -> str:
        """The SHA-256 that pip has recorded for a file of a Python package; "" for none."""
        site = _RECORDS.match(path)
        if site is None:
            return ""
        if site[1] not in self._records:
            rows = self._records[site[1]] = {}
            for entry in self._tree.glob(f"{_plain(site[1])}/*.dist-info/RECORD"):
                rows |= re.findall(r"(?m)^\"?([^\r\n\",]+)\"?,sha256=([\w-]{43}),", self._text(entry.path))
        return self._records[site[1]].get(path[len(site[0]) :], "")

    def _all(self) -> _Owned:
        if self._owned is None:
            self._owned = _Owned()
            for path, digest in [*self._dpkg(), *self._rpm(), *self._apk(), *self._pacman()]:
                self._owned.add(path, digest)
        return self._owned

    def _text(self, path: str) -> str:
        return (self._tree.read(path, _MOST_BYTES) or b"").decode("utf-8", "surrogateescape")

    def _dpkg(self) -> Iterator[tuple[str, str]]:
        yield from re.findall(r"(?m)^ (/.+) ([0-9a-f]{32})(?: obsolete)?$", self._text(STATUS))
        # A diverted file has another name, which no list has.
        lines = self._text("/var/lib/dpkg/diversions").split("\n")
        yield from ((path, "") for path in lines[1::3])
        for entry in self._tree.glob(f"{INFO}/*"):
            if entry.name.endswith(".list"):
                yield from ((path, "") for path in self._text(entry.path).split("\n") if path)
            elif entry.name.endswith(".md5sums"):
                found = re.findall(r"(?m)^([0-9a-f]{32})  (.+)$", self._text(entry.path))
                yield from (("/" + path, digest) for digest, path in found)

    def _rpm(self) -> Iterator[tuple[str, str]]:
        for place in rpm_database.PLACES:
            entry = self._tree.look(place, follow=True)
            content = self._tree.read(entry.path, _MOST_BYTES) if entry else None
            if entry and content:
                log = self._tree.read(f"{entry.path}-wal", _MOST_BYTES) or b""
                for path, digest in rpm_database.files(content, log):
                    yield path, ""
                    yield path, digest
                return

    def _apk(self) -> Iterator[tuple[str, str]]:
        for place in APK:
            folder, path = "", ""
            for line in self._text(place).split("\n"):
                if line.startswith("F:"):
                    folder = line[2:]
                elif line.startswith("R:"):
                    path = f"/{folder}/{line[2:]}".replace("//", "/")
                    yield path, ""
                elif line.startswith("Z:Q1") and path:
                    yield path, base64.b64decode(line[4:] + "==").hex()

    def _pacman(self) -> Iterator[tuple[str, str]]:
        for entry in self._tree.glob(PACMAN):
            names = self._text(entry.path).partition("%FILES%\n")[2].partition("\n\n")[0]
            yield from (("/" + name, "") for name in names.split("\n") if name)


def _plain(path: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", path)


def _digest(content: bytes, length: int) -> str:
    """The digest of a content whose hexadecimal digits are so many."""
    name = {32: "md5", 40: "sha1", 64: "sha256", 128: "sha512"}.get(length)
    return hashlib.new(name, content, usedforsecurity=False).hexdigest() if name else ""
