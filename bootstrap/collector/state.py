"""Reads events in order and says what they mean for a server: its state, its stages, its failure. Pure.

`overdue` is never stored: it is worked out from the deadline whenever somebody asks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bootstrap.collector.model import Event, Run, Stage, View

ENDED = ("healthy", "failed")
MAX_STAGES = 256  # more than any spec has; keeps one host from making every read slow
MAX_MISSING, MAX_SENTENCE = 100, 1_000  # of what a host waits for: enough to read, and every list stays short
_COMPLAINT = re.compile(
    r"\b(error|fatal|fail(ed|ure|s)?|cannot|can't|unable|not found|no such|denied|refused|E:|Traceback)\b|error:", re.I
)


def follow(view: View, event: Event, told_state: str | None = None) -> View:
    """The view after one more event. told_state: the report's own `state`, for a state event that names none."""
    step = _STEPS.get(event["type"])
    return view if step is None else step(view, event, told_state)


def _started(view: View, event: Event, _: str | None) -> View:
    names = tuple(dict.fromkeys(event.get("stages") or ()))[:MAX_STAGES]
    return replace(
        view,
        state="running" if not view.told and view.state == "waiting" else view.state,
        stages=tuple(Stage(name) for name in names),
        host_keys=tuple(event.get("host_keys") or ()),
        addresses=tuple(event.get("addresses") or ()),
        began_at=event["at"],
    )


def _waiting(view: View, event: Event, _: str | None) -> View:
    state = "waiting" if not view.told and view.state == "running" else view.state
    missing = tuple(_missing(entry) for entry in (event.get("missing") or ())[:MAX_MISSING])
    return replace(view, state=state, missing=missing, waits_for=(event.get("for") or "")[:MAX_SENTENCE] or None)


def _missing(entry: dict[str, Any]) -> dict[str, Any]:
    """What is shown of a file that is not there: texts of a bounded length, and the sizes."""
    texts = {key: entry[key][:MAX_SENTENCE] for key in ("path", "why", "saw") if key in entry}
    return texts | {key: entry[key] for key in ("have", "want") if isinstance(entry.get(key, ""), int | None)}


def _stage(view: View, name: str, change: Callable[[Stage], Stage]) -> View:
    """The view with one stage changed; a stage that `started` did not list (an undo) is added at the end."""
    known = any(stage.name == name for stage in view.stages)
    stages = view.stages if known or len(view.stages) >= MAX_STAGES else (*view.stages, Stage(name))
    return replace(view, stages=tuple(change(stage) if stage.name == name else stage for stage in stages))


def _stage_started(view: View, event: Event, _: str | None) -> View:
    def begin(stage: Stage) -> Stage:
        attempt = event.get("attempt") or stage.attempts + 1
        return Stage(stage.name, "running", attempts=attempt, started_at=event["at"], outputs=stage.outputs)

    state = "running" if view.state == "waiting" else view.state
    return replace(_stage(view, event["stage"], begin), state=state, missing=(), waits_for=None)


def _stage_ended(view: View, event: Event, _: str | None) -> View:
    result, is_final = event["result"], event.get("final") is True

    def end(stage: Stage) -> Stage:
        # A failed attempt that will be repeated, and one that said "not yet", leave the stage to be done.
        again = result == "again" or (result == "failed" and not is_final)
        return replace(
            stage,
            state="pending" if again else result,
            result=result,
            attempts=max(stage.attempts, event.get("attempt") or 0),
            exit_code=event.get("exit_code"),
            signal=event.get("signal"),
            cause=event.get("cause"),
            took_s=event.get("took_s"),
            # The log's last lines matter where something went wrong; without them a healthy server is a short record.
            tail=event.get("tail") if result not in ("done", "skipped") else None,
            outputs={**(stage.outputs or {}), **(event.get("outputs") or {})} or None,
        )

    after = replace(_stage(view, event["stage"], end), waits_for=None)
    if result == "failed" and is_final:
        return replace(after, state="failed", cause=event.get("cause"), reason=_why_ended(event))
    return after


def _why_ended(event: Event) -> str:
    if event.get("signal") is not None:
        return f"{event['stage']}: killed by signal {event['signal']}"
    if event.get("exit_code") is not None:
        return f"{event['stage']}: exit {event['exit_code']}"
    return f"{event['stage']}: {event.get('cause') or 'failed'}"


