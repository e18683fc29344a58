"""Files that are byte for byte as a Debian package brought them: anybody may download those, so they are no secret."""

from __future__ import annotations

import hashlib
import re

from bootstrap.image.tree import Tree

INFO = "/var/lib/dpkg/info/*.md5sums"
# dpkg keeps the digests of configuration files here, and those of all other files in INFO.
STATUS = "/var/lib/dpkg/status"
_MOST_BYTES = 64 << 20


class Packaged:
    """The digests that dpkg keeps, read when they are first asked for."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._digests: dict[str, set[str]] | None = None

    def brought(self, path: str) -> bool:
        """Whether a file is as its package has it.

        dpkg's digests are MD5. They tell an unchanged file from a changed one; they are no proof against a forgery.
        """
        if self._digests is None:
            self._digests = self._read()
        # More than one package may list a path, each with a digest of its own.
        digests = self._digests.get(path)
        content = self._tree.read(path, _MOST_BYTES) if digests else None
        if content is None or digests is None:
            return False
        return hashlib.md5(content, usedforsecurity=False).hexdigest() in digests

    def _read(self) -> dict[str, set[str]]:
        digests: dict[str, set[str]] = {}
        status = (self._tree.read(STATUS, _MOST_BYTES) or b"").decode("utf-8", "surrogateescape")
        for path, digest in re.findall(r"(?m)^ (/.+) ([0-9a-f]{32})(?: obsolete)?$", status):
            digests.setdefault(path, set()).add(digest)
        for entry in self._tree.glob(INFO):
            text = (self._tree.read(entry.path, _MOST_BYTES) or b"").decode("utf-8", "surrogateescape")
            for digest, path in re.findall(r"(?m)^([0-9a-f]{32})  (.+)$", text):
                digests.setdefault("/" + path, set()).add(digest)
        return digests
