"""The outbox: what is sent, what an answer means, and how long it rests after a refusal."""

from __future__ import annotations

import json
from typing import Any

import pytest
from checkout import MakeMachine
from handmade import payload, stage

SIGNED = "bootstrap.runner.tick.report.signed"


def report(machine: MakeMachine, group: bool = False) -> Any:
    """The outbox of a run that has begun."""
    box = machine(payload([stage("one", "true")], report=("http://127.0.0.1:1", b"s" * 32)))
    return box.run().report


def test_a_body_has_identity_state_and_the_events_that_are_not_taken(machine: MakeMachine) -> None:
    outbox = report(machine)
    body = json.loads(outbox.body())
    assert (body["server"], body["state"], body["version"]) == ("box-1", "running", 1)
    assert [event["seq"] for event in body["events"]] == [1]
    assert 0 < body["deadline_s"] <= 3600


@pytest.mark.parametrize(
    ("answer", "reason", "acked"),
    [
        ((200, b'{"acked": 1}', {}), "1 events", 1),
        ((200, b'{"acked": true}', {}), "answers 200", 0),
        ((200, b"<html>", {}), "Error", 0),
        ((401, b"no such key", {}), "401 no such key", 0),
        ((503, b"full", {"retry-after": "120"}), "in 120 s", 0),
        (OSError("certificate is not yet valid"), "is the clock right?", 0),
    ],
)
def test_an_answer_is_an_acknowledgement_or_a_reason(
    machine: MakeMachine, mocker: Any, answer: Any, reason: str, acked: int
) -> None:
    outbox = report(machine)
    effect = {"side_effect": answer} if isinstance(answer, Exception) else {"return_value": answer}
    mocker.patch(SIGNED, **effect)
    outbox.poke()
    outbox.poke()
    assert reason in outbox.reason and outbox.acked == acked
    rest = outbox.not_before - outbox.host.uptime()
    assert (rest <= 0) is bool(acked)
    assert "retry-after" not in str(answer) or rest > 120


def test_pauses_grow_with_failures_up_to_a_minute(machine: MakeMachine, mocker: Any) -> None:
    outbox = report(machine)
    mocker.patch(SIGNED, side_effect=OSError("no route"))
    mocker.patch("os.urandom", return_value=b"\x80")
    rests = []
    for _ in range(9):
        outbox.take_answer(b"no route")
        rests.append(outbox.not_before - outbox.host.uptime())
    assert rests == sorted(rests) and rests[0] == 1.5 and rests[-1] == 45


def test_draining_ends_when_patience_does(machine: MakeMachine, mocker: Any) -> None:
    outbox = report(machine)
    sent = mocker.patch(SIGNED, side_effect=OSError("no route"))
    assert outbox.drain(20) is False
    assert 2 <= sent.call_count <= 20
