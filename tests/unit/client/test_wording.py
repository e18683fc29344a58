"""Servers as text for a terminal."""

from __future__ import annotations

from typing import Any

import pytest
import reports

from bootstrap.client.wording import ago, details, failure, overview, plain, progress, span
from bootstrap.collector.body import read_report
from bootstrap.collector.ingest import take
from bootstrap.collector.model import Run
from bootstrap.collector.state import server_json

NOW = 5000.0


def server(events: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """The server as the collector's own code shows it."""
    import json

    report = read_report(
        json.dumps(reports.body(events, **more)).encode(), "web-1", reports.DEPLOY, reports.JOURNAL, events[0]["seq"]
    )
    return server_json(take(Run("web-1", reports.DEPLOY), report, NOW).run, NOW)


NEED: dict[str, Any] = {"type": "waiting", "missing": [{"path": "join", "why": "needs"}]}
BEGUN: list[dict[str, Any]] = [{"type": "started", "stages": ["join"]}, {"type": "state", "state": "running"}]
WAITING = {"type": "state", "state": "waiting"}
LINK = {"path": "/etc/a.pem", "why": "a link", "saw": "is a link to b.pem, which is not followed"}


@pytest.mark.fault(147)
@pytest.mark.parametrize(
    ("story", "line", "rows"),
    [
        (
            [*BEGUN, NEED | {"for": "no answer from tcp db:5432"}],
            "web-1: running, waiting: stage join: no answer from tcp db:5432",
            ["  waits for  no answer from tcp db:5432"],
        ),
        (
            [*BEGUN, NEED | {"for": "no user svc on this host"}, WAITING],
            "web-1: waiting: stage join: no user svc on this host",
            ["  waits for  no user svc on this host"],
        ),
        (
            [{"type": "waiting", "missing": [], "for": "cannot go on yet: [Errno 28] No space left"}, WAITING],
            "web-1: waiting: cannot go on yet: [Errno 28] No space left",
            ["  waits for  cannot go on yet: [Errno 28] No space left"],
        ),
        (
            [{"type": "waiting", "missing": [LINK, {"path": "/etc/b", "why": "absent"}]}, WAITING],
            "web-1: waiting for /etc/a.pem (is a link to b.pem, which is not followed), /etc/b",
            ["  missing    /etc/a.pem: is a link to b.pem, which is not followed", "  missing    /etc/b: absent"],
        ),
        ([*BEGUN, NEED | {"for": "x"}, {"type": "stage.started", "stage": "join"}], "web-1: running join", []),
        ([*BEGUN, NEED | {"for": "x"}, {"type": "state", "state": "running"}], "web-1: running", []),
    ],
    ids=["a-need", "a-user", "cannot-go-on", "a-link", "has-begun", "goes-on"],
)
def test_a_host_that_waits_says_for_what(story: list[dict[str, Any]], line: str, rows: list[str]) -> None:
    entry = server(reports.numbered(*story))
    assert progress(entry) == line
    assert [row for row in details(entry) if row.startswith(("  waits", "  missing"))] == rows
    assert line.partition(" ")[2].removeprefix(entry["state"]).strip(" :,") in overview([entry])[1]


def test_what_a_host_waits_for_is_bounded() -> None:
    many = [{"path": "/x" * 3000, "why": "absent", "saw": "y" * 5000}] * 500
    entry = server(reports.numbered({"type": "waiting", "missing": many, "for": "z" * 60_000}))
    assert len(entry["waits_for"]) == 1000
    assert [len(entry["missing"]), *map(len, entry["missing"][0].values())] == [100, 1000, 6, 1000]


def test_a_failure_shows_stage_exit_code_attempts_log_and_the_next_step() -> None:
    assert failure(server(reports.failed_story())) == [
        "web-1 failed in stage packages: exit 100, after 2 attempts",
        "  first failing line: E: Unable to locate package nope",
        "  last lines of packages.log:",
        "    | Reading...",
        "    | E: Unable to locate package nope",
        "  next: on web-1, `initialrunner why` and `initialrunner logs packages`",
    ]


def test_a_failure_without_a_stage_says_its_reason() -> None:
    story = reports.numbered(
        {"type": "health", "ok": False, "passed": 0, "check": "tcp :80", "saw": "refused"},
        {"type": "state", "state": "failed", "final": True, "reason": "not healthy in time", "cause": "deadline"},
    )
    assert failure(server(story)) == [
        "web-1 failed: not healthy in time",
        "  first failing line: tcp :80: refused",
        "  next: on web-1, `initialrunner why`",
    ]


def test_a_signal_and_its_cause_are_named() -> None:
    story = reports.numbered(
        {"type": "stage.started", "stage": "a", "attempt": 1},
        {"type": "stage.ended", "stage": "a", "result": "failed", "signal": 9, "cause": "oom", "final": True},
    )
    assert failure(server(story))[0] == "web-1 failed in stage a: signal 9, cause oom, after 1 attempt"


def test_a_hosts_words_cannot_reach_the_terminal() -> None:
    tail = "fine\n\x1b[2J\x1b]0;owned\x07error: \x9b31m\n\ttab\u202e"
    lines = failure(server(reports.failed_story(tail=tail)))
    assert all(line.isprintable() for line in lines)
    assert plain("\x1b[31m\ta\n") == "\ufffd[31m    a\ufffd"


@pytest.mark.parametrize(
    ("story", "line"),
    [
        ([{"type": "started", "stages": ["a"]}], "web-1: running"),
        ([{"type": "stage.started", "stage": "a", "attempt": 1}], "web-1: running a"),
        ([{"type": "stage.started", "stage": "a", "attempt": 3}], "web-1: running a (attempt 3)"),
        (
            [
                {"type": "waiting", "missing": [{"path": "/etc/x"}, {"path": "/y"}]},
                {"type": "state", "state": "waiting"},
            ],
            "web-1: waiting for /etc/x, /y",
        ),
        ([{"type": "state", "state": "healthy", "final": True}], "web-1: healthy"),
    ],
)
def test_a_line_of_progress(story: list[dict[str, Any]], line: str) -> None:
    assert progress(server(reports.numbered(*story))) == line


def test_a_conflict_is_shown() -> None:
    clone = {**server(reports.healthy_story("a")[:2]), "conflict": ["a", "b"]}
    assert progress(clone) == "web-1: running [conflict: two hosts report as this server]"


def test_the_overview_is_a_table() -> None:
    lines = overview([server(reports.healthy_story("a", "b")), server(reports.failed_story())], NOW + 90)
    assert lines == [
        "SERVER  STATE    STAGES  DEPLOY                  LAST SEEN  WHY",
        "web-1   healthy  2/2     20261120T120000-ab12cd  1m30s ago",
        "web-1   failed   0/2     20261120T120000-ab12cd  1m30s ago  packages exit 100, after 2 attempts: "
        "E: Unable to locate package nope",
    ]


def test_the_details_name_every_stage() -> None:
    text = "\n".join(details(server(reports.failed_story()), NOW))
    assert "  STAGE     STATE    ATTEMPTS  TOOK  END\n" in text
    assert "  packages  failed   2         2.5s  exit 100\n" in text
    assert "  site      pending  -         -\n" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0s"), (9.94, "9.9s"), (59.4, "59s"), (61, "1m01s"), (3599, "59m59s"), (3600, "1h"), (172800, "2d")],
)
def test_spans(seconds: float, text: str) -> None:
    assert span(seconds) == text
    assert ago(100.0, 100.0 + seconds) == f"{text} ago"


def test_a_server_that_was_never_heard_of_was_seen_never() -> None:
    assert ago(None, NOW) == "never"
    # A collector whose clock is ahead of ours.
    assert ago(NOW + 60, NOW) == "0.0s ago"
