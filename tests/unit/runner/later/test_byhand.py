"""`run`, `reset` and `report`: what the admin does by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest
from checkout import MakeMachine
from handmade import payload, stage
from verbs import THREE, Capture, ended, report_of


def test_a_failed_stage_runs_again_by_hand_and_the_run_goes_on(machine: MakeMachine, capsys: Capture) -> None:
    box = ended(machine, *THREE, code=5)
    box.plan["stages"][1]["text"] = "echo mended"
    code, text = report_of(box, capsys, "run", "two", "--force")
    assert code == 0 and "two: done" in text
    code, text = report_of(box, capsys, "run")
    assert code == 0 and "three: done" in text
    assert (box.ended("one"), box.ended("two"), box.ended("three")) == (["done"], ["failed", "done"], ["done"])


def test_stages_run_in_order_and_not_twice(machine: MakeMachine, capsys: Capture) -> None:
    box = machine(payload([stage("one", "true"), stage("two", "true"), stage("three", "true")]))
    code, text = report_of(box, capsys, "run", "two")
    assert code == 75 and "one comes first" in text
    assert report_of(box, capsys, "run", "--from", "one")[0] == 0
    code, text = report_of(box, capsys, "run", "one")
    assert (code, "--force" in text, box.ended("one")) == (0, True, ["done"])
    code, text = report_of(box, capsys, "run", "one", "--dry-run", "--force")
    assert code == 0 and text.split()[:3] == ["would", "run", "one"]
    assert report_of(box, capsys, "run", "one", "--force")[0] == 0
    assert box.ended("one") == ["done", "done"]


@pytest.mark.parametrize("words", [["four"], ["--force"], ["--from"], ["--from", "one", "two"]])
def test_a_run_that_names_no_stage_of_the_plan_is_refused(
    machine: MakeMachine, capsys: Capture, words: list[str]
) -> None:
    box = machine(payload(THREE))
    code, text = report_of(box, capsys, "run", *words)
    assert code == 2 and "one, two, three" in text and box.events == []


def test_a_stage_by_hand_fails_without_waiting_for_its_needs(machine: MakeMachine, capsys: Capture) -> None:
    box = machine(payload([stage("one", "true", needs=[{"file": "/proc/none"}])]))
    assert report_of(box, capsys, "run", "one")[0] == 75
    assert box.ended("one") == [] and box.find("waiting")


def test_secrets_of_a_finished_bundle_come_from_the_environment(
    machine: MakeMachine, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = machine(payload([stage("one", 'echo "is $TOKEN"', secrets=["TOKEN"], environment={"TOKEN": "first"})]))
    box.tick()
    box.plan["finished"] = {"files": [], "sha256": "0" * 64}
    box.plan["stages"][0]["environment"] = {}
    code, text = report_of(box, capsys, "run", "one", "--force")
    assert code == 4 and "TOKEN" in text
    monkeypatch.setenv("TOKEN", "second")
    assert report_of(box, capsys, "run", "one", "--force")[0] == 0
    assert box.find("stage.ended")[-1]["tail"] == "is ******\n"


def test_a_reset_puts_the_journal_aside(machine: MakeMachine, capsys: Capture) -> None:
    box = ended(machine, *THREE, code=5)
    assert report_of(box, capsys, "reset")[0] == 0
    assert box.events == []
    assert not [p for p in box.path("/var/lib/initialrunner").iterdir() if p.name.startswith("ended.")]
    assert box.tick() == 5
    assert report_of(box, capsys, "history")[1].count("deploy ") == 2
    box.path("/etc/initialrunner/bundle").unlink()
    assert report_of(box, capsys, "reset")[0] == 4


def test_reports_are_sent_by_hand(machine: MakeMachine, capsys: Capture, mocker: Any) -> None:
    box = ended(machine, *THREE, code=5)
    assert report_of(box, capsys, "report")[0] == 0
    box.plan["report"] = {"url": "http://127.0.0.1:1", "key": "c2VjcmV0"}
    mocker.patch("bootstrap.runner.tick.report.signed", side_effect=OSError("no route"))
    code, text = report_of(box, capsys, "report")
    assert code == 75 and "no route" in text
    answer = json.dumps({"acked": len(box.events)}).encode()
    mocker.patch("bootstrap.runner.tick.report.signed", return_value=(200, answer, {}))
    assert report_of(box, capsys, "report")[0] == 0