def _interrupted(view: View, event: Event, _: str | None) -> View:
    if event.get("stage") is None:
        return view
    return _stage(
        view,
        event["stage"],
        lambda stage: replace(stage, state="interrupted", result="interrupted", cause="interrupted"),
    )


def _health(view: View, event: Event, _: str | None) -> View:
    kept = {name: event[name] for name in ("ok", "passed", "check", "saw") if event.get(name) is not None}
    return replace(view, health={**kept, "at": event["at"]}, waits_for=None)


def _state(view: View, event: Event, told_state: str | None) -> View:
    state = event.get("state") or told_state or view.state
    is_final = event.get("final") is True and state in ENDED
    failed = state == "failed"
    return replace(
        view,
        state=state,
        told=True,
        final=is_final,
        # The stage that failed has said why already; a bare `failed` after it must not take that away.
        reason=(event.get("reason") or view.reason) if failed else None,
        cause=(event.get("cause") or view.cause) if failed else None,
        missing=view.missing if state in ("waiting", "failed") else (),
        waits_for=view.waits_for if state in ("waiting", "failed") else None,
        ended_at=event["at"] if is_final else None,
    )


_STEPS: dict[str, Callable[[View, Event, str | None], View]] = {
    "started": _started,
    "waiting": _waiting,
    "stage.started": _stage_started,
    "stage.ended": _stage_ended,
    "interrupted": _interrupted,
    "health": _health,
    "state": _state,
}


def state_at(run: Run, now: float) -> str:
    """The state to show at `now`: a server that should have ended by its own deadline and did not is overdue."""
    waits = run.view.state not in ENDED
    return "overdue" if waits and run.deadline_at is not None and now > run.deadline_at else run.view.state


def stages_shown(view: View) -> tuple[Stage, ...]:
    """The stages for people: when the server has failed, an attempt that failed last is not pending any more."""
    if view.state != "failed":
        return view.stages
    return tuple(
        replace(stage, state="failed") if stage.result == "failed" and stage.state == "pending" else stage
        for stage in view.stages
    )


def failing_line(tail: str) -> str | None:
    """The first line of a log that complains, else its last line with text."""
    lines = [line.strip() for line in tail.splitlines() if line.strip()]
    return next((line for line in lines if _COMPLAINT.search(line)), lines[-1] if lines else None)


def failure(view: View) -> dict[str, Any] | None:
    """Why a server failed: the stage, health or file, its cause, and the first failing line. None while it has not."""
    if view.state != "failed":
        return None
    broken = next((stage for stage in stages_shown(view) if stage.state == "failed"), None)
    found: dict[str, Any] = {"reason": view.reason, "cause": view.cause, "stage": None, "tail": None}
    if broken is not None:
        found.update(stage=broken.name, cause=broken.cause or view.cause, attempts=broken.attempts, tail=broken.tail)
        found.update(exit_code=broken.exit_code, signal=broken.signal)
        line = failing_line(broken.tail or "")
    elif view.health is not None and not view.health.get("ok"):
        saw, check = view.health.get("saw"), view.health.get("check")
        line = f"{check}: {saw}" if check and saw else check
    else:
        line = view.reason
    return {**found, "line": line or view.reason}


def server_json(run: Run, now: float, *, brief: bool = False) -> dict[str, Any]:
    """One server as the API shows it. brief: without stages, for lists of thousands."""
    view = run.view
    running = next((stage.name for stage in view.stages if stage.state in ("running", "interrupted")), None)
    shown: dict[str, Any] = {
        "server": run.server,
        "deploy_id": run.deploy_id,
        "revision": run.revision,
        "state": state_at(run, now),
        "final": run.closed,
        "last_seen": run.last_seen,
        "conflict": list(run.conflict),
        "group": run.group,
        "waits_for": None if run.closed else view.waits_for,
    }
    if brief:
        return {**shown, "stage": running}
    return {
        **shown,
        "stages": [_stage_json(stage) for stage in stages_shown(view)],
        "health": view.health,
        "failure": failure(view),
        "missing": list(view.missing),
        "first_seen": run.first_seen,
        "deadline_at": run.deadline_at,
        "began_at": view.began_at,
        "ended_at": view.ended_at,
        "instance_id": run.instance_id,
        "boot_id": run.boot_id,
        "journal": run.current,
        "late": run.late,
        "host_keys": list(view.host_keys),
        "addresses": list(view.addresses),
    }


def _stage_json(stage: Stage) -> dict[str, Any]:
    return {name: value for name, value in vars(stage).items() if name != "result"}
