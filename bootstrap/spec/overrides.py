"""Lays the values of --values files and of --set over those of a spec, and reports those that do not fit."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bootstrap.errors import Problem, UsageError, Where
from bootstrap.spec import tree
from bootstrap.spec.models import guess
from bootstrap.spec.values import OutsideValue, fitted, kind, kind_fault, moved


def lay(
    reader: tree.Reader,
    root: tree.Map,
    overrides: Sequence[str],
    values_files: Sequence[str] = (),
    *,
    values: tree.Map | None = None,
    subject: str = "spec",
) -> tuple[tree.Map, tuple[OutsideValue, ...]]:
    """(the tree with these values, the values that it did not declare). A later value wins, and --set over the files.

    values: more of them, which lie under both. subject: the kind of file that declares them, for messages.
    Raises UsageError for an override that is not K=V.
    """
    node = tree.find(root, ("values",))
    declared = node if isinstance(node, tree.Map) else tree.Map({}, root.where)
    undeclared: dict[str, OutsideValue] = {}
    from_files = (reader.read(Path(name), name) for name in values_files)
    for more in (values, *from_files, *(_override(text, declared) for text in overrides)):
        if more is not None:
            for key, (where, _) in more.items.items():
                if key not in declared.items:
                    undeclared.setdefault(key, OutsideValue(key, where))
            reader.problems += _misfits(more, declared, (), subject)
            root = _over(root, more)
    return root, tuple(undeclared.values())


def _over(root: tree.Map, values: tree.Map) -> tree.Map:
    """`values` over those of `root`."""
    # The merged map keeps the place of the spec's `values:`, so a fault in the spec's own values is shown there.
    whole = tree.find(root, ("values",))
    place = root.items["values"][0] if "values" in root.items else values.where
    # `values:` of the spec is not a map: validation reports that, and merging would hide it.
    if whole is not None and not isinstance(whole, tree.Map):
        return root
    return tree.merge(root, tree.Map({"values": (place, values)}, root.where))


def _override(text: str, declared: tree.Map) -> tree.Map:
    """`K=V` or `K.K=V` as a tree, all of it at one place."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"--set {text}: the value must have the form K=V", hint="write --set branch=main")
    where = Where("--set", 1, 1, text, len(text))
    default = tree.find(declared, tuple(key.split(".")))
    flow = fitted(value, None if default is None else guess(tree.plain(default)))
    node: tree.Node = tree.Leaf(tree.Scalar(value, quoted=False), where) if flow is None else moved(flow, where)
    # `a.b=1` overrides one key of a map and leaves the others.
    for part in reversed(key.split(".")):
        node = tree.Map({part: (where, node)}, where)
    assert isinstance(node, tree.Map)
    return node


def _misfits(values: tree.Map, declared: tree.Map, above: tree.Path_, subject: str) -> Iterator[Problem]:
    """A problem for each value of another kind than declared; a warning for a key of a map that looks misspelt."""
    for key, (where, node) in values.items.items():
        path = (*above, key)
        if key not in declared.items:
            # A new key of a map may be wanted, so it is a warning, and only if it resembles another.
            near = difflib.get_close_matches(key, declared.items, 1, 0.7) if above else []
            if near:
                message = f"the value {tree.dotted(above)} of the {subject} has no key {key}"
                yield Problem("spec.value", message, where, f"did you mean {near[0]}?", "warning")
            continue
        declared_node = declared.items[key][1]
        if isinstance(node, tree.Map) and isinstance(declared_node, tree.Map):
            yield from _misfits(node, declared_node, path, subject)
            continue
        value, default = _value(node), _value(declared_node)
        fault = kind_fault(tree.dotted(path), value, default, subject)
        if fault:
            is_set = where.file == "--set"
            hint = f"{fault[1]}, as in --set {tree.dotted(path)}={_EXAMPLES[kind(default)]}" if is_set else fault[1]
            yield Problem("spec.value", fault[0], node.where, hint)


_EXAMPLES = {"list": "'[a, b]'", "map": "'{key: value}'", "plain": "VALUE", None: "VALUE"}


def _value(node: tree.Node) -> Any:
    return guess(tree.plain(node))
