"""What Debian packages brought, byte for byte: anybody may download it, so it is no secret."""

from __future__ import annotations

import hashlib
import re

from bootstrap.image.tree import Tree

INFO = "/var/lib/dpkg/info/*.md5sums"
STATUS = "/var/lib/dpkg/status"
_MOST_BYTES = 64 << 20


class Packaged:
    """The digests that dpkg keeps, read when they are first asked for."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._digests: dict[str, set[str]] | None = None

    def brought(self, path: str) -> bool:
        """Whether a file is as its package has it. dpkg's digests are MD5: this tells public from changed, no more."""
        if self._digests is None:
            self._digests = self._read()
        known = self._digests.get(path)
        content = self._tree.read(path, _MOST_BYTES) if known else None
        if content is None or known is None:
            return False
        return hashlib.md5(content, usedforsecurity=False).hexdigest() in known

    def _read(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        status = (self._tree.read(STATUS, _MOST_BYTES) or b"").decode("utf-8", "surrogateescape")
        for path, digest in re.findall(r"(?m)^ (/.+) ([0-9a-f]{32})(?: obsolete)?$", status):
            found.setdefault(path, set()).add(digest)
        for entry in self._tree.glob(INFO):
            text = (self._tree.read(entry.path, _MOST_BYTES) or b"").decode("utf-8", "surrogateescape")
            for digest, path in re.findall(r"(?m)^([0-9a-f]{32})  (.+)$", text):
                found.setdefault("/" + path, set()).add(digest)
        return found
