"""`status`, `why` and `logs`: what each shows in each state."""

from __future__ import annotations

import pytest
from checkout import MakeMachine
from handmade import payload, stage
from verbs import THREE, Capture, ended, report_of, status

from bootstrap.render.model import RenderedFile


def test_before_the_first_tick_nothing_has_begun(machine: MakeMachine, capsys: Capture) -> None:
    box = machine(payload(THREE))
    code, text = report_of(box, capsys, "why")
    assert (code, "initialrunner doctor" in text) == (75, True)
    facts = status(box, capsys)
    assert facts["state"] == "waiting" and facts["next_tick_s"] <= 60
    assert [row["state"] for row in facts["stages"]] == ["pending"] * 3


def test_a_failure_is_shown_by_each_verb(machine: MakeMachine, capsys: Capture) -> None:
    box = ended(machine, *THREE, code=5)
    code, text = report_of(box, capsys, "why")
    assert code == 5 and "two" in text and "    last words" in text and "initialrunner run two --force" in text
    code, text = report_of(box, capsys, "status")
    assert code == 5 and "stage two failed" in text and "exit 3" in text
    assert [(row["state"], row["attempts"]) for row in status(box, capsys)["stages"]] == [
        ("done", 1), ("failed", 1), ("pending", 0),
    ]  # fmt: skip
    assert report_of(box, capsys, "logs", "one") == (0, "words of one\n")
    assert "==> two.log <==" in report_of(box, capsys, "logs")[1].replace("==> two <==", "==> two.log <==")
    assert report_of(box, capsys, "logs", "four")[0] == 2
    code, text = report_of(box, capsys, "timeline", "--blame")
    assert code == 0 and text.count("stage") == 2
    code, text = report_of(box, capsys, "history")
    assert code == 0 and "one done, two failed, three pending" in text


def test_a_healthy_server_has_nothing_wrong(machine: MakeMachine, capsys: Capture) -> None:
    box = ended(machine, stage("one", "true"), code=0, checks=[{"kind": "file", "path": "/proc/self"}])
    assert report_of(box, capsys, "why")[0] == 0
    code, text = report_of(box, capsys, "status")
    assert code == 0 and "health: good" in text and "next tick" not in text
    assert "health" in report_of(box, capsys, "timeline")[1]


def test_a_health_check_that_fails_is_named(machine: MakeMachine, capsys: Capture) -> None:
    checks = [{"kind": "file", "path": "/proc/none"}]
    box = ended(machine, stage("one", "true"), code=5, checks=checks)
    code, text = report_of(box, capsys, "why")
    assert code == 5 and "file /proc/none: absent" in text
    assert "file /proc/none: absent" in report_of(box, capsys, "status")[1]


def test_a_wait_names_its_file_and_how_far_it_is(machine: MakeMachine, capsys: Capture) -> None:
    box = machine(payload([stage("one", "true")], files=[RenderedFile("/srv/late", b"late", deliver="inject")]))
    box.put("/srv/late", "la")
    run = box.run()
    run.journal.add("waiting", missing=[{"path": "/srv/late", "why": "short", "have": 2, "want": 4}])
    run.state("waiting")
    box.unlock()
    code, text = report_of(box, capsys, "why")
    assert code == 75 and "/srv/late" in text and "2 of 4" in text
    assert "/srv/late" in status(box, capsys)["reason"]
    code, text = report_of(box, capsys, "run", "one")
    assert code == 75 and "/srv/late" in text and box.ended("one") == []


@pytest.mark.parametrize("live", [True, False])
def test_a_cut_attempt_is_told_from_one_at_work(machine: MakeMachine, capsys: Capture, live: bool) -> None:
    box = machine(payload([stage("one", "true")]))
    run = box.run()
    run.journal.add("stage.started", stage="one", attempt=1, pid=0, start="0", boot_id=box.host.boot_id)
    if not live:
        box.unlock()
    text = report_of(box, capsys, "why")[1]
    assert ("initialrunner logs one" in text) is live
    assert status(box, capsys)["runner"] is None


def test_a_need_that_is_missing_is_the_reason(machine: MakeMachine, capsys: Capture) -> None:
    box = machine(payload([stage("one", "true", needs=[{"file": "/proc/none"}])]))
    run = box.run()
    run.journal.add("waiting", missing=[{"path": "one", "why": "needs"}], **{"for": "no file /proc/none"})
    box.unlock()
    assert "no file /proc/none" in report_of(box, capsys, "why")[1]


def test_a_runner_that_is_stuck_says_so_before_all_else(machine: MakeMachine, capsys: Capture) -> None:
    box = ended(machine, stage("one", "exit 75"), code=75)
    box.put("/var/lib/initialrunner/stuck", "cannot go on yet: no space\n")
    assert "cannot go on yet: no space" in report_of(box, capsys, "why")[1]
