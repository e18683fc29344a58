"""The fenced blocks of a page of the docs, with the commands and the output that they show."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Block:
    """One fenced block. words: what follows the language on its first line."""

    language: str
    words: tuple[str, ...]
    text: str

    @property
    def saved_as(self) -> str | None:
        """The file name that the first line gives."""
        match = re.match(r"# (?:spec|file): (\S+)\n", self.text)
        return match[1] if match else None

    @property
    def commands(self) -> list[tuple[str, str]]:
        """(command, the output shown below it) of every prompt; a line that ends in a backslash goes on."""
        # A line that begins with `> ` goes on with the command, as a shell's second prompt shows it.
        matches = re.finditer(r"^\$ ((?:.*\\\n)*.*(?:\n> .*)*)\n((?:(?!\$ ).*\n)*)", self.text, re.MULTILINE)
        return [(match[1].replace("\n> ", "\n"), match[2]) for match in matches]

    @property
    def exit_code(self) -> int:
        """The exit code that each command of the block must have."""
        return next((int(word[5:]) for word in self.words if word.startswith("exit=")), 0)


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    matches = re.finditer(r"^```(\S*)([^\n]*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [Block(match[1], tuple(match[2].split()), match[3]) for match in matches]
