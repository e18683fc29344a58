"""A plan: everything decided about one server in one roll-out, its texts still templates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bootstrap.errors import Where
from bootstrap.runner.defaults import STAGE
from bootstrap.spec.values import OutsideValue


@dataclass(frozen=True)
class Text:
    """A text on its way to the host.

    is_template: Jinja2 renders it. where: the place of the value in the spec. file: the name of the file that it came
    from, None if it stands in the spec itself. indent: the columns before the lines of a `|` block, whose first line is
    the one below `where`. rule: of the spec's types.RULES, which its output must obey; None for any text.
    """

    # The text may contain what a debug log must not show.
    value: str = field(repr=False)
    where: Where
    is_template: bool = True
    file: str | None = None
    indent: int | None = None
    rule: str | None = None


@dataclass(frozen=True)
class PlannedFile:
    """One file, with exactly one of text (a template), data (final bytes) and fetch_url.

    key: the entry of the spec (`files[0]`), which stands for all files of a folder. owner: renders to user:group.
    after: the stage after whose success it is placed; None: before all stages.
    """

    key: str
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
    """A file that the host waits for. owner: renders to user:group. fields: the other keys, as in the host plan."""

    path: Text
    owner: Text | None
    fields: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class PlannedScript:
    """A stage, or an entry of `every_boot`, of which only name, text, user, timeout_s and environment count.

    needs: one map for each, with the key of the host plan; a template is a Text.
    """

    name: str
    where: Where
    text: Text
    user: Text
    timeout_s: float
    environment: tuple[tuple[str, Text], ...] = ()
    needs: tuple[dict[str, Any], ...] = ()
    # Entries of `every_boot` have none of the keys below, so they take the defaults.
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
    """One health check. fields: the keys and values of the host plan; a template is a Text."""

    kind: str
    where: Where
    fields: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class PlannedHealth:
    """The conditions under which the server counts as healthy. Times are seconds."""

    checks: tuple[PlannedCheck, ...]
    deadline_s: float
    stable: int
    interval_s: float


@dataclass(frozen=True)
class SecretRef:
    """The name of a secret and the source from which rendering reads it: ("env", NAME) or ("file", PATH)."""

    name: str
    kind: str
    source: str
    where: Where


@dataclass(frozen=True)
class Plan:
    """Everything about one server except the bytes.

    undeclared: values from outside that the spec does not declare. places: of the values that a warning may point at,
    by key (`stages[0].user`).
    """

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
    # These come from outside the spec, so they can be judged only beside the templates, which rendering reads.
    undeclared: tuple[OutsideValue, ...] = ()
    places: Mapping[str, Where] = field(default_factory=dict, repr=False)
