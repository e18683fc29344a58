"""Servers as the collector knows them, typed for the Python API: `server()` reads them from the collector's JSON.

A collector of a later release may add keys, which are left out here, and one of an earlier release may lack some.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bootstrap.client.wording import reason

# None, in Server.state: nothing has been heard of it.
State = Literal["waiting", "running", "checking", "healthy", "failed", "overdue"]
StageState = Literal["pending", "running", "done", "failed", "interrupted", "skipped"]
Result = Literal["healthy", "failed", "timeout"]


@dataclass(frozen=True)
class Stage:
    """One stage of a server. All but `outputs` is that of its last attempt; times are seconds, by the host's clock.

    cause: a word such as exit, timeout or oom. tail: the end of its log, where the attempt was no success. outputs: the
    `key=value` lines that it wrote to $INITIALRUNNER_OUTPUT.
    """

    name: str
    state: StageState
    attempts: int = 0
    exit_code: int | None = None
    signal: int | None = None
    cause: str | None = None
    started_at: float | None = None
    took_s: float | None = None
    tail: str | None = None
    outputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """The reason of a failure.

    stage: the stage that failed, None when health or a file did. line: the first line of the log that complains.
    """

    reason: str
    cause: str | None = None
    stage: str | None = None
    attempts: int | None = None
    exit_code: int | None = None
    signal: int | None = None
    line: str | None = None
    tail: str | None = None


@dataclass(frozen=True)
class Server:
    """One server in one roll-out.

    state: None when nothing has been heard of it. last_seen: seconds since 1970, None before its first report.
    waits_for: the host's own sentence for what it waits for. ended_before_wait: it had ended before `wait` was called,
    so this is the state of an earlier roll-out.
    """

    name: str
    state: State | None = None
    deploy_id: str | None = None
    revision: str | None = None
    stages: tuple[Stage, ...] = ()
    failure: Failure | None = None
    waits_for: str | None = None
    last_seen: float | None = None
    group: str | None = None
    instance_id: str | None = None
    addresses: tuple[str, ...] = ()
    host_keys: tuple[str, ...] = ()
    has_conflict: bool = False
    ended_before_wait: bool = False

    @property
    def outputs(self) -> dict[str, str]:
        """What all its stages have written to $INITIALRUNNER_OUTPUT; of equal keys the later stage's."""
        return {key: value for stage in self.stages for key, value in stage.outputs.items()}


@dataclass(frozen=True)
class Group:
    """A group of hosts with one payload. count: how many must be healthy; states: the number of members by state."""

    name: str
    deploy_id: str | None
    count: int
    healthy: int
    states: Mapping[str, int]


@dataclass(frozen=True)
class WaitResult:
    """The end of a wait. servers: as they were named, a group's members in its place. why: the reason of a time-out."""

    result: Result
    servers: tuple[Server, ...]
    groups: tuple[Group, ...] = ()
    why: str | None = None


def server(answer: Mapping[str, Any]) -> Server:
    """Read one server of the collector's JSON."""
    failed = answer.get("failure")
    return Server(
        name=answer["server"],
        state=answer["state"],
        stages=tuple(_stage(stage) for stage in answer.get("stages") or ()),
        failure=_failure(failed) if failed else None,
        addresses=tuple(answer.get("addresses") or ()),
        host_keys=tuple(answer.get("host_keys") or ()),
        has_conflict=bool(answer.get("conflict")),
        ended_before_wait=bool(answer.get("ended_before_wait")),
        **_same(answer, ("deploy_id", "revision", "waits_for", "last_seen", "group", "instance_id")),
    )


def group(answer: Mapping[str, Any]) -> Group:
    """Read the state of a group, as a wait gives it."""
    same = _same(answer, ("deploy_id", "count", "healthy", "states"))
    return Group(name=answer["server"], **same)


def _stage(answer: Mapping[str, Any]) -> Stage:
    keys = ("name", "state", "attempts", "exit_code", "signal", "cause", "started_at", "took_s", "tail")
    return Stage(outputs=answer.get("outputs") or {}, **_same(answer, keys))


def _failure(answer: dict[str, Any]) -> Failure:
    same = _same(answer, ("cause", "stage", "attempts", "exit_code", "signal", "line", "tail"))
    return Failure(reason=reason(answer), **same)


def _same(answer: Mapping[str, Any], keys: tuple[str, ...]) -> dict[str, Any]:
    """Return those of the keys that the answer has: they have the same name and meaning here."""
    return {key: answer[key] for key in keys if key in answer}
