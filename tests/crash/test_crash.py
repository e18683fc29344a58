"""Promise 1: killed at any state-changing call, or its power cut, the runner loses, repeats and overlaps nothing."""

from __future__ import annotations

import os
import shutil

import crashtest
import powerlives
import pytest
import twoticks

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace"),
]


@pytest.mark.fault(45)
def test_killed_before_every_state_changing_call_nothing_is_lost_or_repeated() -> None:
    verdicts = crashtest.run()
    assert {f"{v.point}": v.wrong for v in verdicts if v.wrong} == {}
    # A run in which the points are not reached proves nothing.
    assert sum(v.killed for v in verdicts) >= 200


@pytest.mark.fault(44)
def test_a_power_cut_after_every_call_that_drops_what_was_not_synced_loses_and_repeats_nothing() -> None:
    points, verdicts = powerlives.run()
    assert {one.after: one.wrong for one in verdicts if one.wrong} == {}
    assert points >= 350
    assert len(verdicts) >= 700


@pytest.mark.fault(110)
def test_two_ticks_at_once_killed_or_not_leave_no_trigger_behind_and_repeat_nothing() -> None:
    verdicts = twoticks.run(80, long=12)
    assert {f"{v.trial}": v.wrong for v in verdicts if v.wrong} == {}
    assert len(verdicts) == 92
