"""Asks a collector from Python: `wait()` until servers are healthy, `status()` for what they do now.

Both take servers by whatever names them: a name, a rendering, a plan, a fleet, a manifest or its file. What they ask
and how they judge the answers is that of the commands `bootstrap wait` and `bootstrap status`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bootstrap.client.answers import Server, WaitResult, group, server
from bootstrap.errors import BootstrapError, ExitCode, Problem, UsageError

if TYPE_CHECKING:
    from bootstrap.api import Fleet, ServerPlan
    from bootstrap.client.collector import Collector
    from bootstrap.client.wait import Outcome, Target
    from bootstrap.rendering import Rendering
    from bootstrap.targets.fleet import Index
    from bootstrap.targets.output import Manifest

    # A text is a name, a group such as `web-*`, or the path of a manifest, as for `bootstrap wait`.
    Awaited = str | Path | Rendering | ServerPlan | Fleet | Manifest | Index

# Names of servers in one message; the error's `result` has all of them.
NAMED = 5


class WaitError(BootstrapError):
    """The servers are not healthy. result: the state of each when the wait ended."""

    code = "gate"

    def __init__(self, message: str, result: WaitResult, *, hint: str | None, problems: tuple[Problem, ...]) -> None:
        super().__init__(message, hint=hint)
        self.result = result
        self._problems = problems

    @property
    def problems(self) -> tuple[Problem, ...]:
        """One for each server that failed; for a time-out, one."""
        return self._problems


class ServerFailedError(WaitError):
    """A server has failed for good, or more members of a group have than may."""

    exit_code = ExitCode.FAILED


class WaitTimeoutError(WaitError):
    """Time ran out before the servers were healthy, or before the collector could be reached."""

    exit_code = ExitCode.TIMEOUT


def wait(
    *servers: Awaited,
    deploy_id: str | None = None,
    collector: str | None = None,
    token: str | Path | None = None,
    ca: str | Path | None = None,
    timeout: str | float = "15m",
    count: int | None = None,
    failures: int = 0,
    progress: Callable[[str], None] | None = None,
) -> WaitResult:
    """Wait until every server is healthy, and return the state of each.

    servers: names, or what was rendered, which names its roll-out too; a name alone is waited for in its newest one,
    or in deploy_id. collector: its URL. token: the token to read with, or, as a Path, its file. ca: a PEM file to trust
    instead of the system's. Without them, the environment and the files that `bootstrap wait` takes. timeout: seconds,
    or a text such as "15m". count, failures: for a group: how many members must be healthy, and how many may fail.
    progress: called with a line at each change.

    Raises ServerFailedError at the first server that fails for good, WaitTimeoutError when time is out, both with
    `result`; CollectorError when the collector refuses, UsageError for wrong arguments.
    """
    from bootstrap.client.wait import wait as wait_for

    targets, seconds = _targets(servers, deploy_id), _seconds(timeout)
    if not targets:
        raise UsageError("there is no server to wait for", hint="name at least one")
    client = _connect(collector, token, ca)
    outcome = wait_for(client, targets, seconds, progress or _ignore, count=count, failures=failures)
    result = WaitResult(
        outcome.result, _whole(client, outcome), tuple(group(answer) for answer in outcome.groups), outcome.why
    )
    if outcome.result == "failed":
        raise _failed(outcome, result)
    if outcome.result == "timeout":
        raise _timed_out(result, seconds)
    return result


def status(
    *servers: Awaited,
    deploy_id: str | None = None,
    collector: str | None = None,
    token: str | Path | None = None,
    ca: str | Path | None = None,
) -> tuple[Server, ...]:
    """Return the present state of the servers, for a group that of its members; of every server when none is named.

    The arguments are those of wait(). Raises UsageError with all that nothing has been heard of, CollectorError when
    the collector cannot be reached or refuses.
    """
    from bootstrap.client.status import every, named

    targets = _targets(servers, deploy_id)
    client = _connect(collector, token, ca)
    answers = named(client, [(t.server, t.deploy_id) for t in targets]) if servers else every(client, deploy_id)
    return tuple(server(answer) for answer in answers)


def _ignore(line: str) -> None:
    """Take a line of progress that nobody wants to see."""


def _connect(url: str | None, token: str | Path | None, ca: str | Path | None) -> Collector:
    from bootstrap.client.collector import connect
    from bootstrap.state_dir import state_path

    return connect(
        url,
        token if isinstance(token, Path) else None,
        default_token=state_path("token"),
        ca=None if ca is None else Path(ca),
        token=token if isinstance(token, str) else None,
    )


def _seconds(timeout: str | float) -> float:
    """Return the seconds of a time-out. Raises UsageError for a text without a unit."""
    from bootstrap.durations import seconds

    if not isinstance(timeout, str):
        return float(timeout)
    parsed = seconds(timeout)
    if parsed is None:
        raise UsageError(f"the timeout {timeout!r} is not a duration with a unit", hint="write 90s, 15m or 1h")
    return parsed


def _targets(servers: tuple[Awaited, ...], deploy_id: str | None) -> tuple[Target, ...]:
    """Return the targets of all arguments, each once, in order. Raises UsageError."""
    return tuple(dict.fromkeys(target for named in servers for target in _named(named, deploy_id)))


def _named(named: Awaited, deploy_id: str | None) -> list[Target]:
    """Return the target of one argument; several for a fleet or its index."""
    from bootstrap.api import Fleet, ServerPlan
    from bootstrap.client.wait import Target, in_file, in_manifest, targets_of
    from bootstrap.rendering import Rendering

    if isinstance(named, str):
        return list(targets_of((named,), deploy_id))
    if isinstance(named, Path):
        return in_file(named)
    if isinstance(named, Mapping):
        return in_manifest(named, "the dictionary")
    if isinstance(named, Fleet):
        return [Target(name, named.deploy_id, named.revision) for name in named.servers]
    if isinstance(named, Rendering | ServerPlan):
        return [Target(named.server, named.deploy_id, named.revision)]
    hint = "give a name, a Path, a manifest, a plan, a rendering or a fleet"
    if isinstance(named, list | tuple | set):
        hint = "write a star before it, which gives each of its members: wait(*servers)"
    raise UsageError(f"{type(named).__name__} names no server", hint=hint)


def _whole(client: Collector, outcome: Outcome) -> tuple[Server, ...]:
    """Return the servers of an outcome with their stages, which the wait does not ask for where they are many."""
    from bootstrap.client.collector import Unreachable

    # A server that has never been heard of has no state; one that was not asked for by itself has no stages.
    brief = {entry["deploy_id"] for entry in outcome.servers if entry["state"] and "stages" not in entry}
    full: dict[tuple[str, str], dict[str, Any]] = {}
    try:
        for deploy_id in brief:
            full |= {(entry["server"], deploy_id): entry for entry in client.servers(deploy_id)}
    except Unreachable:
        # The states are known all the same, and they are the answer.
        full = {}
    # The states and marks are those that have ended the wait.
    return tuple(server({**full.get((entry["server"], entry["deploy_id"]), {}), **entry}) for entry in outcome.servers)


def _failed(outcome: Outcome, result: WaitResult) -> ServerFailedError:
    """Return the error about each server that has failed: stage, reason, and the first failing line of its log."""
    from bootstrap.client.wording import failing_line, headline, next_step

    problems = []
    for entry in outcome.servers:
        if entry["state"] == "failed" and not entry.get("ended_before_wait"):
            line = failing_line(entry)
            message = headline(entry) + (f": {line}" if line else "")
            problems.append(Problem(ServerFailedError.code, message, hint=next_step(entry)))
    texts = [problem.message for problem in problems]
    return ServerFailedError(
        _several(texts), result, hint=problems[0].hint if problems else None, problems=tuple(problems)
    )


def _timed_out(result: WaitResult, timeout_s: float) -> WaitTimeoutError:
    """Return the error about the servers that are not healthy, with the reason as far as there is one."""
    from bootstrap.client.wording import span

    late = [one for one in result.servers if one.state != "healthy" or one.ended_before_wait]
    states = [f"{one.name} {one.state or 'never heard of'}" for one in late if not one.ended_before_wait]
    states += [f"{one.name}: {one.healthy} of {one.count} healthy" for one in result.groups]
    message = f"not healthy within {span(timeout_s)}" + (f": {_several(states)}" if states else "")
    hint = result.why
    if hint is None and any(one.state is None for one in late):
        hint = "look at the console of each server never heard of: it says what it waits for"
    problem = Problem(WaitTimeoutError.code, message, hint=hint)
    return WaitTimeoutError(message, result, hint=hint, problems=(problem,))


def _several(texts: list[str]) -> str:
    """Join the first few texts, and say how many more there are."""
    others = len(texts) - NAMED
    return "; ".join([*texts[:NAMED], *([f"{others} more"] if others > 0 else [])])
