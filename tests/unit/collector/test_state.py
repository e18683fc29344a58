"""The meaning of events: states, stages, failures, and a server that is overdue."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from reports import failed_story, healthy_story, numbered

from bootstrap.collector.model import Run, View, decode, encode
from bootstrap.collector.state import (
    MAX_STAGES,
    failing_line,
    failure,
    follow,
    server_json,
    stages_for_people,
    state_at,
)


def view_of(events: list[dict[str, Any]]) -> View:
    view = View()
    for event in events:
        view = follow(view, event)
    return view


STARTED = {"type": "started", "stages": ["a", "b"]}
BEGUN = {"type": "stage.started", "stage": "a", "attempt": 1}


def ended(result: str, **more: Any) -> dict[str, Any]:
    return {"type": "stage.ended", "stage": "a", "result": result, "attempt": 1, **more}


@pytest.mark.parametrize(
    ("story", "state"),
    [
        ([], "waiting"),
        ([STARTED], "running"),
        ([STARTED, {"type": "waiting", "missing": [{"path": "/x"}]}], "waiting"),
        ([STARTED, {"type": "waiting", "missing": []}, BEGUN], "running"),
        ([STARTED, {"type": "state", "state": "waiting"}, BEGUN], "running"),
        ([STARTED, {"type": "state", "state": "checking"}, {"type": "health", "ok": True}], "checking"),
        ([STARTED, BEGUN, ended("failed")], "running"),
        ([STARTED, BEGUN, ended("failed", final=True)], "failed"),
        ([STARTED, {"type": "state", "state": "failed"}], "failed"),
        ([STARTED, {"type": "state", "state": "failed"}, {"type": "state", "state": "running"}], "running"),
        ([STARTED, {"type": "state", "state": "healthy", "final": True}], "healthy"),
        ([STARTED, {"type": "rebooting", "stage": "a", "count": 1}], "running"),
        ([STARTED, {"type": "never.heard.of"}], "running"),
    ],
)
def test_the_state_follows_from_the_events(story: list[dict[str, Any]], state: str) -> None:
    assert view_of(numbered(*story)).state == state


@pytest.mark.parametrize(
    ("event", "state", "attempts"),
    [
        (BEGUN, "running", 1),
        (ended("done"), "done", 1),
        (ended("skipped"), "skipped", 1),
        (ended("failed", final=True), "failed", 1),
        (ended("failed"), "pending", 1),
        (ended("again"), "pending", 1),
        (ended("interrupted"), "interrupted", 1),
        ({"type": "interrupted", "stage": "a", "attempt": 1}, "interrupted", 1),
        # An optional value may be null; found by fuzzing, when it was a stage without a name.
        ({"type": "interrupted", "stage": None}, "running", 1),
        ({**BEGUN, "attempt": 3}, "running", 3),
    ],
)
def test_the_state_of_a_stage(event: dict[str, Any], state: str, attempts: int) -> None:
    first, second = view_of(numbered(STARTED, BEGUN, event)).stages
    assert (first.state, first.attempts) == (state, attempts)
    assert (second.state, second.attempts) == ("pending", 0)


def test_only_a_final_state_ends_it() -> None:
    assert view_of(healthy_story("a")).final
    assert not view_of(healthy_story("a")[:-1]).final
    # A stage that failed for good is not the end yet: an undo may follow.
    assert not view_of(failed_story()[:-1]).final
    assert not view_of(numbered({"type": "state", "state": "running", "final": True})).final


def test_a_new_attempt_forgets_how_the_last_one_ended() -> None:
    story = numbered(STARTED, BEGUN, ended("failed", exit_code=1, cause="exit", tail="x"), {**BEGUN, "attempt": 2})
    stage = view_of(story).stages[0]
    assert (stage.exit_code, stage.cause, stage.tail, stage.attempts) == (None, None, None, 2)


def test_outputs_of_all_attempts_are_kept() -> None:
    story = numbered(
        STARTED, BEGUN, ended("again", outputs={"a": "1", "b": "1"}), BEGUN, ended("done", outputs={"b": "2"})
    )
    assert view_of(story).stages[0].outputs == {"a": "1", "b": "2"}


def test_a_stage_that_was_not_announced_is_added() -> None:
    view = view_of(numbered(STARTED, {"type": "stage.started", "stage": "undo a", "attempt": 1}))
    assert [stage.name for stage in view.stages] == ["a", "b", "undo a"]


def test_one_host_cannot_make_a_list_without_end() -> None:
    many = [{"type": "stage.started", "stage": f"s{i}", "attempt": 1} for i in range(MAX_STAGES + 10)]
    assert len(view_of(numbered(STARTED, *many)).stages) == MAX_STAGES
    assert len(view_of(numbered({"type": "started", "stages": [f"s{i}" for i in range(999)]})).stages) == MAX_STAGES


def test_a_stage_named_twice_is_one() -> None:
    assert len(view_of(numbered({"type": "started", "stages": ["a", "a"]})).stages) == 1


def test_an_attempt_that_failed_last_is_not_pending_once_the_server_has_failed() -> None:
    view = view_of(numbered(STARTED, BEGUN, ended("failed", exit_code=3), {"type": "state", "state": "failed"}))
    assert [stage.state for stage in view.stages] == ["pending", "pending"]
    assert [stage.state for stage in stages_for_people(view)] == ["failed", "pending"]
    reason = failure(view)
    assert reason and (reason["stage"], reason["exit_code"]) == ("a", 3)


@pytest.mark.parametrize(
    ("tail", "line"),
    [
        ("Reading...\nE: Unable to locate package x\nE: second\n", "E: Unable to locate package x"),
        ("ok\ncp: cannot stat 'x': No such file or directory\nbye", "cp: cannot stat 'x': No such file or directory"),
        ("Traceback (most recent call last):\n  File\nKeyError: 1", "Traceback (most recent call last):"),
        ("one\ntwo\n\n  \n", "two"),
        ("terror and failover are fine words\nlast", "last"),
        ("", None),
        ("\n \n", None),
    ],
)
def test_the_first_failing_line(tail: str, line: str | None) -> None:
    assert failing_line(tail) == line


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ({"exit_code": 100}, "a: exit 100"),
        ({"signal": 9, "cause": "oom"}, "a: killed by signal 9"),
        ({"cause": "timeout"}, "a: timeout"),
        ({}, "a: failed"),
    ],
)
def test_the_reason_of_a_failed_stage(event: dict[str, Any], reason: str) -> None:
    assert view_of(numbered(STARTED, BEGUN, ended("failed", final=True, **event))).reason == reason


def test_a_failed_state_without_a_reason_keeps_the_earlier_one() -> None:
    story = numbered(
        STARTED, BEGUN, ended("failed", final=True, exit_code=2), {"type": "state", "state": "failed", "final": True}
    )
    assert view_of(story).reason == "a: exit 2"


def test_a_health_failure_names_the_check_and_what_it_saw() -> None:
    story = numbered(
        STARTED,
        {"type": "health", "ok": False, "passed": 0, "check": "tcp 127.0.0.1:80", "saw": "refused"},
        {"type": "state", "state": "failed", "final": True, "reason": "health", "cause": "deadline"},
    )
    reason = failure(view_of(story))
    expected = ("tcp 127.0.0.1:80: refused", "deadline", None)
    assert reason and (reason["line"], reason["cause"], reason["stage"]) == expected


@pytest.mark.parametrize(
    ("state", "now", "state_now"),
    [
        ("running", 100.0, "running"),
        ("running", 100.1, "overdue"),
        ("waiting", 200.0, "overdue"),
        ("checking", 200.0, "overdue"),
        ("healthy", 200.0, "healthy"),
        ("failed", 200.0, "failed"),
    ],
)
def test_overdue_is_worked_out_when_asked(state: str, now: float, state_now: str) -> None:
    assert state_at(Run("web-1", "d", View(state=state), deadline_at=100.0), now) == state_now


def test_without_a_deadline_nothing_is_overdue() -> None:
    assert state_at(Run("web-1", "d"), 1e12) == "waiting"


@pytest.mark.parametrize("story", [healthy_story("a", "b"), failed_story(), []], ids=["healthy", "failed", "empty"])
def test_a_run_survives_being_stored(story: list[dict[str, Any]]) -> None:
    run = replace(Run("web-1", "d", view_of(story)), conflict=("a", "b"), last_seen=1.5)
    assert decode(encode(run)) == run
    assert server_json(decode(encode(run)), 0.0) == server_json(run, 0.0)
