"""Clones that cloud-init does not set up: it is switched off, or its network is."""

from __future__ import annotations

from collections.abc import Iterator

from bootstrap.image.finding import Finding
from bootstrap.image.tree import Tree

CODES: dict[str, str] = {}


def find(tree: Tree) -> Iterator[Finding]:
    """The findings of a root."""
    yield from ()
