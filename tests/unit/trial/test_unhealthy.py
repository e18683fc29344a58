"""What is said of a clone that was not healthy in time."""

from __future__ import annotations

from typing import Any

import pytest

from bootstrap.trial.remains import Remains
from bootstrap.trial.unhealthy import CONSOLE_LINES, failure, late, never_heard, off, symptoms, tail


def test_the_last_lines_of_a_console_are_without_colours_and_blanks() -> None:
    console = "\x1b[0;32m  OK  \x1b[0m] one\n\n\x1bM[ *** ] two\x1b[\u2026 three\nfour\n"
    assert tail(console) == ("  OK  ] one", "[ *** ] two\u2026 three", "four")
    assert len(tail("x\n" * 100)) == CONSOLE_LINES


@pytest.mark.parametrize(
    ("console", "expected"),
    [
        ("Kernel panic - not syncing: no init", ["the kernel has panicked"]),
        ("initialrunner: no python3 here: apt-get install python3\n",
         ["the runner says on the console: initialrunner: no python3 here: apt-get install python3"]),
        ("[***] A start job is running for Wait for Network (1s / 2min)\n",
         ["the boot still waits: A start job is running for Wait for Network"]),
        ("guest login: ", []),
    ],
)  # fmt: skip
def test_a_console_says_what_is_the_matter(console: str, expected: list[str]) -> None:
    assert symptoms(console) == expected


LOGIN = "guest login: "


@pytest.mark.parametrize(
    ("remains", "reason", "fix"),
    [
        pytest.param(
            None, "", "look at what starts the runner (seal: need.trigger), Python (seal: need.python), the network "
            "(seal: need.network): bootstrap seal ROOT judges each", id="a disk that cannot be read",
        ),
        pytest.param(
            Remains(), "its disk says that no runner has run; ",
            "look at what starts the runner (seal: need.trigger), Python (seal: need.python): bootstrap seal ROOT "
            "judges each", id="nothing started it",
        ),
        pytest.param(
            Remains(has_python=False), "its disk says that no runner has run, and it has no Python; ",
            "look at Python (seal: need.python): bootstrap seal ROOT judges it", id="no Python",
        ),
        pytest.param(
            Remains(is_taken=True, state="healthy"),
            "its own journal says healthy, so only its reports did not come through; ",
            "look at the network (seal: need.network): bootstrap seal ROOT judges it", id="no network",
        ),
    ],
)  # fmt: skip
def test_the_disk_of_a_runner_that_was_never_heard_of_says_where_to_look(
    remains: Remains | None, reason: str, fix: str
) -> None:
    finding = never_heard("try-1", "nocloud", LOGIN, "10m00s", remains, is_baked=True)
    assert finding.subject == "try-1 was never heard of in 10m00s"
    assert finding.reason == f"its payload came by nocloud; {reason}it has booted up to its login prompt"
    assert finding.fix == fix


def test_a_runner_that_waits_for_a_payload_has_run_though_its_disk_says_nothing() -> None:
    console = "initialrunner: waits for a bundle; try: initialrunner why\n"
    finding = never_heard("try-1", "ec2", console, "10m00s", Remains(), is_baked=True)
    assert finding.reason == (
        "its payload came by ec2; the runner says on the console: initialrunner: waits for a bundle; try: "
        "initialrunner why"
    )
    assert finding.fix == "look at the network (seal: need.network): bootstrap seal ROOT judges it"


def test_an_empty_console_is_told() -> None:
    finding = never_heard("try-1", "files", "\n", "10m00s", None, is_baked=False)
    assert finding.reason == (
        "its payload came by files; its console is empty: the kernel has no console=ttyS0, or did not start"
    )


def test_a_late_clone_is_told_with_what_was_heard_last() -> None:
    events = [
        {"type": "started", "at": 1.0, "stages": ["a"], "revision": "0", "python": "3.11"},
        {"type": "waiting", "at": 2.0, "missing": [{"path": "/etc/key", "why": "absent"}]},
    ]
    finding = late("try-1", {"state": "waiting"}, events, "", "10m00s")
    assert finding.subject == "try-1 was waiting, not healthy, after 10m00s"
    assert finding.reason == "last heard: waiting for /etc/key (absent)"


def test_a_machine_that_switched_itself_off_is_told() -> None:
    finding = off("try-1", {}, "reboot: Power down")
    assert (finding.code, finding.reason) == ("try.off", "it was never heard of then; its console does not say why")


@pytest.mark.parametrize(
    ("events", "subject", "log"),
    [
        pytest.param(
            [
                {"type": "stage.ended", "stage": "packages", "result": "failed", "exit_code": 100,
                 "tail": "E: no package nope\n"},
                {"type": "state", "state": "failed", "final": True, "reason": "packages: exit 100"},
            ],
            "try-1: stage packages has failed (exit 100)", "E: no package nope\n", id="a stage",
        ),
        pytest.param(
            [
                {"type": "health", "ok": False, "check": "http http://127.0.0.1/", "saw": "refused"},
                {"type": "state", "state": "failed", "final": True, "cause": "deadline"},
            ],
            "try-1: the check http http://127.0.0.1/ has not passed", "refused", id="a check",
        ),
    ],
)  # fmt: skip
def test_a_failure_names_what_failed_and_its_log(events: list[dict[str, Any]], subject: str, log: str) -> None:
    finding, shown = failure({"server": "try-1"}, events)
    assert (finding.subject, shown) == (subject, log)
