"""Judges values that come from outside a spec, by one rule: --set, --values, a fleet's file and the Python API.

Such a value must have a name that somebody asks for, and be of the kind that the spec's own value has.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from bootstrap.errors import Problem, Where
from bootstrap.spec import tree
from bootstrap.spec.models import guess

# What a template reads as something else than a value.
WORDS = {"true", "false", "none", "True", "False", "None", "and", "or", "not", "in", "is", "if", "else", "self"}
BUILT_IN = ("server", "deploy_id", "revision")

# What is wrong, and how to fix it.
Fault = tuple[str, str]


@dataclass(frozen=True)
class Known:
    """What values may be. names: what the spec declares or a template says; secrets: taken; defaults: the spec's."""

    names: Collection[str]
    secrets: Collection[str] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)


def value_fault(key: str, known: Known, *, of_file: bool = True) -> Fault | None:
    """What is wrong with the name of a value; None when nothing is. of_file: others may read the file it stands in."""
    if key in BUILT_IN:
        return f"the value {key} is built in", "choose another name"
    if key in known.secrets:
        return f"the value {key} is a secret of the spec", "choose another name"
    if not key.isidentifier() or key in WORDS:
        return f"no template could say {key!r}", "choose another name"
    if key in known.names:
        return None
    near = difflib.get_close_matches(key, sorted(known.names), 1)
    declare = f"eclare it: values: {{{key}: ''}}"
    hint = f"is it for others who read this file? Then d{declare}" if of_file else f"d{declare}"
    return (
        f"no template says {key}, and the spec has no such value",
        f"did you mean {near[0]}?" if near else hint,
    )


def kind(value: Any) -> str | None:
    """`list`, `map` or `plain` value; None for null and for empty text, which stand for anything."""
    if value is None or value == "":
        return None
    return "map" if isinstance(value, Mapping) else "list" if isinstance(value, list | tuple) else "plain"


def kind_fault(key: str, value: Any, default: Any) -> Fault | None:
    """What is wrong with a value beside that of the spec. key: as messages show it; None when nothing is.

    A template that goes through a list would go through the letters of a text.
    """
    wanted, given = kind(default), kind(value)
    if wanted == "map" and given == "map":
        faults = (kind_fault(f"{key}.{name}", value[name], default[name]) for name in value if name in default)
        return next((fault for fault in faults if fault), None)
    if wanted is None or given == wanted or value is None:
        return None
    shown = {"plain": "text or a number", "list": "a list", "map": "a map", None: "empty text"}
    hints = {"list": "write [a, b]", "map": "write {key: value}", "plain": "write one value"}
    return f"the value {key} is {shown[given]}, and in the spec it is {shown[wanted]}", hints[wanted]


def fitted(text: str, default: Any) -> tree.Node | None:
    """The tree of a text that is written as a list or a map, where the spec has such a value; None otherwise."""
    if kind(default) not in ("list", "map") or not text.lstrip().startswith(("[", "{")):
        return None
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
    """What is wrong with a Python object as a value: a template prints text, numbers, lists and maps."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            if not isinstance(name, str):
                return f"the value {key} has the key {name!r}, which is no text", "write it as text"
            fault = form_fault(f"{key}.{name}", item)
            if fault:
                return fault
        return None
    if isinstance(value, list | tuple):
        faults = (form_fault(f"{key}[{number}]", item) for number, item in enumerate(value))
        return next((fault for fault in faults if fault), None)
    # Bytes are for the filter b64.
    if value is None or isinstance(value, str | bool | int | float | bytes):
        return None
    return (
        f"the value {key} is of the type {type(value).__name__}, which no template can print",
        "give text, a number, true or false, a list or a map",
    )


@dataclass(frozen=True)
class Given:
    """A value that came from outside and that the spec does not declare. where: None for one of the Python API."""

    name: str
    where: Where | None = None
    server: str = ""


def unasked(given: Collection[Given], known: Known) -> list[Problem]:
    """A problem for each value that nobody asks for."""
    problems = []
    for one in given:
        of_file = one.where is not None and one.where.file != "--set"
        fault = value_fault(one.name, known, of_file=of_file)
        if fault:
            lead = f"{one.server}: " if one.server else ""
            problems.append(Problem("spec.value", lead + fault[0], one.where, fault[1]))
    return problems
