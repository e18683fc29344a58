"""Conditions of a systemd unit that the files of an image already answer: a unit with an unmet one does not run.

What only a boot can tell (the kernel, a virtual machine, what lies in /run) counts as met.
"""

from __future__ import annotations

import re

from bootstrap.image.tree import Tree

MACHINE_ID = "/etc/machine-id"
FIRST_BOOT = "ConditionFirstBoot"
_LINE = re.compile(r"(?m)^[ \t]*((?:Condition|Assert)\w+)[ \t]*=[ \t]*(.*?)[ \t]*$")
# Nothing of these is in an image, whatever lies there now.
_AT_BOOT = re.compile(r"/(?:run|dev|proc|sys|tmp|var/run)(?:/|$)")
_TRUE = ("yes", "true", "on", "1", "y", "t")


def unmet(tree: Tree, text: str) -> str:
    """The name of the first condition that a boot of this image does not meet; "" when it meets all.

    text: of the unit and its drop-ins. Of those with a `|` one is enough: systemd.unit(5).
    """
    lines: list[tuple[str, str]] = []
    for name, setting in _LINE.findall(text.replace("\\\n", " ")):
        # An empty one takes back those before it.
        lines = [*lines, (name, setting)] if setting else []
    required = [(name, setting) for name, setting in lines if not setting.startswith("|")]
    any_of = [(name, setting) for name, setting in lines if setting.startswith("|")]
    fault = next((name for name, setting in required if not _is_met(tree, name, setting)), "")
    if fault or not any_of or any(_is_met(tree, name, setting) for name, setting in any_of):
        return fault
    return any_of[0][0]


def is_first_boot(tree: Tree) -> bool:
    """Whether the next boot is a first one to systemd: machine-id(5). After an empty file no boot is."""
    return tree.look(MACHINE_ID) is None or (tree.read(MACHINE_ID) or b"").strip() == b"uninitialized"


def _is_met(tree: Tree, name: str, setting: str) -> bool:
    word = setting.removeprefix("|").strip()
    is_negated = word.startswith("!")
    word = word.removeprefix("!").strip()
    answer = _answer(tree, name.removeprefix("Condition").removeprefix("Assert"), word)
    return True if answer is None else answer is not is_negated


def _answer(tree: Tree, kind: str, word: str) -> bool | None:
    """The answer of the files of the image; None when only a boot can give it."""
    if kind == "FirstBoot":
        return is_first_boot(tree) is (word.lower() in _TRUE)
    if not word.startswith("/") or "%" in word or _AT_BOOT.match(word):
        return None
    if kind == "PathExistsGlob":
        return any(tree.glob(word))
    if kind == "PathIsSymbolicLink":
        return tree.link(word) is not None
    entry = tree.look(word, follow=True)
    tests = {
        "PathExists": entry is not None,
        "PathIsDirectory": entry is not None and entry.is_folder,
        "FileNotEmpty": entry is not None and entry.is_file and entry.info.st_size > 0,
        "FileIsExecutable": entry is not None and entry.is_program,
    }
    return tests.get(kind)
