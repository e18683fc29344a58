"""The admin's verbs over a machine in a folder: status, why, logs, run, reset, report, timeline, history, verify."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from checkout import Machine, MakeMachine
from handmade import payload, stage

from bootstrap.render.model import RenderedFile

Capture = pytest.CaptureFixture[str]
THREE = [stage("one", "echo words of one"), stage("two", "echo last words; exit 3"), stage("three", "true")]


def ended(machine: MakeMachine, *stages: Any, code: int, **plan: Any) -> Machine:
    """A machine whose first tick ends with this code."""
    box = machine(payload(stages, **plan))
    assert box.tick() == code
    return box


def report_of(box: Machine, capsys: Capture, *words: str) -> tuple[int, str]:
    """(exit code, what is printed) of one verb."""
    capsys.readouterr()
    code = box.verb(*words)
    printed = capsys.readouterr()
    return code, printed.out + printed.err


def status(box: Machine, capsys: Capture) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(report_of(box, capsys, "status", "--json")[1])
    return facts


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


# --- by hand ---


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
    assert code == 0 and text.startswith("would run one")
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


def test_files_that_differ_from_the_plan_are_listed(machine: MakeMachine, capsys: Capture) -> None:
    files = [RenderedFile(f"/srv/{name}", name.encode()) for name in ("same", "bytes", "mode", "gone")]
    box = machine(payload([stage("one", "true")], files=files))
    box.tick()
    assert report_of(box, capsys, "verify")[0] == 0
    box.put("/srv/bytes", "other")
    box.path("/srv/mode").chmod(0o600)
    box.path("/srv/gone").unlink()
    code, text = report_of(box, capsys, "verify")
    lines = [line.split(None, 2) for line in text.splitlines()]
    assert code == 5 and [line[0] for line in lines] == ["same", "differs", "differs", "differs"]
    assert lines[2][2] == "mode 0600" and "No such file" in lines[3][2]


# --- the command itself ---


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["help"], 0, "usage: initialrunner VERB"),
        (["run", "--help"], 0, "usage: initialrunner run"),
        (["--version"], 0, "initialrunner "),
        (["rnu"], 2, "rnu"),
        (["status", "--jsno"], 2, "--jsno"),
        (["why", "one"], 2, "one"),
        (["source"], 0, "def main(argv):"),
    ],
)
def test_the_command_answers(
    machine: MakeMachine, capsys: Capture, words: list[str], code: int, part: str
) -> None:
    result, text = report_of(machine(payload(THREE)), capsys, *words)
    assert result == code and part in text


def test_other_users_are_sent_to_sudo(machine: MakeMachine, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    from bootstrap.runner.later import admin

    box = machine(payload(THREE))
    box.everywhere("guard", lambda: None)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert admin.admin(box.host, box.plan, "status", []) == 2
    assert "sudo initialrunner status" in capsys.readouterr().err


def test_install_makes_bundle_and_trigger_last_and_starts_the_runner(machine: MakeMachine, capsys: Capture) -> None:
    box = machine(payload([stage("one", "true")]))
    for path in ("/etc/initialrunner/bundle", "/etc/cron.d/initialrunner"):
        box.path(path).unlink()
    box.put("/etc/initialrunner/stub", "")
    box.host.fork = lambda: 1  # the child would be the runner
    assert report_of(box, capsys, "install")[0] == 0
    assert box.path("/etc/initialrunner/bundle").read_bytes() == box.payload.bundle
    assert box.payload.digest in box.path("/etc/cron.d/initialrunner").read_text()
    assert not box.path("/etc/initialrunner/stub").exists()


def test_install_after_success_does_nothing(machine: MakeMachine, capsys: Capture) -> None:
    box = ended(machine, stage("one", "true"), code=0)
    assert report_of(box, capsys, "install")[0] == 0
    assert not box.path("/etc/cron.d/initialrunner").exists()


@pytest.mark.parametrize("clone", [True, False])
def test_a_finished_bundle_takes_away_a_trigger_that_came_back_but_not_on_a_clone(
    machine: MakeMachine, capsys: Capture, clone: bool
) -> None:
    box = ended(machine, stage("one", "true"), code=0)
    box.plan["finished"] = {"files": [], "sha256": box.payload.digest}
    box.put("/etc/cron.d/initialrunner", f"* * * * * root of {box.payload.digest}\n")
    if clone:
        box.host.identity = "another", "machine"
    assert report_of(box, capsys, "tick")[0] == (75 if clone else 0)
    assert box.path("/etc/cron.d/initialrunner").exists() is clone


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
