"""A baked runner in a system of ostree, where /usr/local leads to /var, which an update does not bring."""

from __future__ import annotations

from collections.abc import Iterator

from bootstrap.image.finding import Finding, Severity
from bootstrap.image.own_paths import PROGRAM
from bootstrap.image.packages import Packaged
from bootstrap.image.root import Root
from bootstrap.image.tree import Tree

CODES = {"ostree.runner": "the runner lies in /var of a system of ostree, which an update does not bring (a warning)"}


def runner_place(root: Root) -> str | None:
    """The real path of the runner where it lies in /var; None where it is a part of the system, or is missing."""
    entry = root.look(PROGRAM, follow=True)
    return entry.path if entry is not None and entry.path.startswith("/var/") else None


def find(tree: Tree, packaged: Packaged) -> Iterator[Finding]:
    """The findings of a root."""
    place = runner_place(tree)
    if place is not None:
        yield Finding(
            "ostree.runner", place, "the runner in /var, where /usr/local leads to",
            "clones of this disk have it, but a commit of ostree does not carry it, and an update does not renew it",
            "clone this very disk; for a commit make /usr/local a folder of it, and bake again",
            severity=Severity.WARNING,
        )  # fmt: skip
