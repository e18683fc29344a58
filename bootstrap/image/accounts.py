"""The accounts of an image: their lines, and their homes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bootstrap.image.tree import Tree

# An account's "home" that is no home: places of the system, or of nobody.
_NO_HOME = re.compile(r"/|/(?:bin|sbin|dev|proc|sys|usr|run|nonexistent)(?:/.*)?")

# Shells that let nobody in.
_NO_SHELL = re.compile(r".*/(?:nologin|false|true|sync|shutdown|halt)")


@dataclass(frozen=True)
class Account:
    """One line of /etc/passwd, with the hash of its password from there or from /etc/shadow."""

    name: str
    uid: str
    gid: str
    home: str
    shell: str
    password: str

    @property
    def has_password(self) -> bool:
        """Whether some password opens it, or none is needed."""
        return not is_locked(self.password)

    @property
    def has_shell(self) -> bool:
        """Whether a login would come to a shell."""
        return not _NO_SHELL.fullmatch(self.shell)


def is_locked(password: str) -> bool:
    """Whether the field of a password is a word that no password can become. "x" refers to another file."""
    return password[:1] in ("!", "*") or 0 < len(password) < 13


def accounts(tree: Tree) -> list[Account]:
    """Every account of the image."""
    hashes = {line.split(":")[0]: line.split(":")[1] for line in read_lines(tree, "/etc/shadow") if ":" in line}
    lines = [line.split(":") for line in read_lines(tree, "/etc/passwd") if line.count(":") >= 6]
    return [
        Account(name, uid, gid, home, shell, hashes.get(name, "!") if field == "x" else field)
        for name, field, uid, gid, _, home, shell, *_ in lines
    ]


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
