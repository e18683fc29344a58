"""The folders of roll-outs on this machine: ID/ with plan.json, journal, sources/ and, at the end, ending.json."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from bootstrap.deploy import durable, plan, sources
from bootstrap.deploy.model import DeployPlan
from bootstrap.errors import UsageError
from bootstrap.runner.contract import NAME_PATTERN

VERSION = 1
PLAN, JOURNAL, SOURCES, ENDING = "plan.json", "journal", "sources", "ending.json"
T = TypeVar("T")


@dataclass(frozen=True)
class KeptEnding:
    """The way in which a roll-out ended. code: the exit code; lines: what was told; at: seconds since 1970."""

    code: int
    lines: tuple[str, ...]
    at: float


@dataclass(frozen=True)
class Folder:
    """The folder of one roll-out. Its name is the deploy id."""

    path: Path

    @property
    def deploy_id(self) -> str:
        return self.path.name

    @property
    def journal(self) -> Path:
        """The path of the journal, which the core writes."""
        return self.path / JOURNAL

    def keep(self, decided: DeployPlan, kept: sources.Sources) -> None:
        """Write the sources, and then the plan: a folder with a plan has all that a resume needs. Raises UsageError."""
        kept.write(self.path / SOURCES)
        _done(self.path / PLAN, lambda path: durable.replace(path, plan.to_json(decided).encode()))

    def plan(self) -> DeployPlan:
        """The plan as it was kept. Raises UsageError."""
        path = self.path / PLAN
        return plan.from_json(_done(path, Path.read_bytes).decode("utf-8", "replace"), str(path))

    def sources(self) -> sources.Sources:
        """The kept sources. Raises UsageError when they are damaged."""
        return sources.read(self.path / SOURCES)

    def end(self, code: int, lines: Sequence[str], at: float) -> None:
        """Note how the roll-out ended. A second ending, of a resume or of a rollback later on, replaces the first."""
        record = {"version": VERSION, "code": code, "lines": list(lines), "at": at}
        _done(self.path / ENDING, lambda path: durable.replace(path, (json.dumps(record) + "\n").encode()))

    def ending(self) -> KeptEnding | None:
        """The ending; None while there is none: the roll-out is at work, or was left."""
        path = self.path / ENDING
        if not path.exists():
            return None
        try:
            record: dict[str, Any] = json.loads(_done(path, Path.read_bytes))
            if record["version"] != VERSION:
                raise UsageError(f"{path} has version {record['version']!r}, and this program reads {VERSION}")
            return KeptEnding(int(record["code"]), tuple(record["lines"]), float(record["at"]))
        except (ValueError, KeyError, TypeError) as error:
            hint = f"remove it, then: bootstrap resume {self.deploy_id}"
            raise UsageError(f"{path} is damaged: {error}", hint=hint) from error


@dataclass(frozen=True)
class Deploys:
    """All roll-outs that this machine knows. path: of the folder that holds theirs."""

    path: Path

    def make(self, deploy_id: str) -> Folder:
        """The folder of a new roll-out. Raises UsageError when the id is used already."""
        if not re.fullmatch(NAME_PATTERN, deploy_id):
            raise UsageError(f"deploy id {deploy_id!r} is not a name", hint="let bootstrap draw one")
        path = self.path / deploy_id

        def new_folder(path: Path) -> None:
            # Plans have settings and specs in them, which are nobody else's business.
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.mkdir(mode=0o700)
            durable.sync_folder(self.path)

        if path.exists():
            raise UsageError(f"the deploy id {deploy_id} is used already", hint=f"bootstrap resume {deploy_id}")
        _done(path, new_folder)
        return Folder(path)

    def find(self, deploy_id: str) -> Folder:
        """The folder of a roll-out. Raises UsageError, also when others could have changed what is in it."""
        path = self.path / deploy_id
        if not re.fullmatch(NAME_PATTERN, deploy_id) or not path.is_dir():
            hint = "bootstrap deploys lists them; bootstrap reap goes by the marks of the servers alone"
            raise UsageError(f"this machine knows no deploy {deploy_id}", hint=hint)
        status = path.stat()
        # The plan names commands that will be run.
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise UsageError(f"{path} can be changed by others", hint=f"look at it, then: chmod 700 {path}")
        return Folder(path)

    def all(self) -> list[Folder]:
        """The roll-outs that have a plan, the newest first: ids sort by time."""
        if not self.path.is_dir():
            return []
        return [Folder(path) for path in sorted(self.path.iterdir(), reverse=True) if (path / PLAN).is_file()]

    def of(self, name: str) -> list[Folder]:
        """Those of one deploy file, by its name, the newest first. A damaged plan is of no file."""
        return [folder for folder in self.all() if _name_of(folder) == name]

    def unended(self) -> Folder | None:
        """The newest roll-out that has not ended, which `resume` goes on with."""
        return next((folder for folder in self.all() if folder.ending() is None), None)

    def good(self, name: str) -> list[Folder]:
        """The roll-outs of a deploy file that ended well, the newest first: its servers are those in service."""
        return [folder for folder in self.of(name) if _ended_well(folder)]

    def previous(self, name: str) -> Folder | None:
        """The roll-out to which `deploy --previous` goes back: the good one before that in service."""
        return next(iter(self.good(name)[1:]), None)


def _name_of(folder: Folder) -> str | None:
    try:
        return folder.plan().name
    except UsageError:
        return None


def _ended_well(folder: Folder) -> bool:
    ending = folder.ending()
    return ending is not None and ending.code == 0


def _done(path: Path, work: Callable[[Path], T]) -> T:
    """The result of some work on a file. Raises UsageError in place of OSError."""
    try:
        return work(path)
    except OSError as error:
        hint = "set XDG_STATE_HOME to a folder that can be written"
        raise UsageError(f"{path}: {(error.strerror or str(error)).lower()}", hint=hint) from error
