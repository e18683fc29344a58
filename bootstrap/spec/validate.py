"""Compares a tree with the models of its format: every fault at its place, with "did you mean" for a misspelt key."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from bootstrap.errors import Problem
from bootstrap.spec import tree

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Format(Generic[Model]):
    """A kind of file. model: of the whole file.

    key_hint: a hint for an unknown key that is a word of something else, by the path of its map; form_hint: one for a
    value of the wrong form, by its path. Each returns None where it has nothing to say.
    """

    model: type[Model]
    key_hint: Callable[[tree.Path_, str], str | None]
    form_hint: Callable[[tree.Path_, tree.Node | None], str | None]


def validate(root: tree.Map, form: Format[Model]) -> tuple[Model | None, list[Problem]]:
    """The model of a tree, or every problem pydantic has with it, each at its place."""
    try:
        return form.model.model_validate(tree.plain(root)), []
    except ValidationError as error:
        return None, _problems(root, form, error)


def _problems(root: tree.Map, form: Format[Any], error: ValidationError) -> list[Problem]:
    judged = [_problem_of(root, form, dict(e)) for e in error.errors(include_url=False) if e["type"] != "missing"]
    # An unknown key that resembles a missing one is a misspelling of it. One mistake gets one message.
    guesses = {(path, guessed) for path, guessed, _ in judged if guessed}
    problems = [problem for _, _, problem in judged]
    # Missing keys come second, since the list of guesses must be complete.
    for e in error.errors(include_url=False):
        if e["type"] == "missing":
            path = _clean(root, e["loc"])
            if (path[:-1], path[-1]) not in guesses:
                problems.append(_missing(root, path))
    return problems


def _clean(root: tree.Map, loc: tuple[Any, ...]) -> tree.Path_:
    """The path in the tree of a pydantic location, without the steps that pydantic adds for keys and unions."""
    path: tuple[str | int, ...] = ()
    for step in loc:
        # A key of the spec may look like such a step. What the tree has at that path is a key.
        if tree.find(root, (*path, step)) is None and (
            step == "[key]" or (isinstance(step, str) and step.startswith(("literal[", "function-")))
        ):
            continue
        path = (*path, step)
    return path


def _missing(root: tree.Map, path: tree.Path_) -> Problem:
    node = tree.find(root, path[:-1])
    # A missing key has no place. The first key of its map is where a reader would add it.
    where = tree.where_of(root, path[:-1])
    if isinstance(node, tree.Map) and node.items:
        where = next(iter(node.items.values()))[0]
    above = tree.dotted(path[:-1])
    return Problem("spec.missing", f"{above + ': ' if above else ''}{path[-1]} is missing", where, f"add {path[-1]}:")


def _problem_of(root: tree.Map, form: Format[Any], e: dict[str, Any]) -> tuple[tree.Path_, str | None, Problem]:
    """(path of the map, the key that an unknown key was probably meant to be, the problem)."""
    path = _clean(root, e["loc"])
    if e["type"] == "extra_forbidden":
        return _unknown(root, form, path)
    where, key = tree.where_of(root, path), tree.dotted(path)
    # A bad key of a map is shown at the key, not at its value.
    if e["loc"][-1:] == ("[key]",) and isinstance(tree.find(root, path[:-1]), tree.Map):
        parent = tree.find(root, path[:-1])
        where = parent.items[str(path[-1])][0] if isinstance(parent, tree.Map) else where
    lead = f"{key}: " if key else ""
    if e["type"] == "spec":
        context = e["ctx"]
        hint = form.form_hint(path, tree.find(root, path)) or context["hint"]
        return path, None, Problem(context["code"], lead + context["message"], where, hint or None)
    # pydantic speaks of Python's types. People know lists and maps.
    kinds = {"list_type": "a list", "model_type": "a map", "dict_type": "a map", "model_attributes_type": "a map"}
    expected = kinds.get(e["type"])
    message = f"must be {expected}" if expected else str(e["msg"]).lower()
    hint = {"a list": "write [one, two] or lines that begin with -", "a map": "write key: value"}.get(expected or "")
    return path, None, Problem("spec.type", lead + message, where, hint)


def _unknown(root: tree.Map, form: Format[Any], path: tree.Path_) -> tuple[tree.Path_, str | None, Problem]:
    parent = tree.find(root, path[:-1])
    key = str(path[-1])
    where = parent.items[key][0] if isinstance(parent, tree.Map) and key in parent.items else tree.where_of(root, path)
    keys = keys_at(form.model, path[:-1])
    # A word of another tool gets its own hint: the nearest key of ours would be a wrong guess.
    elsewhere = form.key_hint(path[:-1], key)
    near = difflib.get_close_matches(key, keys, 1, 0.6) if elsewhere is None else []
    hint = f"did you mean {near[0]}?" if near else elsewhere or f"the keys here are: {', '.join(keys)}"
    above = tree.dotted(path[:-1])
    message = f"{above + ': ' if above else ''}unknown key {key}"
    return path[:-1], near[0] if near else None, Problem("spec.unknown-key", message, where, hint)


def keys_at(model: Any, path: tree.Path_) -> list[str]:
    """The keys that a map at this path may have. model: that of the whole file."""
    for step in path:
        # A number leads into a list, whose model is that of its entries.
        if isinstance(step, int) or not (isinstance(model, type) and issubclass(model, BaseModel)):
            continue
        for name, info in model.model_fields.items():
            if step in (name, info.alias):
                model = _model_in(info.annotation)
                break
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return []
    return [info.alias or name for name, info in model.model_fields.items()]


def _model_in(annotation: Any) -> Any:
    """The model inside the type of a field: list[Stage] and Fetch | None give Stage and Fetch."""
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation
    if typing.get_origin(annotation) in (list, typing.Union, types.UnionType, typing.Annotated):
        for argument in typing.get_args(annotation):
            model = _model_in(argument)
            if isinstance(model, type) and issubclass(model, BaseModel):
                return model
    return None
