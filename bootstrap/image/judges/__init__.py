"""Judges: what `seal` finds by reading settings, where a table of places does not tell enough.

A judge is a module with CODES (each with its line in the reference page) and `find(tree, packaged)`, which yields the
findings. packaged: what packages brought, read once for all judges and the search.
"""

from __future__ import annotations

from collections.abc import Iterator

from bootstrap.image.finding import Finding
from bootstrap.image.judges import backups, cloud_init, disks, kernel, labels, logins, network, ostree, passwords
from bootstrap.image.packages import Packaged
from bootstrap.image.tree import Tree

# In the order of the report.
JUDGES = (passwords, logins, disks, kernel, network, cloud_init, labels, ostree, backups)
CODES: dict[str, str] = {code: meaning for judge in JUDGES for code, meaning in judge.CODES.items()}


def judged(tree: Tree, packaged: Packaged) -> Iterator[Finding]:
    """The findings of every judge."""
    for judge in JUDGES:
        yield from judge.find(tree, packaged)
