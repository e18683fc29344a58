"""Plants the lists into a root, and counts what `seal` finds and `--clean` mends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from image_root import put

from bootstrap.image.seal import Sealed, seal
from builder_leftovers import GROUPS
from builder_leftovers.item import Item, plant


@dataclass(frozen=True)
class Measured:
    """The paths of the items, of those that were found, and of those that --clean --clean-access mended.

    root: as it is after that. cleaned: the answer of the cleaning.
    """

    root: Path
    planted: frozenset[str]
    found: frozenset[str]
    mended: frozenset[str]
    cleaned: Sealed

    def row(self, paths: Iterable[str]) -> list[int]:
        """[planted, found, mended] of some of the paths."""
        chosen = set(paths)
        return [len(chosen & self.planted), len(chosen & self.found), len(chosen & self.mended)]


def named(sealed: Sealed, paths: Iterable[str]) -> frozenset[str]:
    """The paths that a finding names, or that lie in a folder that it names."""
    places = {finding.path for finding in sealed.findings if finding.path}
    return frozenset(path for path in paths if any(above in places for above in _with_folders(path)))


def _with_folders(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(2, len(parts) + 1)]


def measure(root: Path, items: Iterable[Item]) -> Measured:
    """Plant items into a root in which nothing is found, judge it, clean it, and judge it again."""
    chosen = tuple(items)
    # Its settings say nothing where it is not installed.
    put(root, "/usr/bin/cloud-init", "#!/usr/bin/python3\n", 0o755)
    for item in chosen:
        plant(root, item)
    paths = frozenset(item.path for item in chosen)
    found = named(seal(root), paths)
    after = seal(root, clean=True, access=True)
    return Measured(root, paths, found, found - named(after, paths), after)


def all_items() -> dict[str, Item]:
    """The items of all groups, by path."""
    return {item.path: item for group in GROUPS.values() for item in group}


def share(rows: Mapping[str, list[int]], column: int) -> float:
    """The share of the planted that a column counts, over all rows."""
    return sum(row[column] for row in rows.values()) / sum(row[0] for row in rows.values())
