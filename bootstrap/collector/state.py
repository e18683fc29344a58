"""Works out the state of a server, its stages and its failure from its events, read in order. Pure.

`overdue` is never stored: it is worked out from the deadline at every question.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bootstrap.collector.model import Event, Run, Stage, View
from bootstrap.runner.contract import SERVER_STATES

STATES = (*SERVER_STATES, "overdue")
ENDED = ("healthy", "failed")
MAX_STAGES = 256  # more than any spec has; one host must not make every read slow
MAX_MISSING, MAX_SENTENCE = 100, 1_000  # entries, and characters of each: enough to read, and every list stays short
_COMPLAINT = re.compile(
    r"\b(error|fatal|fail(ed|ure|s)?|cannot|can't|unable|not found|no such|denied|refused|E:|Traceback)\b|error:", re.I
)


def follow(view: View, event: Event, reported_state: str | None = None) -> View:
    """The view after one more event. reported_state: the report's own `state`, for a state event that names none."""
    step = _STEPS.get(event["type"])
    return view if step is None else step(view, event, reported_state)


def _started(view: View, event: Event, _: str | None) -> View:
    # A name that stands twice would make two rows that always change together.
    names = tuple(dict.fromkeys(event.get("stages") or ()))[:MAX_STAGES]
    return replace(
        view,
        state="running" if not view.explicit and view.state == "waiting" else view.state,
        stages=tuple(Stage(name) for name in names),
        host_keys=tuple(event.get("host_keys") or ()),
        addresses=tuple(event.get("addresses") or ()),
        began_at=event["at"],
    )


def _waiting(view: View, event: Event, _: str | None) -> View:
    state = "waiting" if not view.explicit and view.state == "running" else view.state
    # After a `state` event only the next one changes the state: a stage may wait on a server that runs.
    missing = tuple(_missing(entry) for entry in (event.get("missing") or ())[:MAX_MISSING])
    return replace(view, state=state, missing=missing, waits_for=(event.get("for") or "")[:MAX_SENTENCE] or None)


def _missing(entry: dict[str, Any]) -> dict[str, Any]:
    """The part of an entry that readers see: texts of a bounded length, and the sizes."""
    texts = {key: entry[key][:MAX_SENTENCE] for key in ("path", "why", "saw") if key in entry}
    return texts | {key: entry[key] for key in ("have", "want") if isinstance(entry.get(key, ""), int | None)}


def _stage(view: View, name: str, change: Callable[[Stage], Stage]) -> View:
    """The view with one stage changed; a stage that `started` did not list (an undo) is added at the end."""
    listed = any(stage.name == name for stage in view.stages)
    stages = view.stages if listed or len(view.stages) >= MAX_STAGES else (*view.stages, Stage(name))
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
        # After a failed attempt that will be repeated, or one that said "not yet", the stage is still to be done.
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
            # The end of the log matters where something went wrong. Without it the record of a healthy server is short.
            tail=event.get("tail") if result not in ("done", "skipped") else None,
            outputs={**(stage.outputs or {}), **(event.get("outputs") or {})} or None,
        )

    after = replace(_stage(view, event["stage"], end), waits_for=None)
    if result == "failed" and is_final:
        return replace(after, state="failed", cause=event.get("cause"), reason=_reason_of_end(event))
    return after


def _reason_of_end(event: Event) -> str:
    if event.get("signal") is not None:
        return f"{event['stage']}: killed by signal {event['signal']}"
    if event.get("exit_code") is not None:
        return f"{event['stage']}: exit {event['exit_code']}"
    return f"{event['stage']}: {event.get('cause') or 'failed'}"


def _interrupted(view: View, event: Event, _: str | None) -> View:
    # A run can be interrupted between two stages, and the event then names none.
    if event.get("stage") is None:
        return view
    return _stage(
        view,
        event["stage"],
        lambda stage: replace(stage, state="interrupted", result="interrupted", cause="interrupted"),
    )


def _health(view: View, event: Event, _: str | None) -> View:
    result = {name: event[name] for name in ("ok", "passed", "check", "saw") if event.get(name) is not None}
    return replace(view, health={**result, "at": event["at"]}, waits_for=None)


def _state(view: View, event: Event, reported_state: str | None) -> View:
    state = event.get("state") or reported_state or view.state
    is_final = event.get("final") is True and state in ENDED
    failed = state == "failed"
    return replace(
        view,
        state=state,
        explicit=True,
        final=is_final,
        # The end of the failed stage has given a reason; a `failed` without one must not take it away.
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
    """The state at `now`: a server that has passed its own deadline without an end is overdue."""
    unfinished = run.view.state not in ENDED
    return "overdue" if unfinished and run.deadline_at is not None and now > run.deadline_at else run.view.state


def stages_for_people(view: View) -> tuple[Stage, ...]:
    """The stages for people: on a failed server a stage whose last attempt failed is failed, not pending."""
    if view.state != "failed":
        return view.stages
    return tuple(
        replace(stage, state="failed") if stage.result == "failed" and stage.state == "pending" else stage
        for stage in view.stages
    )


def failing_line(tail: str) -> str | None:
    """The first line of a log that complains, else its last line with text."""
    # The first complaint is usually the cause, and the later ones are its effects.
    lines = [line.strip() for line in tail.splitlines() if line.strip()]
    return next((line for line in lines if _COMPLAINT.search(line)), lines[-1] if lines else None)


def failure(view: View) -> dict[str, Any] | None:
    """The reason of a failure: the stage, health or file, its cause, and the first failing line. None: no failure."""
    if view.state != "failed":
        return None
    broken = next((stage for stage in stages_for_people(view) if stage.state == "failed"), None)
    reason: dict[str, Any] = {"reason": view.reason, "cause": view.cause, "stage": None, "tail": None}
    if broken is not None:
        reason.update(stage=broken.name, cause=broken.cause or view.cause, attempts=broken.attempts, tail=broken.tail)
        reason.update(exit_code=broken.exit_code, signal=broken.signal)
        line = failing_line(broken.tail or "")
    elif view.health is not None and not view.health.get("ok"):
        answer, check = view.health.get("saw"), view.health.get("check")
        line = f"{check}: {answer}" if check and answer else check
    else:
        line = view.reason
    return {**reason, "line": line or view.reason}


def server_json(run: Run, now: float, *, brief: bool = False) -> dict[str, Any]:
    """One server as the API shows it (`schemas.py` describes it). brief: without stages, for lists of thousands."""
    view = run.view
    running = next((stage.name for stage in view.stages if stage.state in ("running", "interrupted")), None)
    record: dict[str, Any] = {
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
        return {**record, "stage": running}
    return {
        **record,
        "stages": [_stage_json(stage) for stage in stages_for_people(view)],
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
    # `result` only helps to work out the state, which readers get.
    return {name: value for name, value in vars(stage).items() if name != "result"}
