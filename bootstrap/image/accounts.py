"""The accounts of an image: their lines, and their homes."""

from __future__ import annotations

import re

from bootstrap.image.tree import Tree

# An account's "home" that is no home: places of the system, or of nobody.
_NO_HOME = re.compile(r"/|/(?:bin|sbin|dev|proc|sys|usr|run|nonexistent)(?:/.*)?")


def homes(tree: Tree) -> list[str]:
    """The folder of every account and all in /home, without links, each once."""
    named = [line.split(":")[5] for line in read_lines(tree, "/etc/passwd") if line.count(":") >= 6]
    # An account may have been removed from /etc/passwd without its home, and /root is root's on every system.
    named += ["/root", *(entry.path for entry in tree.glob("/home/*") if entry.is_folder)]
    folders = []
    for path in named:
        if path.startswith("/") and ".." not in path.split("/") and not _NO_HOME.fullmatch(path.rstrip("/") or "/"):
            entry = tree.look(path, follow=True)
            if entry is not None and entry.is_folder and not _NO_HOME.fullmatch(entry.path):
                folders.append(entry.path)
    return list(dict.fromkeys(folders))


def read_lines(tree: Tree, path: str) -> list[str]:
    """The lines of a settings file, a link to it followed; none when it is missing."""
    entry = tree.look(path, follow=True)
    text = (tree.read(entry.path) if entry else None) or b""
    return text.decode("utf-8", "surrogateescape").split("\n")
