"""Loads a spec: reads, includes, checks, and fails once with everything that is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from bootstrap.errors import Problem, SpecError, UsageError, Where
from bootstrap.spec import foreign, rules, tree
from bootstrap.spec.includes import Included
from bootstrap.spec.models import SpecModel
from bootstrap.spec.overrides import lay
from bootstrap.spec.sources import Source, gather
from bootstrap.spec.storage import DISK, Storage
from bootstrap.spec.validate import Format, validate
from bootstrap.spec.values import OutsideValue

SPEC = Format(SpecModel, foreign.key_hint, foreign.form_hint)


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

    def folder(self, number: int) -> dict[str, Source]:
        """The files of the folder that `files[number].source` names, by their names in it; of a file, none."""
        # No other key contains a slash: they are made of the spec's own keys.
        begin = f"files[{number}].source/"
        return {key.removeprefix(begin): source for key, source in self.sources.items() if key.startswith(begin)}

    def where(self, *path: str | int) -> Where:
        """The place of the value at a path such as ("stages", 2, "timeout"), or of the nearest thing above it."""
        return tree.where_of(self.root, path)

    def indent(self, *path: str | int) -> int | None:
        """The columns before the lines of a `|` block, or None. Its first line is the one below its key."""
        node = tree.find(self.root, path)
        return node.value.indent if isinstance(node, tree.Leaf) else None


def find_spec(path: Path, storage: Storage = DISK) -> Path:
    """The spec file that `path` names: itself, or the one of a folder (web/ holds web.yaml). Raises UsageError."""
    if not storage.is_folder(path):
        return path
    # The folder's real name counts, so that `check .` finds the spec as well.
    namesakes = [path / f"{storage.real(path).name}{suffix}" for suffix in (".yaml", ".yml")]
    candidates = [file for file in namesakes if storage.is_file(file)] or storage.specs_in(path)
    if len(candidates) == 1:
        return candidates[0]
    raise UsageError(f"{path} holds {len(candidates)} specs", hint=f"name the file, or call it {namesakes[0].name}")


def load(
    path: str | Path,
    *,
    overrides: Sequence[str] = (),
    values_files: Sequence[str] = (),
    values: tree.Map | None = None,
    storage: Storage = DISK,
) -> Spec:
    """The spec in a file or folder, with `--set K=V` overrides and `--values` files laid over its values.

    values: more values, as a file of another kind has them, which lie under those. storage: where all files are read.
    Raises SpecError with every problem of it and its includes, UsageError when a file cannot be read.
    """
    reader = tree.Reader(storage=storage)
    file = find_spec(Path(path), storage)
    refuse = partial(foreign.other_file, storage=storage)
    root = Included(reader, refuse, tree.NAMED).read(file, str(file))
    if root is None:
        raise SpecError(reader.problems)
    root, undeclared = lay(reader, root, overrides, values_files, values=values)
    model, misfits = validate(root, SPEC)
    problems = [p for p in reader.problems + misfits if p.severity == "error"]
    # The rules below read the model. Without one, the problems so far are all that can be found.
    if model is None:
        raise SpecError(in_order(problems))
    spec = Spec(str(file), model, root, {}, undeclared=undeclared)
    sources, missing = gather(spec, storage)
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
