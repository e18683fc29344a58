"""The command itself: help, refusals, `install`, and `tick` after success."""

from __future__ import annotations

import pytest
from checkout import MakeMachine
from handmade import payload, stage
from verbs import THREE, Capture, ended, report_of


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
    from bootstrap.runner.later.verbs import admin

    box = machine(payload(THREE))
    box.everywhere("guard", lambda: None)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert admin(box.host, box.plan, "status", []) == 2
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
