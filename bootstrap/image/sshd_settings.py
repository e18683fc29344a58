"""The settings of sshd in an image, in the order in which sshd reads them: of a keyword the first value counts.

Source: sshd_config(5): Include takes its files in lexical order at its place, and a Match block in an included file
ends with that file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bootstrap.image.tree import Tree

# The second one where /etc holds only what an admin has changed.
_PLACES = ("/etc/ssh/sshd_config", "/usr/etc/ssh/sshd_config")
_DEEPEST = 16  # as sshd's own limit
_LINE = re.compile(r"[ \t]*([A-Za-z]+)(?:[ \t]*=[ \t]*|[ \t]+)(.*?)[ \t\r]*$")


@dataclass(frozen=True)
class Setting:
    """One line. keyword: in small letters, name: as it is written; match: the condition of its Match block or ""."""

    keyword: str
    value: str
    path: str
    name: str
    match: str = ""


def sshd_settings(tree: Tree) -> list[Setting]:
    """Every setting, those that count and those that a former one of their keyword overrides."""
    for place in _PLACES:
        entry = tree.look(place, follow=True)
        if entry is not None and entry.is_file:
            return list(_of_file(tree, entry.path, "", 0))
    return []


def counting(settings: list[Setting], keyword: str) -> Iterator[Setting]:
    """The settings of a keyword that count: the first outside of Match blocks, and the first of each condition."""
    conditions = set()
    for setting in settings:
        if setting.keyword == keyword and setting.match not in conditions:
            conditions.add(setting.match)
            yield setting


def _of_file(tree: Tree, path: str, match: str, depth: int) -> Iterator[Setting]:
    text = (tree.read(path) or b"").decode("utf-8", "surrogateescape")
    for line in text.split("\n"):
        fields = _LINE.match(line)
        if fields is None:
            continue
        keyword, value = fields[1].lower(), fields[2].strip('"')
        if keyword == "match":
            match = "" if value.lower() == "all" else value
        elif keyword == "include" and depth < _DEEPEST:
            for pattern in value.replace('"', "").split():
                place = pattern if pattern.startswith("/") else f"/etc/ssh/{pattern}"
                for entry in tree.glob(place) if ".." not in place else ():
                    file = tree.look(entry.path, follow=True)
                    if file is not None and file.is_file:
                        yield from _of_file(tree, file.path, match, depth + 1)
        else:
            yield Setting(keyword, value, path, fields[1], match)
