"""Promise 1: killed at any state-changing call, or its power cut, the runner loses, repeats and overlaps nothing."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import crashtest
import powerlives

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
