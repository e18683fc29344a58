"""The state goes along when its folder is mounted over."""

from __future__ import annotations

from pathlib import Path

from checkout import MakeMachine
from handmade import payload, stage


def test_a_state_that_was_mounted_over_goes_along(machine: MakeMachine) -> None:
    box = machine(payload([stage("one", "true"), stage("two", "true")]))
    run = box.run()
    run.stages.work(box.plan["stages"][0])
    state = box.path("/var/lib/initialrunner")
    state.rename(state.with_name("hidden"))
    run.stages.work(box.plan["stages"][1])
    assert [box.ended(name) for name in ("one", "two")] == [["done"], ["done"]]
    assert (state / "logs/one.log").exists()
    assert "moved" in (Path(state.with_name("hidden")) / "journal").read_text().splitlines()[-1]
