"""A plan: everything decided about one server in one roll-out, its texts still templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bootstrap.errors import Where
from bootstrap.runner.defaults import STAGE
from bootstrap.spec.values import Given


@dataclass(frozen=True)
class Text:
    """A text on its way to the host.

    is_template: Jinja2 renders it. where: the value in the spec. file: name of the file it came from, None when it
    stands in the spec itself. indent: of a `|` block, whose first line is the one below `where`: its columns before it.
    rule: of the spec's types.RULES, what it must render to; None for any text.
    """

    value: str = field(repr=False)
    where: Where
    is_template: bool = True
    file: str | None = None
    indent: int | None = None
    rule: str | None = None


@dataclass(frozen=True)
class PlannedFile:
    """One file. data: bytes that are final; text: a template; fetch: {"url": Text, "sha256": str}; one of the three.

    owner: renders to user:group. after: the stage whose good end it is placed after; None: before all stages.
    """

    path: Text
    where: Where
    mode: int
    owner: Text
    text: Text | None
    data: bytes | None = field(repr=False)
    fetch_url: Text | None
    fetch_sha256: str | None
    fetch_max_size: int | None
    source_name: str | None
    secret: bool
    keep: bool
    deliver: str
    publish: bool
    after: str | None


@dataclass(frozen=True)
class PlannedWait:
    """A file that another hand brings. fields: the rest, as the host plan has it. owner: renders to user:group."""

    path: Text
    owner: Text | None
    fields: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class PlannedScript:
    """A stage, or a thing that runs at every boot (then only name, text, user, timeout_s and environment count).

    needs: of each the host plan's key, with a template as Text.
    """

    name: str
    where: Where
    text: Text
    user: Text
    timeout_s: float
    environment: tuple[tuple[str, Text], ...] = ()
    needs: tuple[dict[str, Any], ...] = ()
    attempts: int = STAGE["attempts"]
    delay_s: float = STAGE["delay_s"]
    max_delay_s: float = STAGE["max_delay_s"]
    on_interrupt: str = STAGE["on_interrupt"]
    skip_if: Text | None = None
    verify: Text | None = None
    undo: Text | None = None
    reboot: str = STAGE["reboot"]
    rerun: str = STAGE["rerun"]


@dataclass(frozen=True)
class PlannedCheck:
    """One health check. fields: as the host plan has them, templates as Text."""

    kind: str
    where: Where
    fields: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class PlannedHealth:
    """When the server counts as healthy. Seconds."""

    checks: tuple[PlannedCheck, ...]
    deadline_s: float
    stable: int
    interval_s: float


@dataclass(frozen=True)
class SecretRef:
    """A secret's name and where its value is read at render time: ("env", NAME) or ("file", PATH)."""

    name: str
    kind: str
    source: str
    where: Where


@dataclass(frozen=True)
class Plan:
    """Everything about one server but the bytes.

    given: values from outside that the spec does not declare. places: where what a warning may point at stands, by
    its key (`stages[0].user`).
    """

    spec_file: str
    name: str
    server: str
    deploy_id: str
    revision: str
    values: dict[str, Any]
    secrets: tuple[SecretRef, ...]
    files: tuple[PlannedFile, ...]
    wait_for: tuple[PlannedWait, ...]
    stages: tuple[PlannedScript, ...]
    every_boot: tuple[PlannedScript, ...]
    health: PlannedHealth | None
    report_url: Text | None
    report_ca: str | None
    proxy: dict[str, Text]
    trigger: str
    rollback: bool
    deadline_s: float
    cron: Text | None
    rc_local: Text | None
    given: tuple[Given, ...] = ()
    places: Mapping[str, Where] = field(default_factory=dict, repr=False)
