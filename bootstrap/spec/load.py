"""Loads a spec: reads, includes, checks, and fails once with everything that is wrong."""

from __future__ import annotations

import difflib
import os
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from bootstrap.errors import Problem, SpecError, UsageError, Where
from bootstrap.spec import foreign, rules, tree
from bootstrap.spec.models import SpecModel
from bootstrap.spec.overrides import lay
from bootstrap.spec.sources import Source, gather
from bootstrap.spec.types import Misfit, unmarked
from bootstrap.spec.values import OutsideValue


@dataclass(frozen=True)
class Spec:
    """A checked spec. file: as the caller named it; sources: bytes of every file that it names, by dotted path.

    undeclared: values of --set and --values that it does not declare, so that a template must use them.
    """

    file: str
    model: SpecModel
    root: tree.Map = field(repr=False)
    sources: Mapping[str, Source] = field(repr=False)
    warnings: tuple[Problem, ...] = ()
    undeclared: tuple[OutsideValue, ...] = ()

    @property
    def name(self) -> str:
        """The name of this kind of server."""
        return self.model.name

    @property
    def example_server(self) -> str:
        """The server for which a command tries the spec if none is named."""
        # A name has at most 63 characters.
        return f"{self.name[:61]}-1"

    def where(self, *path: str | int) -> Where:
        """The place of the value at a path such as ("stages", 2, "timeout"), or of the nearest thing above it."""
        return tree.where_of(self.root, path)

    def indent(self, *path: str | int) -> int | None:
        """The columns before the lines of a `|` block, or None. Its first line is the one below its key."""
        node = tree.find(self.root, path)
        return node.value.indent if isinstance(node, tree.Leaf) else None


def find_spec(path: Path) -> Path:
    """The spec file that `path` names: itself, or the one of a folder (web/ holds web.yaml). Raises UsageError."""
    if not path.is_dir():
        return path
    # The folder's real name counts, so that `check .` finds the spec as well.
    namesakes = [path / f"{path.resolve().name}{suffix}" for suffix in (".yaml", ".yml")]
    candidates = [file for file in namesakes if file.is_file()] or sorted(path.glob("*.yaml"))
    if len(candidates) == 1:
        return candidates[0]
    raise UsageError(f"{path} holds {len(candidates)} specs", hint=f"name the file, or call it {namesakes[0].name}")


def load(path: str | Path, *, overrides: Sequence[str] = (), values_files: Sequence[str] = ()) -> Spec:
    """The spec in a file or folder, with `--set K=V` overrides and `--values` files laid over its values.

    Raises SpecError with every problem of it and its includes, UsageError when a file cannot be read.
    """
    reader = tree.Reader()
    file = find_spec(Path(path))
    root = _read(reader, file, str(file), ())
    if root is None:
        raise SpecError(reader.problems)
    root, undeclared = lay(reader, root, overrides, values_files)
    model, misfits = validate(root)
    problems = [p for p in reader.problems + misfits if p.severity == "error"]
    # The rules below read the model. Without one, the problems so far are all that can be found.
    if model is None:
        raise SpecError(in_order(problems))
    spec = Spec(str(file), model, root, {}, undeclared=undeclared)
    sources, missing = gather(spec)
    spec = replace(spec, sources=sources)
    judged = [*missing, *rules.judge(spec), *(p for p in reader.problems if p.severity != "error")]
    # Warnings are kept apart: they are shown, and do not stop a load.
    problems += [p for p in judged if p.severity == "error"]
    if problems:
        raise SpecError(in_order(problems))
    # Only a spec without errors gets here, so a warning never distracts from one.
    return replace(spec, warnings=tuple(in_order([p for p in judged if p.severity != "error"])))


def in_order(problems: list[Problem]) -> list[Problem]:
    """The problems in the order of the files, so that a reader can go through them from the top; each once."""
    order: dict[str, int] = {}
    for problem in problems:
        order.setdefault(problem.where.file if problem.where else "", len(order))
    return sorted(
        # A file that two others include was read twice, and so its problems are there twice.
        dict.fromkeys(problems),
        key=lambda p: (order[p.where.file], p.where.line, p.where.column) if p.where else (-1, 0, 0),
    )


