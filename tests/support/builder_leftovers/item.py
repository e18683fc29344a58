"""One thing that a builder may leave in an image, as its product writes it, and how to put it into a root."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Item:
    """One leftover. source: the page of the product's documents, or OWNER/REPOSITORY: FILE of its source.

    append: the content is added to a file of the root. link: it is a symbolic link, and leads there.
    """

    product: str
    path: str
    content: str | bytes
    source: str
    mode: int = 0o644
    append: bool = False
    link: str = ""


def plant(root: Path, item: Item) -> None:
    """Put one item into a root."""
    place = root / item.path.lstrip("/")
    # One distribution has a file where another has a folder: /etc/sysconfig/network.
    for folder in (place.parent, *place.parent.parents):
        if folder.is_file():
            folder.unlink()
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_symlink():
        place.unlink()
    if item.link:
        place.symlink_to(item.link)
        return
    content = item.content.encode() if isinstance(item.content, str) else item.content
    old = place.read_bytes() if item.append and place.exists() else b""
    place.write_bytes(old + content)
    os.chmod(place, item.mode)
