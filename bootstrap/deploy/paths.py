"""Makes the paths in a deploy file absolute, so that a later command in another folder means the same files."""

from __future__ import annotations

from pathlib import Path

from bootstrap.spec import tree


def folder_at(root: tree.Map, *keys: str | int) -> str:
    """The absolute folder to which a path in a value is relative: that of the file in which the value stands."""
    where = tree.where_of(root, keys)
    # The path is not resolved: where a link in it leads may change until the path is used.
    return str(Path.cwd() if where.file == "--set" else Path.cwd() / Path(where.file).parent)


def path_at(root: tree.Map, *keys: str | int) -> str:
    """The value at these keys as an absolute path."""
    node = tree.find(root, keys)
    name = str(node.value) if isinstance(node, tree.Leaf) else ""
    return str(Path(folder_at(root, *keys), name))
