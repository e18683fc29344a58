"""Runs one judge of `seal` on a small root."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from image_root import put

from bootstrap.image.finding import Finding
from bootstrap.image.packages import Packaged
from bootstrap.image.tree import Tree


def findings(judge: ModuleType, root: Path, files: dict[str, str]) -> list[Finding]:
    """What a judge finds in a root with these files."""
    for path, text in files.items():
        put(root, path, text)
    tree = Tree(root)
    try:
        return list(judge.find(tree, Packaged(tree)))
    finally:
        tree.close()


def told(judge: ModuleType, root: Path, files: dict[str, str]) -> list[tuple[str, str, str]]:
    """The same: (code, severity, path)."""
    return [(one.code, one.severity.value, one.path) for one in findings(judge, root, files)]
