"""Lays the values of --values files and of --set over those of a spec; what does not fit there is a problem."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bootstrap.errors import Problem, UsageError, Where
from bootstrap.spec import tree
from bootstrap.spec.models import guess
from bootstrap.spec.values import Given, fitted, kind, kind_fault, moved


def lay(
    reader: tree.Reader, root: tree.Map, overrides: Sequence[str], values_files: Sequence[str]
) -> tuple[tree.Map, tuple[Given, ...]]:
    """(the tree with these values; those of them that it did not declare). A later one wins, --set over the files.

    Raises UsageError for an override that is not K=V.
    """
    own = tree.find(root, ("values",))
    declared = own if isinstance(own, tree.Map) else tree.Map({}, root.where)
    given: dict[str, Given] = {}
    for name in values_files:
        values = reader.read(Path(name), name)
        if values is not None:
            root = _over(reader, root, values, declared, given)
    for text in overrides:
        root = _over(reader, root, _override(text, declared), declared, given)
    return root, tuple(given.values())


def _over(
    reader: tree.Reader, root: tree.Map, values: tree.Map, declared: tree.Map, given: dict[str, Given]
) -> tree.Map:
    """`values` over those of `root`, judged beside what the spec itself declares."""
    for key, (where, _) in values.items.items():
        if key not in declared.items:
            given.setdefault(key, Given(key, where))
    reader.problems += _misfits(values, declared, ())
    # Its place is not that of `values:`: what the spec's own maps are wrong in stays where it stands.
    whole = tree.find(root, ("values",))
    place = root.items["values"][0] if "values" in root.items else values.where
    if whole is not None and not isinstance(whole, tree.Map):
        return root
    return tree.merge(root, tree.Map({"values": (place, values)}, root.where))


def _override(text: str, declared: tree.Map) -> tree.Map:
    """`K=V` or `K.K=V` as a tree, all of it at one place."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"--set {text}: not K=V", hint="write --set branch=main")
    where = Where("--set", 1, 1, text, len(text))
    own = tree.find(declared, tuple(key.split(".")))
    flow = fitted(value, None if own is None else guess(tree.plain(own)))
    node: tree.Node = tree.Leaf(tree.Scalar(value, quoted=False), where) if flow is None else moved(flow, where)
    for part in reversed(key.split(".")):
        node = tree.Map({part: (where, node)}, where)
    assert isinstance(node, tree.Map)
    return node


def _misfits(values: tree.Map, declared: tree.Map, above: tree.Path_) -> Iterator[Problem]:
    """Values of another kind than the spec's, at their places; a warning for a key of a map that looks misspelt."""
    for key, (where, node) in values.items.items():
        path = (*above, key)
        if key not in declared.items:
            near = difflib.get_close_matches(key, declared.items, 1, 0.7) if above else []
            if near:
                message = f"the value {tree.dotted(above)} has no {key} in the spec"
                yield Problem("spec.value", message, where, f"did you mean {near[0]}?", "warning")
            continue
        own = declared.items[key][1]
        if isinstance(node, tree.Map) and isinstance(own, tree.Map):
            yield from _misfits(node, own, path)
            continue
        value, default = _value(node), _value(own)
        fault = kind_fault(tree.dotted(path), value, default)
        if fault:
            is_set = where.file == "--set"
            hint = f"{fault[1]}, as in --set {tree.dotted(path)}={_EXAMPLES[kind(default)]}" if is_set else fault[1]
            yield Problem("spec.value", fault[0], node.where, hint)


_EXAMPLES = {"list": "'[a, b]'", "map": "'{key: value}'", "plain": "VALUE", None: "VALUE"}


def _value(node: tree.Node) -> Any:
    return guess(tree.plain(node))