def _read(reader: tree.Reader, path: Path, label: str, chain: tuple[Path, ...]) -> tree.Map | None:
    """One file with its includes merged under it."""
    # A cloud-config would give an error for every key. One message says more.
    foreign_problem = foreign.other_file(path, label)
    if foreign_problem is not None:
        reader.problems.append(foreign_problem)
        return None
    root = reader.read(path, label)
    if root is None or "include" not in root.items:
        return root
    chain = (*chain, Path(os.path.realpath(path)))
    merged: tree.Map | None = None
    node = root.items["include"][1]
    for leaf in node.items if isinstance(node, tree.Sequence) else [node]:
        if not isinstance(leaf, tree.Leaf):
            kind = "map" if isinstance(leaf, tree.Map) else "list"
            reader.add("spec.type", f"include: must be a file name, not a {kind}", leaf.where)
            continue
        if "\0" in leaf.value or not leaf.value:
            reader.add("spec.path", f"include: {str(leaf.value)!r} is not the name of a file", leaf.where)
            continue
        try:
            unmarked(leaf.value)
        except Misfit as misfit:
            reader.add(misfit.code, f"include: {misfit.message}", leaf.where, misfit.hint)
            continue
        # An include is relative to the file that names it, and messages name it as the caller's path leads to it.
        below = path.parent / leaf.value
        below_label = str(Path(label).parent / leaf.value)
        # Path.resolve() would raise on a circle of links before Python 3.13.
        real = Path(os.path.realpath(below))
        if real in chain:
            names = " -> ".join(p.name for p in (*chain[chain.index(real) :], real))
            message = f"include: the files include each other in a circle: {names}"
            reader.add("spec.include-cycle", message, leaf.where, "remove one of them")
            continue
        try:
            included = _read(reader, below, below_label, chain)
        except UsageError as error:
            hint = "the path is relative to the folder of this file"
            reader.add("spec.source", f"include: {error.message}", leaf.where, hint)
            continue
        if included is not None:
            merged = included if merged is None else tree.merge(merged, included)
    # A file lies over its includes, and a later include over an earlier one.
    return root if merged is None else tree.merge(merged, root)


def validate(root: tree.Map) -> tuple[SpecModel | None, list[Problem]]:
    """The model of a tree, or every problem pydantic has with it, each at its place."""
    try:
        return SpecModel.model_validate(tree.plain(root)), []
    except ValidationError as error:
        return None, _problems(root, error)


def _problems(root: tree.Map, error: ValidationError) -> list[Problem]:
    judged = [_problem_of(root, dict(e)) for e in error.errors(include_url=False) if e["type"] != "missing"]
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


def _problem_of(root: tree.Map, e: dict[str, Any]) -> tuple[tree.Path_, str | None, Problem]:
    """(path of the map, the key that an unknown key was probably meant to be, the problem)."""
    path = _clean(root, e["loc"])
    if e["type"] == "extra_forbidden":
        return _unknown(root, path)
    where, key = tree.where_of(root, path), tree.dotted(path)
    # A bad key of a map is shown at the key, not at its value.
    if e["loc"][-1:] == ("[key]",) and isinstance(tree.find(root, path[:-1]), tree.Map):
        parent = tree.find(root, path[:-1])
        where = parent.items[str(path[-1])][0] if isinstance(parent, tree.Map) else where
    lead = f"{key}: " if key else ""
    if e["type"] == "spec":
        context = e["ctx"]
        hint = foreign.form_hint(path, tree.find(root, path)) or context["hint"]
        return path, None, Problem(context["code"], lead + context["message"], where, hint or None)
    # pydantic speaks of Python's types. People know lists and maps.
    kinds = {"list_type": "a list", "model_type": "a map", "dict_type": "a map", "model_attributes_type": "a map"}
    expected = kinds.get(e["type"])
    message = f"must be {expected}" if expected else str(e["msg"]).lower()
    hint = {"a list": "write [one, two] or lines that begin with -", "a map": "write key: value"}.get(expected or "")
    return path, None, Problem("spec.type", lead + message, where, hint)


def _unknown(root: tree.Map, path: tree.Path_) -> tuple[tree.Path_, str | None, Problem]:
    parent = tree.find(root, path[:-1])
    key = str(path[-1])
    where = parent.items[key][0] if isinstance(parent, tree.Map) and key in parent.items else tree.where_of(root, path)
    keys = keys_at(path[:-1])
    # A word of another tool gets its own hint: the nearest key of ours would be a wrong guess.
    elsewhere = foreign.key_hint(path[:-1], key)
    near = difflib.get_close_matches(key, keys, 1, 0.6) if elsewhere is None else []
    hint = f"did you mean {near[0]}?" if near else elsewhere or f"the keys here are: {', '.join(keys)}"
    above = tree.dotted(path[:-1])
    message = f"{above + ': ' if above else ''}unknown key {key}"
    return path[:-1], near[0] if near else None, Problem("spec.unknown-key", message, where, hint)


def keys_at(path: tree.Path_) -> list[str]:
    """The keys that a map at this path may have."""
    model: Any = SpecModel
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
