"""Reads a file with the files that its `include` names, merged into one tree in which everything keeps its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import Problem, UsageError
from bootstrap.spec import tree
from bootstrap.spec.types import Misfit, unmarked


@dataclass(frozen=True)
class Included:
    """A reader of such files. refuse: the problem of a file that is something else altogether, from its path and label.

    named: lists whose entries an including file may change one by one, and the key that names an entry.
    """

    reader: tree.Reader
    refuse: Callable[[Path, str], Problem | None]
    named: Mapping[str, str]

    def read(self, path: Path, label: str, chain: tuple[Path, ...] = ()) -> tree.Map | None:
        """One file with its includes merged under it. chain: the files that lead to it."""
        # A cloud-config would give an error for every key. One message says more.
        refused = self.refuse(path, label)
        if refused is not None:
            self.reader.problems.append(refused)
            return None
        root = self.reader.read(path, label)
        if root is None or "include" not in root.items:
            return root
        chain = (*chain, self.reader.storage.real(path))
        merged: tree.Map | None = None
        for leaf in self._names(root.items["include"][1]):
            included = self._below(path, label, leaf, chain)
            if included is not None:
                merged = included if merged is None else tree.merge(merged, included, self.named)
        # A file lies over its includes, and a later include over an earlier one.
        return root if merged is None else tree.merge(merged, root, self.named)

    def _names(self, node: tree.Node) -> Iterator[tree.Leaf]:
        """Every entry of `include` that can be the name of a file."""
        for leaf in node.items if isinstance(node, tree.Sequence) else [node]:
            if not isinstance(leaf, tree.Leaf):
                kind = "map" if isinstance(leaf, tree.Map) else "list"
                self.reader.add("spec.type", f"include: must be a file name, not a {kind}", leaf.where)
                continue
            if "\0" in leaf.value or not leaf.value:
                message = f"include: {str(leaf.value)!r} is not the name of a file"
                self.reader.add("spec.path", message, leaf.where)
                continue
            try:
                unmarked(leaf.value)
            except Misfit as misfit:
                self.reader.add(misfit.code, f"include: {misfit.message}", leaf.where, misfit.hint)
                continue
            yield leaf

    def _below(self, path: Path, label: str, leaf: tree.Leaf, chain: tuple[Path, ...]) -> tree.Map | None:
        # An include is relative to the file that names it, and messages name it as the caller's path leads to it.
        below = path.parent / leaf.value
        below_label = str(Path(label).parent / leaf.value)
        real = self.reader.storage.real(below)
        if real in chain:
            names = " -> ".join(p.name for p in (*chain[chain.index(real) :], real))
            message = f"include: the files include each other in a circle: {names}"
            self.reader.add("spec.include-cycle", message, leaf.where, "remove one of them")
            return None
        try:
            return self.read(below, below_label, chain)
        except UsageError as error:
            hint = "the path is relative to the folder of this file"
            self.reader.add("spec.source", f"include: {error.message}", leaf.where, hint)
            return None
