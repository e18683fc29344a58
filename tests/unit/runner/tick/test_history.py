"""What follows from a journal: pure functions over events."""

from __future__ import annotations

import pytest

from bootstrap.runner.tick.history import StageFacts, final


def started(attempt: int = 1) -> dict:
    return {"type": "stage.started", "stage": "one", "attempt": attempt}


def ended(result: str, attempt: int = 1, **more: object) -> dict:
    return {"type": "stage.ended", "stage": "one", "result": result, "attempt": attempt, **more}


def cut(*, rebooted: bool = False) -> dict:
    return {"type": "interrupted", "stage": "one", "attempt": 1, "rebooted": rebooted}


@pytest.mark.parametrize(
    ("events", "state", "failed"),
    [
        pytest.param([], "pending", 0, id="nothing-yet"),
        pytest.param([started()], "running", 0, id="begun"),
        pytest.param([started(), ended("done")], "done", 0, id="done"),
        pytest.param([started(), ended("failed")], "pending", 1, id="will-be-retried"),
        pytest.param([started(), ended("failed", final=True)], "failed", 1, id="failed-for-good"),
        pytest.param([started(), ended("again")], "pending", 0, id="exit-75-uses-no-attempt"),
        pytest.param([ended("skipped", 0)], "skipped", 0, id="skipped"),
        pytest.param([started(), cut()], "interrupted", 0, id="cut-short-uses-no-attempt"),
        pytest.param([started(), cut(), started(2), ended("done", 2)], "done", 0, id="done-after-a-cut"),
        pytest.param([{**started(), "stage": "two"}], "pending", 0, id="another-stage"),
    ],
)
def test_a_stage_is_what_its_last_event_says(events: list[dict], state: str, failed: int) -> None:
    facts = StageFacts(events, "one")
    assert (facts.state, facts.failed) == (state, failed)


def test_an_attempt_without_an_end_is_open() -> None:
    begun = started(3)
    assert StageFacts([started(), ended("failed"), begun], "one").open is begun


@pytest.mark.parametrize(
    ("cuts", "too_often"),
    [
        pytest.param([cut()] * 19, False, id="19-in-a-row"),
        pytest.param([cut()] * 20, True, id="20-in-a-row"),
        pytest.param([cut(rebooted=True)] * 2, False, id="2-across-reboots"),
        pytest.param([cut(rebooted=True)] * 3, True, id="3-across-reboots"),
        pytest.param([cut(rebooted=True)] * 2 + [ended("failed")] + [cut(rebooted=True)], False, id="progress-between"),
    ],
)
def test_interruptions_in_a_row_are_bounded(cuts: list[dict], too_often: bool) -> None:
    assert StageFacts(cuts, "one").too_often is too_often


def test_a_later_state_heals_an_earlier_failure() -> None:
    failed = {"type": "state", "state": "failed", "final": False}
    healthy = {"type": "state", "state": "healthy", "final": True}
    assert final([failed]) is None
    assert final([failed, healthy]) is healthy
    assert final([]) is None
