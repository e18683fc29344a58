"""Reads the files that a spec names, once, so that planning and rendering need no disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap.errors import Problem, Where
from bootstrap.spec.folders import MOST_FILES, Entry
from bootstrap.spec.storage import DISK, Storage

if TYPE_CHECKING:
    from bootstrap.spec.load import Spec


@dataclass(frozen=True)
class Source:
    """A file beside the spec. name: as messages show it; where: the value in the spec that names it.

    executable: of a file in a folder that `source:` names, whose execute bits count; None for any other.
    """

    name: str
    data: bytes = field(repr=False)
    where: Where
    executable: bool | None = None


def gather(spec: Spec, storage: Storage = DISK) -> tuple[dict[str, Source], list[Problem]]:
    """({dotted path: Source}, problems): every template, source, script and CA that the spec names.

    The files of a folder have its path, a slash and their own names: `files[0].source/bin/start`.
    """
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
        name, where = _file(spec, path)
        key = _dotted(path)
        try:
            if path[-1] == "source" and storage.is_folder(name):
                # All faults of the folder are reported at once, and its other files are read for the rules below.
                entries = storage.below(name)
                problems += _faults(name, entries, key, where)
                for entry in (entry for entry in entries if entry.fault is None):
                    below = name / entry.name
                    sources[f"{key}/{entry.name}"] = Source(str(below), storage.read(below), where, entry.executable)
            else:
                sources[key] = Source(str(name), storage.read(name), where)
        except OSError as error:
            is_missing = isinstance(error, FileNotFoundError)
            reason = "no such file" if is_missing else (error.strerror or "unreadable").lower()
            hint = f"the path is relative to the folder of {Path(where.file).name}"
            problems.append(Problem("spec.source", f"{key}: {reason}: {error.filename or name}", where, hint))
    return sources, problems


def _dotted(path: tuple[str | int, ...]) -> str:
    from bootstrap.spec.tree import dotted

    return dotted(path)


def _file(spec: Spec, path: tuple[str | int, ...]) -> tuple[Path, Where]:
    """(the file that a value of the spec names, the place of that value)."""
    from bootstrap.spec.tree import Leaf, find

    node = find(spec.root, path)
    where = spec.where(*path)
    name = str(node.value) if isinstance(node, Leaf) else ""
    # The name is relative to the file in which it stands, which may be an included one.
    return (Path(where.file).parent / name if where.file != "--set" else Path(name)), where


def _faults(folder: Path, entries: Sequence[Entry], key: str, where: Where) -> Iterator[Problem]:
    """Problems of a folder that cannot be placed whole."""
    for entry in entries:
        if entry.fault is not None:
            hint = "take it out of the folder, or let a stage make it"
            yield Problem("spec.folder", f"{key}: {folder / entry.name} cannot be placed: {entry.fault}", where, hint)
    if not entries:
        message = f"{key}: the folder {folder} holds no file"
        yield Problem("spec.folder", message, where, "name a file, or a folder of files")
    if len(entries) > MOST_FILES:
        message = f"{key}: the folder {folder} holds more than {MOST_FILES} files, and each is an entry of the plan"
        hint = "pack it: fetch a tar archive, or give it as source: with publish: true, and unpack it in a stage"
        yield Problem("spec.folder", message, where, hint)
