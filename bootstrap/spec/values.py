"""Judges values that come from outside a spec, by one rule: --set, --values, a fleet's file and the Python API.

The spec or a template must use the name of such a value, and the value must be of the kind of the spec's own.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from bootstrap.errors import Problem, Where
from bootstrap.spec import tree
from bootstrap.spec.models import guess

# A template reads these words as its own syntax, so no value can be called so.
WORDS = {"true", "false", "none", "True", "False", "None", "and", "or", "not", "in", "is", "if", "else", "self"}
BUILT_IN = ("server", "deploy_id", "revision")

# A message and a hint.
Fault = tuple[str, str]


@dataclass(frozen=True)
class AllowedValues:
    """The values that may come from outside.

    names: those that the spec declares or a template uses; secrets: names that are taken; defaults: the spec's values.
    subject: the kind of file, for messages.
    """

    names: Collection[str]
    secrets: Collection[str] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)
    subject: str = "spec"


def value_fault(key: str, allowed: AllowedValues, *, of_file: bool = True) -> Fault | None:
    """The fault of a value's name, or None. of_file: it stands in a file, which other programs may read, too."""
    if key in BUILT_IN:
        return f"{key} is a built-in value", "choose another name"
    if key in allowed.secrets:
        return f"the value {key} is a secret of the spec", "choose another name"
    if not key.isidentifier() or key in WORDS:
        return f"{key!r} cannot be a template variable", "choose another name"
    if key in allowed.names:
        return None
    # Sorted names give the same hint at every run.
    near = difflib.get_close_matches(key, sorted(allowed.names), 1)
    declare = f"declare it: values: {{{key}: ''}}"
    hint = f"if another program reads it from this file, {declare}" if of_file else declare
    return (
        f"no template uses {key}, and the {allowed.subject} has no such value",
        f"did you mean {near[0]}?" if near else hint,
    )


def kind(value: Any) -> str | None:
    """`list`, `map` or `plain` value; None for null and for empty text, which stand for anything."""
    if value is None or value == "":
        return None
    return "map" if isinstance(value, Mapping) else "list" if isinstance(value, list | tuple) else "plain"


def kind_fault(key: str, value: Any, default: Any, subject: str = "spec") -> Fault | None:
    """The fault of a value that is of another kind than the spec's, or None. key: the name that messages show.

    subject: the kind of file that has the default, for messages.
    Without this check a template that loops over a list would loop over the letters of a text.
    """
    expected, actual = kind(default), kind(value)
    if expected == "map" and actual == "map":
        faults = (kind_fault(f"{key}.{name}", value[name], default[name], subject) for name in value if name in default)
        return next((fault for fault in faults if fault), None)
    # Null and empty text stand for anything: `tags:` without a value is a list that is not written yet.
    if expected is None or actual == expected or value is None:
        return None
    words = {"plain": "text or a number", "list": "a list", "map": "a map", None: "empty text"}
    hints = {"list": "write [a, b]", "map": "write {key: value}", "plain": "write one value"}
    return f"the value {key} is {words[actual]}, and in the {subject} it is {words[expected]}", hints[expected]


def fitted(text: str, default: Any) -> tree.Node | None:
    """The tree of a text that is written as a list or a map, if the spec has such a value there; None otherwise."""
    if kind(default) not in ("list", "map") or not text.lstrip().startswith(("[", "{")):
        return None
    # Text that begins like a list but is not one stays text: a reader of its own keeps the fault to itself.
    reader = tree.Reader()
    node = reader.parse_any(text, "value")
    return node if not reader.problems and isinstance(node, tree.Map | tree.Sequence) else None


def read_text(text: str, default: Any) -> Any:
    """The value of a text without quotes, such as a cell of a table. default: the spec's own value, if it has one."""
    node = fitted(text, default)
    return guess(tree.Scalar(text, quoted=False) if node is None else tree.plain(node))


def moved(node: tree.Node, where: Where) -> tree.Node:
    """The same tree, all of it at one place: what stands on a command line has no lines."""
    if isinstance(node, tree.Leaf):
        return tree.Leaf(node.value, where)
    if isinstance(node, tree.Sequence):
        return tree.Sequence([moved(item, where) for item in node.items], where)
    return tree.Map({key: (where, moved(item, where)) for key, (_, item) in node.items.items()}, where)


def form_fault(key: str, value: Any) -> Fault | None:
    """The fault of a Python object that no template can print, or None."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if not isinstance(name, str):
                return f"the value {key} has the key {name!r}, which is not text", "write it as text"
            fault = form_fault(f"{key}.{name}", item)
            if fault:
                return fault
        return None
    if isinstance(value, list | tuple):
        faults = (form_fault(f"{key}[{number}]", item) for number, item in enumerate(value))
        return next((fault for fault in faults if fault), None)
    # Bytes are allowed, since the filter b64 takes them.
    if value is None or isinstance(value, str | bool | int | float | bytes):
        return None
    return (
        f"the value {key} is of the type {type(value).__name__}, which no template can print",
        "give text, a number, true or false, a list or a map",
    )


@dataclass(frozen=True)
class OutsideValue:
    """A value that came from outside and that the spec does not declare. where: None for one of the Python API."""

    name: str
    where: Where | None = None
    server: str = ""


def undeclared_problems(values: Collection[OutsideValue], allowed: AllowedValues) -> list[Problem]:
    """A problem for each value that neither the spec nor a template uses."""
    problems = []
    for value in values:
        # A file of values may serve other programs as well. Nobody else reads --set.
        of_file = value.where is not None and value.where.file != "--set"
        fault = value_fault(value.name, allowed, of_file=of_file)
        if fault:
            lead = f"{value.server}: " if value.server else ""
            problems.append(Problem("spec.value", lead + fault[0], value.where, fault[1]))
    return problems
