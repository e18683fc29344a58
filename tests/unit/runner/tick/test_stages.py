"""One stage over a machine in a folder: attempts, their ends, and what a cut attempt leaves."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from checkout import Machine, MakeMachine
from handmade import payload, stage

from bootstrap.runner.tick import stages
from bootstrap.runner.tick.signals import Failed


def begun(machine: MakeMachine, *planned: Any, **plan: Any) -> tuple[Machine, Any]:
    """A machine whose run has begun, and that run."""
    box = machine(payload(planned, **plan))
    return box, box.run()


def work(box: Machine, run: Any) -> None:
    """Bring the first stage to its end."""
    with suppress(Failed):
        run.stages.work(box.plan["stages"][0])


@pytest.mark.parametrize(
    ("text", "more", "end"),
    [
        ("true", {}, {"result": "done", "exit_code": 0}),
        ("exit 3", {}, {"result": "failed", "exit_code": 3, "cause": "exit", "final": True}),
        ("kill -9 $$", {}, {"result": "failed", "signal": 9, "cause": "signal", "final": True}),
        ("sleep 60", {"timeout_s": 0.5}, {"result": "failed", "cause": "timeout", "final": True}),
        ("true", {"verify": "true"}, {"result": "done"}),
        ("true", {"verify": "echo no; exit 2"}, {"cause": "verify", "tail": "verify exit 2\nno\n", "final": True}),
        ("false", {"skip_if": "true"}, {"result": "skipped"}),
        ("true", {"skip_if": "false"}, {"result": "done"}),
        ("true", {"user": "nobody-knows"}, {"cause": "needs", "final": True}),
        ("true", {"needs": [{"file": "/proc/none"}]}, {"cause": "needs", "final": True}),
        ("true", {"needs": [{"file": "/proc/self"}]}, {"result": "done"}),
    ],
)
def test_an_end_is_recorded(machine: MakeMachine, text: str, more: dict[str, Any], end: dict[str, Any]) -> None:
    box, run = begun(machine, stage("one", text, **more), deadline_s=30)
    work(box, run)
    last = box.find("stage.ended")[-1]
    assert {key: last.get(key) for key in end} == end


def test_a_failure_is_tried_again_after_pauses_that_double(machine: MakeMachine) -> None:
    box, run = begun(machine, stage("one", "false", attempts=4, delay_s=10, max_delay_s=15))
    work(box, run)
    began = [event["uptime_s"] for event in box.find("stage.started")]
    ended = [event["uptime_s"] for event in box.find("stage.ended")]
    assert [round(start - end) // 5 * 5 for start, end in zip(began[1:], ended, strict=False)] == [10, 15, 15]
    assert [event.get("final", False) for event in box.find("stage.ended")] == [False, False, False, True]


def test_secrets_and_control_characters_are_in_no_record(machine: MakeMachine) -> None:
    text = "printf 'a\\033b pass-1234\\n'; echo key=pass-1234 >>$INITIALRUNNER_OUTPUT"
    box, run = begun(machine, stage("one", text), secrets=["pass-1234"])
    work(box, run)
    end = box.find("stage.ended")[0]
    assert (end["tail"], end["outputs"]) == ("a\\x1bb *********\n", {"key": "*********"})
    assert "pass-1234" not in box.path("/var/lib/initialrunner/logs/one.log").read_text()


@pytest.mark.parametrize(
    ("policy", "verify", "ends"),
    [("retry", None, ["done"]), ("fail", None, ["failed"]), ("fail", "true", ["done"]), ("retry", "false", ["failed"])],
)
def test_an_attempt_without_an_end_is_settled(
    machine: MakeMachine, policy: str, verify: str | None, ends: list[str]
) -> None:
    more = {"verify": verify} if verify else {}
    box, run = begun(machine, stage("one", "true", on_interrupt=policy, **more))
    cut(run)
    work(box, run)
    assert box.find("interrupted")[0]["policy"] == policy
    assert box.ended("one") == ends


def cut(run: Any, number: int = 1) -> None:
    run.journal.add("stage.started", stage="one", attempt=number, pid=0, start="0", boot_id=run.host.boot_id)


def test_cuts_without_end_are_a_failure(machine: MakeMachine) -> None:
    box, run = begun(machine, stage("one", "true"))
    for number in range(1, 22):
        cut(run, number)
        run.journal.add("interrupted", stage="one", attempt=number)
    work(box, run)
    assert (box.ended("one"), box.find("stage.ended")[0]["cause"]) == (["failed"], "interrupted")


def test_a_cut_attempt_s_processes_are_ended(machine: MakeMachine, tmp_path: Path) -> None:
    box, run = begun(machine, stage("one", f"test -e {tmp_path}/pid && exit 0; echo $$ >{tmp_path}/pid; exec sleep 99"))
    planned = box.plan["stages"][0]
    pid, go = run.shell.start(planned, "one/1", planned["text"], 1, "")
    cut_event = {"pid": pid, "start": run.shell.started_at(pid), "boot_id": run.host.boot_id}
    run.journal.add("stage.started", stage="one", attempt=1, **cut_event)
    go()
    while not (tmp_path / "pid").exists():
        time.sleep(0.01)
    work(box, run)
    assert box.find("interrupted")[0]["killed"] == [pid]
    assert box.ended("one") == ["done"]


def test_memory_and_disk_that_ran_out_are_named_as_the_cause(machine: MakeMachine, mocker: Any) -> None:
    box, run = begun(machine, stage("one", "false", attempts=2, delay_s=1))
    kills = iter(["1", "2", "2", "2"])
    mocker.patch.object(stages, "killed_for_memory", side_effect=lambda host: next(kills))
    mocker.patch.object(stages, "no_room", return_value=True)
    work(box, run)
    assert [event["cause"] for event in box.find("stage.ended")] == ["oom", "disk"]


def test_a_dpkg_that_was_cut_is_finished_first(machine: MakeMachine, tmp_path: Path) -> None:
    box, run = begun(machine, stage("one", "true"))
    box.put("/var/lib/dpkg/updates/0001", "")
    run.shell.run = lambda stage, label, text, timeout_s=60: (0, "")
    work(box, run)
    assert box.find("fixed", path="/var/lib/dpkg")


def test_a_reboot_is_recorded_before_it_and_asked_for_once(machine: MakeMachine) -> None:
    box = machine(payload([stage("one", "true", reboot="after"), stage("two", "true")]))
    box.host.exits["systemctl reboot"] = 0
    assert box.tick() == 75
    assert (box.host.started[-1], len(box.find("rebooting"))) == ("systemctl reboot", 1)
    box.host.boot_id = "boot-2"
    assert box.tick() == 0
    assert (box.ended("two"), len(box.find("rebooting"))) == (["done"], 1)


def test_a_reboot_that_would_hide_the_journal_is_refused(machine: MakeMachine) -> None:
    box = machine(payload([stage("one", "true", reboot="if-required"), stage("two", "true")]))
    box.host.exits["needs-restarting -r"] = 1
    box.put("/etc/fstab", f"# /var\n/dev/x {box.host.at('/var/lib/')} ext4 defaults 0 0\n")
    assert box.tick() == 5
    assert [event.get("cause") for event in box.find("stage.ended", stage="one")] == [None, "reboot"]


def test_a_log_keeps_its_two_ends(machine: MakeMachine) -> None:
    box, run = begun(machine, stage("one", "echo begin; head -c 3000000 /dev/zero | tr '\\0' x; echo; echo end"))
    work(box, run)
    log = box.path("/var/lib/initialrunner/logs/one.log").read_bytes()
    assert log.startswith(b"begin\n") and log.endswith(b"\nend\n") and len(log) < 1 << 21


def test_a_stage_s_environment_has_proxies_and_identity(machine: MakeMachine) -> None:
    text = "env | grep -v MARK | sort >>$INITIALRUNNER_OUTPUT"
    proxy = {"http": "http://proxy:3128", "no_proxy": "example.org"}
    box, run = begun(machine, stage("one", text, environment={"OWN": "1"}), proxy=proxy)
    work(box, run)
    outputs = box.find("stage.ended")[0]["outputs"]
    assert outputs["http_proxy"] == outputs["HTTP_PROXY"] == "http://proxy:3128"
    assert outputs["no_proxy"] == "example.org,localhost,127.0.0.1,169.254.169.254"
    assert (outputs["INITIALRUNNER_STAGE"], outputs["OWN"], outputs["TERM"]) == ("one", "1", "dumb")


def test_the_pause_doubles_and_is_bounded() -> None:
    assert [stages.backoff(10, 60, n) for n in (1, 2, 3, 4, 5, 1000)] == [10, 20, 40, 60, 60, 60]
