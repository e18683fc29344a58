"""Warns of shell lines that YAML joins into one: in a `>` block, and in a text of several lines that is not a block."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from bootstrap.errors import Problem
from bootstrap.spec import tree

if TYPE_CHECKING:
    from bootstrap.spec.load import Spec

# A line that begins with one of these words is a command of its own, and hardly an argument of the line before.
_COMMANDS = frozenset(
    (
        *("echo", "printf", "cd", "set", "export", "exit", "test", "[", "[[", "source", ".", "sleep", "trap"),
        *("if", "then", "elif", "else", "fi", "for", "while", "until", "do", "done", "case", "esac"),
        *("mkdir", "touch", "rm", "cp", "mv", "ln", "chmod", "chown", "install", "sed", "tee", "mount", "umount"),
        *("apt-get", "dnf", "yum", "zypper", "systemctl", "service", "useradd", "adduser", "groupadd", "usermod"),
    )
)
# A command goes on after a line that ends so, or before a line that begins so.
_GOES_ON = ("&&", "||", "|", ";", "&", "{", "(", "then", "do", "else")
_CONTINUES = ("&&", "||", "|", ";", ")", "}", "-", ">", "<", "2>")


def judge(spec: Spec) -> Iterator[Problem]:
    """A warning for each script in which two commands become one."""
    model = spec.model
    texts: list[tree.Path_] = [
        *(("stages", n, key) for n in range(len(model.stages)) for key in ("run", "skip_if", "verify", "undo")),
        *(("every_boot", n, "run") for n in range(len(model.every_boot))),
        *(("health", "checks", n, "command") for n in range(len(model.health.checks if model.health else ()))),
    ]
    for path in texts:
        node = tree.find(spec.root, path)
        if not isinstance(node, tree.Leaf) or not node.value.folded:
            continue
        # One warning for a text is enough: the hint is the same for all its lines.
        pair = next((pair for pair in _joined(node.value.folded) if _are_two(*pair)), None)
        if pair is not None:
            message = f"{tree.dotted(path)}: YAML joins `{pair[0]}` and `{pair[1]}` into one line"
            hint = f"write {path[-1]}: | to keep the lines"
            yield Problem("spec.folded", message, node.where, hint, "warning")


def _joined(lines: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Pairs of neighbouring lines that YAML joins. An empty line, or a line indented more, is not joined."""
    least = min((len(line) - len(line.lstrip()) for line in lines[1:] if line.strip()), default=0)
    for first, second in pairwise(lines):
        if first.strip() and second.strip() and not first[least:].startswith((" ", "\t")):
            yield first.strip(), second.strip()


def _are_two(first: str, second: str) -> bool:
    if first.startswith("#") or second.startswith("#"):
        return True  # the rest of the joined line is a comment
    if first.endswith("\\"):
        return True  # the joined line has a blank after the backslash, which then does not continue the command
    if first.endswith(_GOES_ON) or second.startswith(_CONTINUES):
        return False
    word = second.split()[0]
    # A line that begins like the one before, such as a second `tool`, is a command of its own, too.
    return word in _COMMANDS or word == first.lstrip("'\"").split()[0]
