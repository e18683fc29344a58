"""Reads the files that a spec names, once, so that planning and rendering need no disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap.errors import Problem, Where
from bootstrap.spec.storage import DISK, Storage

if TYPE_CHECKING:
    from bootstrap.spec.load import Spec


@dataclass(frozen=True)
class Source:
    """A file beside the spec. name: as messages show it; where: the value in the spec that names it."""

    name: str
    data: bytes = field(repr=False)
    where: Where


def gather(spec: Spec, storage: Storage = DISK) -> tuple[dict[str, Source], list[Problem]]:
    """({dotted path: Source}, problems): every template, source, script and CA that the spec names."""
    model = spec.model
    paths: list[tuple[str | int, ...]] = []
    for number, file in enumerate(model.files):
        paths += [("files", number, key) for key in ("template", "source") if getattr(file, key) is not None]
    for kind, scripts in (("stages", model.stages), ("every_boot", model.every_boot)):
        for number, script in enumerate(scripts):
            paths += [(kind, number, key) for key in ("script", "template") if getattr(script, key) is not None]
    if model.report and model.report.ca:
        paths.append(("report", "ca"))
    if model.templates.rc_local:
        paths.append(("templates", "rc.local"))
    if model.templates.cron:
        paths.append(("templates", "cron"))
    sources: dict[str, Source] = {}
    problems: list[Problem] = []
    # Every missing file is reported at once, and no rule is run on half of them.
    for path in paths:
        source = _read(spec, path, storage)
        if isinstance(source, Problem):
            problems.append(source)
        else:
            sources[_dotted(path)] = source
    return sources, problems


def _dotted(path: tuple[str | int, ...]) -> str:
    from bootstrap.spec.tree import dotted

    return dotted(path)


def _read(spec: Spec, path: tuple[str | int, ...], storage: Storage) -> Source | Problem:
    from bootstrap.spec.tree import Leaf, find

    node = find(spec.root, path)
    where = spec.where(*path)
    name = str(node.value) if isinstance(node, Leaf) else ""
    # The name is relative to the file in which it stands, which may be an included one.
    file = Path(where.file).parent / name if where.file != "--set" else Path(name)
    try:
        return Source(str(file), storage.read(file), where)
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else (error.strerror or "unreadable").lower()
        hint = f"the path is relative to the folder of {Path(where.file).name}"
        return Problem("spec.source", f"{_dotted(path)}: {reason}: {file}", where, hint)
