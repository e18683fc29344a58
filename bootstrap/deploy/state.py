"""The folders of roll-outs on this machine: ID/ with plan.json, journal and sources/."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bootstrap.deploy import durable, plan, sources
from bootstrap.deploy.journal import Record
from bootstrap.deploy.model import DeployPlan
from bootstrap.errors import ExitCode, UsageError
from bootstrap.runner.contract import NAME_PATTERN
from bootstrap.runner.tick.journal import unseal

PLAN, JOURNAL, SOURCES = "plan.json", "journal", "sources"
T = TypeVar("T")


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

    def keep(self, decided: DeployPlan, copy: sources.Sources) -> None:
        """Write the sources, and then the plan: a folder with a plan has all that a resume needs. Raises UsageError."""
        copy.write(self.path / SOURCES)
        self.write_plan(decided)

    def write_plan(self, decided: DeployPlan) -> None:
        """Write the plan, or replace it, at once or not at all. Raises UsageError."""
        _done(self.path / PLAN, lambda path: durable.replace(path, plan.to_json(decided).encode()))

    def plan(self) -> DeployPlan:
        """The plan as it was kept. Raises UsageError."""
        path = self.path / PLAN
        return plan.from_json(_done(path, Path.read_bytes).decode("utf-8", "replace"), str(path))

    def sources(self) -> sources.Sources:
        """The kept sources. Raises UsageError when they are damaged."""
        return sources.read(self.path / SOURCES)

    def records(self) -> list[Record]:
        """The records of the journal that prove themselves. It may be at work: nothing is cut or locked."""
        if not self.journal.exists():
            return []
        lines = _done(self.journal, Path.read_bytes).split(b"\n")
        return [record for record in map(unseal, lines) if record is not None]

    @property
    def code(self) -> int | None:
        """The exit code with which the roll-out ended; None while it is at work, or when it was left."""
        records = self.records()
        # A rollback later on goes on after an ending, so that only the last record counts.
        return int(records[-1]["code"]) if records and records[-1]["type"] == "ended" else None


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
        return next((folder for folder in self.all() if folder.code is None), None)

    def good(self, name: str) -> list[Folder]:
        """The roll-outs of a deploy file that ended well, the newest first: its servers are those in service."""
        return [folder for folder in self.of(name) if folder.code == ExitCode.GOOD]

    def previous(self, name: str) -> Folder | None:
        """The roll-out to which `deploy --previous` goes back: the good one before that in service."""
        return next(iter(self.good(name)[1:]), None)


def _name_of(folder: Folder) -> str | None:
    try:
        return folder.plan().name
    except UsageError:
        return None


def _done(path: Path, work: Callable[[Path], T]) -> T:
    """The result of some work on a file. Raises UsageError in place of OSError."""
    try:
        return work(path)
    except OSError as error:
        hint = "set XDG_STATE_HOME to a folder that can be written"
        raise UsageError(f"{path}: {(error.strerror or str(error)).lower()}", hint=hint) from error
