"""The rules of sudo and doas in an image that make somebody root without a password."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bootstrap.image.tree import Tree

_INCLUDE = re.compile(r"[#@]include(dir)?[ \t]+(.+?)[ \t]*$")
_ALIAS = re.compile(r"User_Alias[ \t]+(.+)$")
# WHO HOST=(RUNAS) NOPASSWD: COMMANDS. A backslash may stand before a blank in a name.
_RULE = re.compile(r"((?:\\.|[^\s=,\\]|,[ \t]*)+)[ \t]+[^=]*=(.*\bNOPASSWD[ \t]*:.*)$")
_UNASKED = re.compile(r"Defaults(?::[ \t]*(\S+))?[ \t](?:.*[\s,])?!authenticate\b")
_ALL = re.compile(r"NOPASSWD[ \t]*:[ \t]*(?:\w+[ \t]*:[ \t]*)*ALL\b")
_DEEPEST = 128  # as sudo's own limit
_DOAS = re.compile(r"[ \t]*permit[ \t]+([^#\n]*)")
_DOAS_WORDS = re.compile(r"setenv[ \t]*\{[^}]*\}|\b(?:nopass|persist|keepenv|nolog)\b")


@dataclass(frozen=True)
class Rule:
    """One rule. who: a name, `%GROUP`, `#UID` or `ALL`; is_all: it allows every command."""

    who: str
    path: str
    is_all: bool = True


def sudo_rules(tree: Tree) -> list[Rule]:
    """Every rule of sudo that asks for no password; aliases stand for their members."""
    lines = list(_lines(tree, "/etc/sudoers", 0))
    aliases: dict[str, list[str]] = {}
    for _, line in lines:
        if match := _ALIAS.match(line):
            for definition in match[1].split(":"):
                name, _, members = definition.partition("=")
                aliases[name.strip()] = [member.strip() for member in members.split(",")]
    return [
        Rule(name, path, is_all)
        for path, line in lines
        for who, is_all in _unasked(line)
        for name in _members(who, aliases, 0)
    ]


def _unasked(line: str) -> Iterator[tuple[str, bool]]:
    """(who, whether for every command) of a line; more than one where a line names several."""
    if match := _UNASKED.match(line):
        names, is_all = match[1] or "ALL", True
    elif match := _RULE.match(line):
        names, is_all = match[1], bool(_ALL.search(match[2]))
    else:
        return
    for name in names.split(","):
        yield name.strip().replace("\\", ""), is_all


def _members(who: str, aliases: dict[str, list[str]], depth: int) -> Iterator[str]:
    if who not in aliases or depth > 8:
        yield who
        return
    for member in aliases[who]:
        yield from _members(member, aliases, depth + 1)


def _lines(tree: Tree, path: str, depth: int) -> Iterator[tuple[str, str]]:
    """(path, line) of a file of sudoers and of those that it includes, without comments."""
    entry = tree.look(path, follow=True) if ".." not in path and depth < _DEEPEST else None
    if entry is None or not entry.is_file:
        return
    text = (tree.read(entry.path) or b"").decode("utf-8", "surrogateescape")
    for line in text.replace("\\\n", " ").split("\n"):
        bare = line.strip()
        include = _INCLUDE.match(bare)
        if include is not None and include[1]:
            for below in tree.glob(f"{include[2].rstrip('/')}/*") if ".." not in include[2] else ():
                # sudo leaves out what looks like a copy of an editor or of a package manager.
                if "." not in below.name and not below.name.endswith("~"):
                    yield from _lines(tree, below.path, depth + 1)
        elif include is not None:
            place = include[2] if include[2].startswith("/") else f"/etc/{include[2]}"
            yield from _lines(tree, place, depth + 1)
        elif bare and not re.match(r"#(?!\d)", bare):
            yield entry.path, bare


def doas_rules(tree: Tree) -> list[Rule]:
    """Every rule of doas that asks for no password."""
    rules = []
    for place in ("/etc/doas.conf", "/etc/doas.d/*.conf"):
        for entry in tree.glob(place):
            text = (tree.read(entry.path) or b"").decode("utf-8", "surrogateescape")
            for line in text.split("\n"):
                match = _DOAS.match(line)
                if match is None or not re.search(r"\bnopass\b", match[1]):
                    continue
                words = _DOAS_WORDS.sub(" ", match[1]).split()
                if words:
                    # A group has a colon there.
                    who = f"%{words[0][1:]}" if words[0].startswith(":") else words[0]
                    rules.append(Rule(who, entry.path, "cmd" not in words))
    return rules
