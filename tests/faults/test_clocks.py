"""Clocks that jump and machines that stand still: durations are the kernel's monotonic time, order is by number."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from box import FAKETIME, LOCK, TRIGGER, Box, needs_faketime, needs_root
from handmade import payload, stage
from oracle import NOTE, ended, ran

from bootstrap.payload.build import build
from bootstrap.plan.resolve import resolve
from bootstrap.render.render import render
from bootstrap.spec.load import load

pytestmark = [pytest.mark.integration, needs_root]
CLOCK = "/srv/clock"
YEAR_S = 365 * 86_400.0


def clocked(box: Box) -> None:
    """Start a tick whose wall clock is what CLOCK says, until the test writes something else into it."""
    names = f"LD_PRELOAD={FAKETIME} FAKETIME_TIMESTAMP_FILE={CLOCK} FAKETIME_NO_CACHE=1"
    box.sh(f"sed -n 's/^@reboot root //p' {TRIGGER} >/root/tick")
    box.sh(f"{names} DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1 setsid sh /root/tick </dev/null >/dev/null 2>&1 &")


def idle(box: Box) -> bool:
    return box.sh(f"flock -n {LOCK} true").returncode == 0


def jumps(journal: list[dict[str, Any]], by_s: float) -> bool:
    """Whether the wall clock of two events in a row differs by about so much."""
    steps = [after["at"] - before["at"] for before, after in pairwise(journal)]
    return any(abs(step - by_s) < 1800 for step in steps)


def assert_in_order(journal: list[dict[str, Any]]) -> None:
    assert [e["seq"] for e in journal] == list(range(1, len(journal) + 1))
    uptimes = [e["uptime_s"] for e in journal]
    assert uptimes == sorted(uptimes)
    assert all(0 <= e["took_s"] < 60 for e in journal if "took_s" in e)


@pytest.mark.parametrize(
    ("before", "after", "by_s"),
    [
        pytest.param("+0", "+20y", 20 * YEAR_S, id="years-forward", marks=pytest.mark.fault(37)),
        pytest.param("+20y", "+0", -20 * YEAR_S, id="years-back", marks=pytest.mark.fault(38)),
    ],
)
@needs_faketime
def test_a_clock_that_jumps_ends_no_wait_and_runs_nothing_again(before: str, after: str, by_s: float) -> None:
    """A jump in a stage, in the pause between two attempts, in the wait for a need, and between two ticks."""
    stages = [
        stage("first", NOTE + "note first; block go; note over", timeout_s=30),
        stage("again", NOTE + "note try; test $(grep -c try /srv/oracle) -ge 2", attempts=2, delay_s=1),
        stage("need", NOTE + "note need", needs=[{"file": "/srv/mounted"}]),
        stage("later", NOTE + "note later; test -e /srv/later || exit 75"),
    ]
    checks = [{"kind": "file", "path": "/srv/site"}]
    plan = payload(stages, health={"deadline_s": 60, "checks": checks}, deadline_s=120)

    with Box(plan.files) as box:
        box.put(CLOCK, before)
        clocked(box)
        box.wait_for(lambda: ran(box) == ["first"])
        box.put(CLOCK, after)
        box.put("/srv/go", "")
        box.wait_for(lambda: ran(box) == ["first", "over", "try"])
        box.put(CLOCK, before)
        box.wait_for(lambda: box.events("waiting"))
        box.put(CLOCK, after)
        box.put("/srv/mounted", "")
        box.wait_for(lambda: ran(box)[-1] == "later" and idle(box))
        box.put(CLOCK, before)
        box.put("/srv/later", "")
        clocked(box)
        box.wait_for(lambda: box.state() == "checking")
        box.put(CLOCK, after)
        box.put("/srv/site", "")
        box.wait_for(lambda: box.state() == "healthy" and not box.exists(TRIGGER))
        assert ran(box) == ["first", "over", "try", "try", "need", "later", "later"]
        assert [result for result, _ in ended(box, "later")] == ["again", "done"]
        assert_in_order(box.journal())
        assert jumps(box.journal(), by_s) and jumps(box.journal(), -by_s)


@pytest.mark.fault(39)
@needs_faketime
def test_a_paused_machine_goes_on_where_it_was() -> None:
    """Runner and stage stand still and the clock is hours ahead afterwards; whoever comes meanwhile leaves."""
    with Box(payload([stage("one", NOTE + "note begin; block go; note end")]).files) as box:
        box.put(CLOCK, "+0")
        clocked(box)
        box.wait_for(lambda: ran(box) == ["begin"])
        stopped = [int(box.text(LOCK)), box.events("stage.started")[0]["pid"]]
        for pid in stopped:
            box.copy.kill(pid, 19)
        assert box.tick().returncode == 0
        assert box.sh("sh /etc/initialrunner/bundle tick").returncode == 0
        box.put("/srv/go", "")
        box.put(CLOCK, "+6h")
        for pid in stopped:
            box.copy.kill(pid, 18)
        box.wait_for(lambda: box.state() == "healthy" and not box.exists(TRIGGER))
        assert (ran(box), ended(box, "one")) == (["begin", "end"], [("done", None)])
        assert_in_order(box.journal())
        assert jumps(box.journal(), 6 * 3600)


@pytest.mark.fault(39)
@pytest.mark.parametrize("held", ["stage", "health", "file"])
def test_what_came_while_the_runner_stood_still_counts_before_its_time_limit_does(held: str) -> None:
    """All time limits have run out when it wakes up; what it waited for is there."""
    limit_s = 3.0
    block = [stage("one", NOTE + "note begin; block go; note end", timeout_s=limit_s)]
    site = {"deadline_s": limit_s, "checks": [{"kind": "file", "path": "/srv/go"}]}
    late = [{"path": "/srv/go", "min_size": 1, "deadline_s": limit_s}]
    begun: dict[str, tuple[Any, Callable[[Box], bool]]] = {
        "stage": (payload(block), lambda box: ran(box) == ["begin"]),
        "health": (payload([], health=site), lambda box: box.state() == "checking"),
        "file": (payload([], wait_for=late), lambda box: bool(box.events("started"))),
    }
    plan, is_begun = begun[held]
    with Box(plan.files) as box:
        box.put(CLOCK, "+0")
        box.sh(f"sed -n 's/^@reboot root //p' {TRIGGER} >/root/tick; setsid sh /root/tick </dev/null >/dev/null 2>&1 &")
        box.wait_for(lambda: is_begun(box))
        runner, start = int(box.text(LOCK)), time.monotonic()
        box.copy.kill(runner, 19)
        box.put("/srv/go", "k")
        box.wait_for(lambda: time.monotonic() > start + limit_s + 0.2)
        box.copy.kill(runner, 18)
        box.wait_for(lambda: box.state() == "healthy" and not box.exists(TRIGGER))
        assert box.events("state", state="failed") == []
        assert held != "stage" or ended(box, "one") == [("done", None)]


@pytest.mark.fault(35)
def test_rc_local_before_the_network_waits_as_a_tick_does(tmp_path: Path) -> None:
    spec = tmp_path / "box.yaml"
    spec.write_text(
        "version: 1\nname: box\nstages:\n- {name: one, run: 'echo one >>/srv/oracle', needs: [network]}\n"
        "every_boot:\n- {name: worker, run: 'echo boot >>/srv/oracle'}\n"
    )
    plan = build(render(resolve(load(spec), server="box-1", deploy_id="d1"), secret=None))
    with Box(plan.files) as box:
        box.sh("chmod 755 /etc/rc.local")
        box.boot()
        (waiting,) = box.wait_for(lambda: box.events("waiting"))
        assert (waiting["for"], ran(box)) == ("no default route", [])
        # The boot goes on meanwhile, and so do other starters.
        assert box.at_reboot().returncode == 0
        with box.copy.in_its_network(["ip", "route", "add", "default", "dev", "lo"]) as added:
            assert added.wait(10) == 0
        box.wait_for(lambda: box.state() == "healthy" and not box.exists(TRIGGER))
        assert ran(box) == ["one", "boot"]
