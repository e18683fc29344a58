"""The values of the collector: a report as it came, and all that is known of one server in one roll-out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]


@dataclass(frozen=True)
class Report:
    """One signed and checked report: the events of one journal, `first` being the seq its signed id names."""

    server: str
    deploy_id: str
    journal: str
    first: int
    events: tuple[Event, ...] = ()
    revision: str | None = None
    instance_id: str | None = None
    boot_id: str | None = None
    state: str | None = None
    deadline_s: float | None = None
    group: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """(server, deploy_id): state belongs to this pair."""
        return self.server, self.deploy_id


@dataclass(frozen=True)
class Stage:
    """One stage as the events tell it. started_at: the host's clock; took_s and tail: of the last attempt."""

    name: str
    state: str = "pending"
    attempts: int = 0
    exit_code: int | None = None
    signal: int | None = None
    cause: str | None = None
    started_at: float | None = None
    took_s: float | None = None
    result: str | None = None
    tail: str | None = None
    outputs: dict[str, str] | None = None


@dataclass(frozen=True)
class View:
    """The state of a server as the events of one journal tell it, read in order.

    explicit: a `state` event has come, so the state is no longer worked out from other events. missing, waits_for: the
    files that a waiting host lacks, and its own sentence for what it waits for.
    """

    state: str = "waiting"
    explicit: bool = False
    final: bool = False
    reason: str | None = None
    cause: str | None = None
    stages: tuple[Stage, ...] = ()
    health: dict[str, Any] | None = None
    missing: tuple[dict[str, Any], ...] = ()
    waits_for: str | None = None
    host_keys: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    began_at: float | None = None
    ended_at: float | None = None


@dataclass(frozen=True)
class Journal:
    """The progress of one journal. parked: events beyond a gap, by seq as text; neither acknowledged nor in effect."""

    acked: int = 0
    parked: dict[str, Event] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """One server in one roll-out. Times are the collector's clock, seconds since 1970.

    current: the journal that `view` is read from, which is the newest. conflict: journals that went on after another
    one had taken over. closed: a final state has come, so nothing changes any more; late: the events after it.
    expected_at: when a manifest was registered. deadline_at: when a server without a final state is overdue.
    """

    server: str
    deploy_id: str
    view: View = View()
    journals: dict[str, Journal] = field(default_factory=dict)
    current: str | None = None
    conflict: tuple[str, ...] = ()
    closed: bool = False
    late: int = 0
    revision: str | None = None
    instance_id: str | None = None
    boot_id: str | None = None
    group: str | None = None
    first_seen: float | None = None
    last_seen: float | None = None
    expected_at: float | None = None
    deadline_at: float | None = None

    @property
    def key(self) -> tuple[str, str]:
        """(server, deploy_id)."""
        return self.server, self.deploy_id


@dataclass(frozen=True)
class StoredEvent:
    """One event as it is stored. late: it came after the end and changed nothing."""

    journal: str
    seq: int
    late: bool
    event: Event


@dataclass(frozen=True)
class Expected:
    """A server that a roll-out has announced. deadline_s counts from the registration.

    runners: SHA-256 of the runner texts that its payloads fetch.
    """

    server: str
    deploy_id: str
    deadline_s: float
    revision: str | None = None
    runners: tuple[str, ...] = ()


def encode(run: Run) -> str:
    """A run as the JSON text that stores keep. It is ASCII, so that a host's text suits every database."""
    view = {**vars(run.view), "stages": [vars(stage) for stage in run.view.stages]}
    # Records that are stored already have this name for it.
    view["told"] = view.pop("explicit")
    journals = {name: vars(journal) for name, journal in run.journals.items()}
    return json.dumps({**vars(run), "view": view, "journals": journals}, separators=(",", ":"))


def decode(text: str) -> Run:
    """The run of a text made by `encode`."""
    raw = json.loads(text)
    view = raw["view"]
    # JSON has lists only, and a changed list would change a value that others share.
    view["explicit"] = view.pop("told")
    view["stages"] = tuple(Stage(**stage) for stage in view["stages"])
    for name in ("missing", "host_keys", "addresses"):
        view[name] = tuple(view[name])
    raw["view"] = View(**view)
    raw["journals"] = {name: Journal(**journal) for name, journal in raw["journals"].items()}
    raw["conflict"] = tuple(raw["conflict"])
    return Run(**raw)
