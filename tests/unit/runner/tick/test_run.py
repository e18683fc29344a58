"""A run from the first tick to its end: `go` and what it calls, over a machine in a folder."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from checkout import MACHINE_ID, UUID, Machine, MakeMachine
from handmade import payload, stage

from bootstrap.render.model import RenderedFile
from bootstrap.runner.defaults import STAGE

FAILS = stage("one", "echo last words; exit 3")


def states(box: Machine) -> list[str]:
    return [event["state"] for event in box.find("state")]


def test_a_tick_runs_all_stages_once_and_leaves(machine: MakeMachine) -> None:
    box = machine(payload([stage("one", "echo one"), stage("two", "echo x=1 >>$INITIALRUNNER_OUTPUT")]))
    assert box.tick() == 0
    assert (box.ended("one"), box.ended("two")) == (["done"], ["done"])
    assert box.find("stage.ended", stage="two")[0]["outputs"] == {"x": "1"}
    assert states(box) == ["running", "healthy"]
    assert not box.path("/etc/initialrunner/bundle").exists() and not box.path("/etc/cron.d/initialrunner").exists()
    assert box.mode("/usr/local/sbin/initialrunner") == 0o700


def test_a_failure_is_final_said_once_and_costs_a_mark(machine: MakeMachine) -> None:
    box = machine(payload([FAILS, stage("two", "true")]))
    assert box.tick() == 5
    assert box.find("stage.ended")[0]["tail"] == "last words\n"
    assert (states(box)[-1], box.ended("two")) == ("failed", [])
    assert len(box.host.said) == 1 and "stage one failed (exit 3)" in box.host.said[0]
    number = len(box.events)
    assert box.tick() == 5
    assert len(box.events) == number
    assert any(path.name.startswith("ended.") for path in box.path("/var/lib/initialrunner").iterdir())


def test_a_stage_that_says_not_yet_goes_on_in_the_next_tick(machine: MakeMachine, tmp_path: Any) -> None:
    box = machine(payload([stage("one", f"test -e {tmp_path}/go || exit 75")]))
    assert box.tick() == 75
    (tmp_path / "go").touch()
    assert box.tick() == 0
    assert box.ended("one") == ["again", "done"]


def test_a_run_waits_for_late_files_and_heals_when_they_come_after_its_deadline(machine: MakeMachine) -> None:
    files = [RenderedFile("/srv/late", b"late", deliver="inject")]
    box = machine(payload([stage("one", "true")], files=files, deadline_s=30))
    box.path("/srv/late").unlink()
    pass_time(box)
    assert box.tick() == 5
    assert [event["missing"][0]["why"] for event in box.find("waiting")] == ["absent"]
    assert states(box) == ["waiting", "failed"] and not box.find("state")[-1]["final"]
    box.put("/srv/late", b"late")
    assert box.tick() == 0
    assert states(box)[-1] == "healthy" and box.find("state", reason="placed")[0]["healed_s"] >= 30


def pass_time(box: Machine) -> None:
    """Let time pass at once where the runner waits by inotify."""
    from bootstrap.runner.tick.files import Waiting

    box.monkeypatch.setattr(Waiting, "watch", lambda self, missing, seconds: box.host.pause(seconds))


def test_a_newer_trigger_ends_the_run(machine: MakeMachine) -> None:
    box = machine(payload([stage("one", "true")]))
    box.put("/etc/cron.d/initialrunner", "* * * * * root echo of another bundle | sha256sum\n")
    assert box.tick() == 0
    assert (box.ended("one"), states(box)) == ([], ["running"])
    assert box.find("state")[0]["reason"] == "superseded"


def test_what_others_could_have_written_is_put_aside(machine: MakeMachine) -> None:
    box = machine(payload([stage("one", "exit 75")]))
    box.path("/etc/cron.d/initialrunner").chmod(0o666)
    box.put("/etc/cron.d/initialrunner.bak.1", "old")
    assert box.tick() == 75
    assert box.mode("/etc/cron.d/initialrunner") == 0o644
    fixed = box.find("fixed")[0]
    assert fixed["was"]["mode"] == "0666" and os.path.exists(fixed["quarantined"])
    assert not box.path("/etc/cron.d/initialrunner.bak.1").exists()


@pytest.mark.parametrize("healthy", [True, False])
def test_health_decides_about_the_end(machine: MakeMachine, healthy: bool) -> None:
    plan = payload([stage("one", "true")], checks=[{"kind": "file", "path": "/proc/self" if healthy else "/proc/none"}])
    box = machine(plan)
    box.plan["health"].update(stable=3, deadline_s=20, interval_s=2)
    assert box.tick() == (0 if healthy else 5)
    assert states(box) == ["running", "checking", "healthy" if healthy else "failed"]
    health = box.find("health")[0]
    assert (health["ok"], health["passed"]) == (healthy, 3 if healthy else 0)


def test_health_that_comes_and_goes_is_not_stable(machine: MakeMachine) -> None:
    flips = "test -e $HOME/../x || exit 1"
    box = machine(payload([stage("one", "true")], checks=[{"kind": "command", "text": flips}]))
    results = iter([(0, ""), (1, "no")] * 50)
    box.plan["health"].update(stable=2, deadline_s=10)
    run = box.run()
    run.run_check = lambda text: next(results)
    assert run.health() is False
    assert states(box)[-1] == "failed"


def test_a_failure_rolls_back_what_is_done_last_one_first(machine: MakeMachine, tmp_path: Any) -> None:
    done = [stage(name, "true", undo=f"echo {name} >>{tmp_path}/undone") for name in ("one", "two")]
    box = machine(payload([*done, stage("three", "false")], rollback=True))
    assert box.tick() == 5
    assert (tmp_path / "undone").read_text().split() == ["two", "one"]
    assert box.ended("one.undo") == ["done"]


def test_what_runs_at_every_boot_runs_once_in_each(machine: MakeMachine, tmp_path: Any) -> None:
    daily = [stage("mark", f"echo x >>{tmp_path}/boots"), stage("fails", "echo words; exit 4")]
    box = machine(payload([stage("one", "true")], every_boot=daily))
    assert box.tick() == 0
    assert (tmp_path / "boots").read_text() == "x\n"
    events = box.find("every_boot")
    assert [(event["name"], event["exit_code"]) for event in events] == [("mark", 0), ("fails", 4)]
    assert events[1]["tail"] == "words\n" and "tail" not in events[0]


def test_a_clone_begins_anew_and_skips_nothing(machine: MakeMachine) -> None:
    box = machine(payload([stage("one", "exit 75")]))
    box.tick()
    box.host.identity, box.host.boot_id = ("5" + UUID[1:], "1" + MACHINE_ID[1:]), "boot-2"
    box.tick()
    assert box.find("started")[0]["instance_id"] == "5" + UUID[1:]
    assert list(box.path("/var/lib/initialrunner").glob("journal.old.*"))
    assert box.ended("one") == ["again"]


def test_a_reboot_goes_on_and_is_recorded(machine: MakeMachine) -> None:
    box = machine(payload([stage("one", "exit 75")]))
    box.tick()
    box.host.boot_id = "boot-2"
    box.host.identity = UUID, "f" * 32
    box.tick()
    reasons = [event.get("reason") for event in box.find("state", boot_id="boot-2")]
    assert reasons == ["boot, with another machine-id"]
    assert box.ended("one") == ["again", "again"]


def test_another_deploy_skips_stages_that_ran_with_the_same_digest(machine: MakeMachine) -> None:
    stages = [stage("same", "true"), stage("other", "true"), stage("late", "exit 75")]
    box = machine(payload(stages))
    box.tick()
    box.plan["deploy_id"], box.plan["stages"][1]["digest"] = "20261121T120000-ffffff", "another"
    box.tick()
    assert (box.ended("same"), box.ended("other")) == (["skipped"], ["done"])
    assert box.find("stage.ended", stage="same")[0]["inherited"] == "20261120T120000-ab12cd"


def test_a_file_for_a_user_who_never_comes_fails_the_run(machine: MakeMachine) -> None:
    files = [RenderedFile("/srv/for", b"x", owner=("nobody-knows", "root"))]
    box = machine(payload([stage("one", "true")], files=files))
    assert box.tick() == 5
    assert "nobody-knows" in box.find("state")[-1]["reason"]


def test_a_file_after_a_stage_is_placed_after_it(machine: MakeMachine) -> None:
    files = [RenderedFile("/srv/home/after", b"x", after="one")]
    box = machine(payload([], files=files))
    home = box.path("/srv/home")
    texts = {"one": f"test ! -e {home}/after; mkdir {home}", "two": f"test -e {home}/after"}
    box.plan["stages"] = [{**STAGE, **stage(name, text)} for name, text in texts.items()]
    assert box.tick() == 0
    assert box.find("state", reason="placed after one")


def test_a_runner_that_cannot_record_says_why_and_runs_nothing(machine: MakeMachine, monkeypatch: Any) -> None:
    box = machine(payload([stage("one", "true")]))
    monkeypatch.setattr(box.host, "save", refuse)
    assert box.tick() == 75
    assert "Disk quota" in box.host.said[-1] and box.ended("one") == []


def refuse(path: str, *rest: Any) -> None:
    raise OSError(122, "Disk quota exceeded", path)


def test_reports_that_nobody_takes_are_given_up_after_a_week_of_ticks(machine: MakeMachine, mocker: Any) -> None:
    box = machine(payload([stage("one", "true")], report=("http://127.0.0.1:1", b"s" * 32)))
    mocker.patch("bootstrap.runner.tick.report.signed", side_effect=OSError("no route"))
    assert box.tick() == 75
    assert "no route" in box.path("/var/lib/initialrunner/unsent").read_text()
    box.put("/var/lib/initialrunner/undelivered", "10079")
    assert box.tick() == 0
    assert "7 days" in box.host.said[-1]


def test_a_run_ends_when_the_collector_has_all(machine: MakeMachine, mocker: Any) -> None:
    box = machine(payload([stage("one", "true")], report=("http://127.0.0.1:1", b"s" * 32)))
    bodies = []

    def take(plan: Any, path: str, body: bytes, journal: str, first: int) -> tuple[int, bytes, Any]:
        bodies.append(json.loads(body))
        return 200, b'{"acked": %d}' % (first + len(bodies[-1]["events"]) - 1), {}

    mocker.patch("bootstrap.runner.tick.report.signed", side_effect=take)
    assert box.tick() == 0
    assert bodies[-1]["state"] == "healthy"
    assert [e["seq"] for body in bodies for e in body["events"]] == [e["seq"] for e in box.events]


@pytest.mark.parametrize(("argv", "code"), [(["tick"], 0), (["help"], 0), (["nonsense"], 2)])
def test_main_runs_the_verb_that_is_named(
    machine: MakeMachine, mocker: Any, capsys: pytest.CaptureFixture[str], argv: list[str], code: int
) -> None:
    from bootstrap.runner.tick import run

    box = machine(payload([stage("one", "true")], server="web-*"))
    box.everywhere("guard", lambda: None)
    mocker.patch.object(run, "Host", return_value=box.host)
    with pytest.raises(SystemExit) as end:
        run.main(argv)
    box.unlock()
    assert end.value.code == code
    assert code or argv != ["tick"] or box.find("started")[0]["server"] == "web-4c4c45440042"


def test_a_journal_that_is_gone_begins_nothing(machine: MakeMachine) -> None:
    box = machine(payload([stage("one", "exit 75")]))
    box.tick()
    box.path("/var/lib/initialrunner/journal").unlink()
    assert box.tick() == 75
    assert "journal" in box.host.said[-1]
