"""The timeline's lines, compared whole."""

from __future__ import annotations

from typing import Any

import pytest

from bootstrap.client.timeline import Timeline, final_state, verdict

BEGIN = 1_000.0


def lines(**event: Any) -> list[str]:
    return Timeline(BEGIN).lines({"at": BEGIN + 3.25, **event})


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            {"type": "started", "stages": ["a", "b"], "revision": "0123456789ab", "python": "3.11"},
            "started         2 stages, revision 0123456789ab, Python 3.11",
        ),
        (
            {
                "type": "waiting",
                "missing": [{"path": "/a", "why": "short", "have": 8, "want": 20}, {"path": "/b", "why": "absent"}],
            },
            "waiting         for /a (short, 8 of 20 bytes); /b (absent)",
        ),
        (
            {"type": "waiting", "missing": [{"path": "join", "why": "needs"}], "for": "no answer from tcp db:5432"},
            "waiting         for stage join: no answer from tcp db:5432",
        ),
        ({"type": "waiting", "missing": [], "for": "no user svc on this host"},
         "waiting         no user svc on this host"),
        (
            {"type": "waiting", "missing": [{"path": "server", "why": "cannot go on"}],
             "for": "cannot go on yet: [Errno 28] No space left on device"},
            "waiting         cannot go on yet: [Errno 28] No space left on device",
        ),
        (
            {
                "type": "waiting",
                "missing": [{"path": "/a", "why": "a link", "saw": "is a link to /b, which is not followed"}],
            },
            "waiting         for /a (is a link to /b, which is not followed)",
        ),
        ({"type": "waiting"}, "waiting         for something"),
        ({"type": "every_boot", "name": "worker", "exit_code": 0}, "worker          every boot: exit 0"),
        (
            {
                "type": "fixed", "path": "/etc/rc.local", "was": {"mode": "0400", "owner": "root:root"},
                "now": {"mode": "0755", "owner": "root:root"},
            },
            "fixed           /etc/rc.local: mode 0400 -> 0755",
        ),
        (
            {"type": "fixed", "path": "/x", "was": {"mode": "0666"}, "now": {"mode": "0644"}, "quarantined": "/q/x"},
            "fixed           /x: mode 0666 -> 0644, the old one is in /q/x",
        ),
        ({"type": "stage.started", "stage": "packages", "attempt": 1}, "packages        running"),
        ({"type": "stage.started", "stage": "packages", "attempt": 2}, "packages        running, attempt 2"),
        (
            {"type": "stage.ended", "stage": "packages", "result": "done", "attempt": 2, "took_s": 41.26, "tail": "x"},
            "packages        done in 41.3 s, attempt 2",
        ),
        ({"type": "stage.ended", "stage": "a", "result": "skipped", "took_s": 0.1}, "a               skipped"),
        (
            {"type": "stage.ended", "stage": "a", "result": "again", "took_s": 0.1, "exit_code": 75},
            "a               not yet (exit 75) after 0.1 s",
        ),
        (
            {"type": "interrupted", "stage": "a", "attempt": 1, "killed": [7, 8], "policy": "retry"},
            "a               interrupted, ended the 2 processes left of it",
        ),
        ({"type": "health", "ok": True, "passed": 3}, "health          passed 3"),
        (
            {"type": "health", "ok": False, "check": "tcp 127.0.0.1:80", "saw": "refused\nagain"},
            "health          not yet: tcp 127.0.0.1:80 (saw refused again)",
        ),
        ({"type": "rebooting", "stage": "kernel", "count": 1}, "rebooting       after kernel (reboot 1 of this run)"),
        ({"type": "state", "state": "failed", "reason": "missing /a"}, "server          failed: missing /a"),
        ({"type": "state", "state": "healthy", "final": True}, "server          healthy"),
    ],
)
def test_an_event_is_one_line(event: dict[str, Any], expected: str) -> None:
    assert lines(**event) == [f"    3.2 s  {expected}"]


def test_a_failed_stage_shows_why_and_the_end_of_its_log() -> None:
    tail = "".join(f"line {number}\n" for number in range(1, 21))
    found = lines(
        type="stage.ended", stage="web", result="failed", attempt=2, took_s=1.0, exit_code=100, cause="exit", tail=tail,
        final=True,
    )  # fmt: skip
    assert found[0] == "    3.2 s  web             failed after 1.0 s, exit 100, attempt 2, for good"
    assert found[1:] == [f"            | line {number}" for number in range(9, 21)]


@pytest.mark.fault(140)
@pytest.mark.parametrize("end", ["\\x0d", "\r", "\\x0d\\x0d"])
def test_a_carriage_return_at_the_end_of_a_line_is_not_shown(end: str) -> None:
    """As dpkg ends its lines; the runner's tail shows it in four characters."""
    tail = f"Unpacking git ...{end}\nSetting up git ...{end}\n"
    found = lines(type="every_boot", name="git", exit_code=1, tail=tail)
    assert found[1:] == ["            | Unpacking git ...", "            | Setting up git ..."]


def test_the_end_of_a_log_stands_below_a_line_of_its_own() -> None:
    timeline = Timeline(BEGIN)
    assert timeline.log(BEGIN + 1, "worker", "a\n\nb\n") == [
        "    1.0 s  worker          its log ends with", "            | a", "            |", "            | b"
    ]  # fmt: skip
    assert timeline.log(BEGIN, "worker", " \n") == []


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"exit_code": 1, "cause": "exit"}, "exit 1"),
        ({"exit_code": 1, "cause": "disk"}, "exit 1 (disk)"),
        ({"signal": 9, "cause": "signal"}, "signal 9"),
        ({"signal": 9, "cause": "oom"}, "signal 9 (oom)"),
        ({"signal": 15, "cause": "timeout"}, "signal 15 (timeout)"),
        ({"cause": "missing"}, "missing"),
    ],
)
def test_how_a_stage_failed(how: dict[str, Any], said: str) -> None:
    (line,) = lines(type="stage.ended", stage="a", result="failed", attempt=1, took_s=0.04, **how)
    assert line == f"    3.2 s  a               failed after 0.0 s, {said}, will be tried again"


def test_what_is_not_known_says_nothing() -> None:
    assert lines(type="lost") == []
    assert lines(type="said") == []
    assert lines(type="begin") == []


def test_nothing_happens_before_the_beginning() -> None:
    assert Timeline(BEGIN).line(BEGIN - 0.5, "boot", "now") == "    0.0 s  boot            now"


@pytest.mark.parametrize(
    ("state", "line"),
    [
        ("healthy", "hello-1: healthy in 3.2 s"),
        ("failed", "hello-1: failed after 3.2 s"),
        ("off", "hello-1: off after 3.2 s"),
        ("running", "hello-1: running still, after 3.2 s"),
    ],
)
def test_the_verdict(state: str, line: str) -> None:
    assert verdict("hello-1", state, 3.2) == line


def test_the_last_state_counts_and_says_whether_it_is_the_end() -> None:
    assert final_state([]) == ("waiting", False)
    events = [{"type": "state", "state": "running", "final": False}, {"type": "health", "ok": True}]
    assert final_state(events) == ("running", False)
    assert final_state([*events, {"type": "state", "state": "failed", "final": True}]) == ("failed", True)
