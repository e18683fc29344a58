"""The files a spec names: read once, so that planning and rendering need no disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap.errors import Problem, Where

if TYPE_CHECKING:
    from bootstrap.spec.load import Spec


@dataclass(frozen=True)
class Source:
    """A file beside the spec. name: as messages show it; where: the value in the spec that names it."""

    name: str
    data: bytes = field(repr=False)
    where: Where


def gather(spec: Spec) -> tuple[dict[str, Source], list[Problem]]:
    """({dotted path: Source}, problems): every template, source, script and CA that the spec names."""
    model = spec.model
    wanted: list[tuple[str | int, ...]] = []
    for number, file in enumerate(model.files):
        wanted += [("files", number, key) for key in ("template", "source") if getattr(file, key) is not None]
    for kind, scripts in (("stages", model.stages), ("every_boot", model.every_boot)):
        for number, script in enumerate(scripts):
            wanted += [(kind, number, key) for key in ("script", "template") if getattr(script, key) is not None]
    if model.report and model.report.ca:
        wanted.append(("report", "ca"))
    if model.templates.rc_local:
        wanted.append(("templates", "rc.local"))
    if model.templates.cron:
        wanted.append(("templates", "cron"))
    sources: dict[str, Source] = {}
    problems: list[Problem] = []
    for path in wanted:
        found = _read(spec, path)
        if isinstance(found, Problem):
            problems.append(found)
        else:
            sources[_dotted(path)] = found
    return sources, problems


def _dotted(path: tuple[str | int, ...]) -> str:
    from bootstrap.spec.tree import dotted

    return dotted(path)


def _read(spec: Spec, path: tuple[str | int, ...]) -> Source | Problem:
    from bootstrap.spec.tree import Leaf, find

    node = find(spec.root, path)
    where = spec.where(*path)
    name = str(node.value) if isinstance(node, Leaf) else ""
    # Relative to the file the name stands in, which may be an included one.
    shown = Path(where.file).parent / name if where.file != "--set" else Path(name)
    try:
        return Source(str(shown), shown.read_bytes(), where)
    except OSError as error:
        what = "no such file" if isinstance(error, FileNotFoundError) else (error.strerror or "unreadable").lower()
        hint = f"it is looked for beside {Path(where.file).name}"
        return Problem("spec.source", f"{_dotted(path)}: {what}: {shown}", where, hint)
