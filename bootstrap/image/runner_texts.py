"""Runner texts in an image: the part of a bundle that all servers share, each in a file named by its SHA-256."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from bootstrap.image.root import Entry, Root
from bootstrap.payload.split import FOLDER

# The second form is the name that a text has while it is written. A bake that was killed leaves it behind.
_NAME = re.compile(r"[0-9a-f]{64}|\.[0-9a-f]{64}\.bake")
# A text has about 36,000 bytes; of a larger file only so much is read, which gives it another digest.
_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class Found:
    """A text, or what is left of one. path: as the runner asks for it. is_whole: its SHA-256 is its name."""

    path: str
    entry: Entry
    is_whole: bool


def place(sha256: str) -> str:
    """Return the path at which the runner looks for a text."""
    return f"{FOLDER}/{sha256}"


def found_in(root: Root) -> list[Found]:
    """Return the texts of every toolkit version in an image, sorted by name; files with other names are not ours."""
    texts = []
    for name in root.names(FOLDER):
        entry = root.look(place(name)) if _NAME.fullmatch(name) else None
        if entry is not None:
            # A link under such a name is damage too: nothing says what it leads to on a clone.
            content = root.read(entry.path, _MOST_BYTES) if entry.is_file else None
            is_whole = content is not None and hashlib.sha256(content).hexdigest() == name
            texts.append(Found(place(name), entry, is_whole))
    return texts
