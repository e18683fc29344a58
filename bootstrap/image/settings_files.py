"""Settings files of an image as judges read them: bounded, with comments and continuation lines out of the way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bootstrap.image.tree import Tree

# Settings are far smaller; of a larger file only the beginning counts, so that no file can keep a judge busy.
MOST_BYTES = 1 << 18


@dataclass(frozen=True)
class SettingsFile:
    """One file. path: the real one, without links."""

    path: str
    text: str

    @property
    def lines(self) -> list[str]:
        """The lines with a content, blanks around them and whole-line comments left out."""
        stripped = (line.strip() for line in self.text.split("\n"))
        return [line for line in stripped if line and not line.startswith("#")]


def read_all(tree: Tree, *places: str) -> Iterator[SettingsFile]:
    """The regular files at some places, each once. A place is a pattern of Tree.glob; a link at its end is followed."""
    seen = set()
    for place in places:
        for entry in tree.glob(place):
            real = tree.look(entry.path, follow=True) if entry.is_link else entry
            if real is None or not real.is_file or real.path in seen:
                continue
            seen.add(real.path)
            content = tree.read(real.path, MOST_BYTES)
            if content:
                yield SettingsFile(real.path, content.decode("utf-8", "surrogateescape"))


def sections(text: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """(section, its settings in order) of a file of systemd or a keyfile. A key may stand there more than once."""
    parts: list[tuple[str, list[tuple[str, str]]]] = []
    for line in re.sub(r"\\\n", " ", text).split("\n"):
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            parts.append((line[1:-1], []))
        elif parts and line[:1] not in ("#", ";") and "=" in line:
            key, _, value = line.partition("=")
            parts[-1][1].append((key.strip(), value.strip()))
    return parts


def shell_value(text: str, name: str) -> str:
    """The values of one variable of a file that a shell reads, joined: later lines often add to earlier ones."""
    # The text between the quotes is taken as it stands: nothing is expanded, since nothing of an image is run.
    pattern = rf"(?m)^[ \t]*(?:export[ \t]+)?{name}[ \t]*\+?=[ \t]*(?:\"([^\"\n]*)\"|'([^'\n]*)'|([^\s#]*))"
    return " ".join("".join(parts) for parts in re.findall(pattern, re.sub(r"\\\n", " ", text)))
