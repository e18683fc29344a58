"""The page of all servers: what it shows, and that no word of a host becomes markup."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
import reports

from bootstrap.collector.body import read_report
from bootstrap.collector.dashboard import MAX_ROWS, _ago, _span, _width, overview, render
from bootstrap.collector.ingest import take
from bootstrap.collector.model import Run

NOW = 5000.0


def run(events: list[dict[str, Any]], server: str = "web-1", **more: Any) -> Run:
    raw = json.dumps(reports.body(events, server=server, **more)).encode()
    report = read_report(raw, server, reports.DEPLOY, reports.JOURNAL, events[0]["seq"])
    return take(Run(server, reports.DEPLOY), report, NOW).run


def page(*runs: Run, state: str | None = None) -> str:
    return overview(list(runs), NOW, None, state)


class Tags(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


EVIL = "\"><script src=//x></script><img onerror=alert(1) src=x>'{{7*7}}</pre></template>&lt;"


@pytest.mark.fault(147)
def test_the_page_says_what_a_host_waits_for() -> None:
    started = [reports.event(1, "started", stages=["join"]), reports.event(2, "state", state="running")]
    missing = [{"path": "/etc/a.pem", "why": "a link", "saw": "is a link to b.pem, which is not followed"}]
    files = page(
        run([*started, reports.event(3, "waiting", missing=missing), reports.event(4, "state", state="waiting")])
    )
    assert "Waiting for <code>/etc/a.pem</code> (is a link to b.pem, which is not followed)" in files
    need: dict[str, Any] = {"missing": [{"path": "join", "why": "needs"}], "for": "no answer from tcp db:5432"}
    needs = [*started, reports.event(3, "waiting", **need)]
    assert "Waiting: <code>no answer from tcp db:5432</code>" in page(run(needs))
    # It goes away when the stage begins.
    assert "no answer" not in page(run([*needs, reports.event(4, "stage.started", stage="join", attempt=1)]))


def test_texts_of_a_waiting_host_never_become_markup() -> None:
    need: dict[str, Any] = {"missing": [{"path": EVIL, "why": EVIL, "saw": EVIL}]}
    for more in ({}, {"for": EVIL}):
        evil = page(run([reports.event(1, "waiting", **need, **more)]))
        assert "<script src=//x>" not in evil and "&lt;script src=//x&gt;" in evil


def test_texts_of_a_host_never_become_markup() -> None:
    story = [
        reports.event(1, "started", stages=[EVIL], addresses=[EVIL]),
        reports.event(2, "waiting", missing=[{"path": EVIL, "why": EVIL, "saw": EVIL}], **{"for": EVIL}),
        reports.event(3, "stage.ended", stage=EVIL, result="failed", final=True, cause=EVIL, tail=EVIL),
        reports.event(4, "health", ok=False, check=EVIL, saw=EVIL),
        reports.event(5, "state", state="failed", reason=EVIL, cause=EVIL, final=True),
    ]
    plain = page(run(reports.failed_story()))
    evil = page(run(story, revision=EVIL, instance_id=EVIL))
    kinds = {tag for tag, _ in Tags(plain).found}
    assert {tag for tag, _ in Tags(evil).found} <= kinds
    assert not [attrs for _, attrs in Tags(evil).found if any(name.startswith("on") for name in attrs)]
    assert "49" not in evil
    assert evil.count("&lt;script src=//x&gt;") >= 5
    waiting = page(run(story[:2]))
    assert "<img" not in waiting and "&lt;img" in waiting


def test_nothing_is_loaded_from_other_sites() -> None:
    for text in (page(run(reports.failed_story())), render("login.html", wrong=True)):
        for tag, attrs in Tags(text).found:
            for name in ("src", "href", "action"):
                value = attrs.get(name) or ""
                assert value.startswith(("/", "data:image/svg+xml,")) or value == "", (tag, value)
                assert not value.startswith("//")
            # The page's policy allows no inline style or script.
            assert "style" not in attrs and (tag != "script" or "src" in attrs) and tag != "style"


def test_servers_that_need_a_look_come_first() -> None:
    text = page(
        run(reports.healthy_story("a"), "a-healthy"),
        run(reports.healthy_story("a")[:2], "b-running"),
        run(reports.failed_story(), "z-failed"),
        run(reports.healthy_story("a")[:2], "y-overdue", deadline_s=-0.0),
        Run("c-waiting", "d"),
    )
    assert re.findall(r'data-server="([^"]+)"', text) == [
        "z-failed",
        "b-running",
        "y-overdue",
        "c-waiting",
        "a-healthy",
    ]


def test_the_counts_are_of_all_and_the_rows_of_one_state() -> None:
    text = page(run(reports.healthy_story("a"), "good"), run(reports.failed_story(), "bad"), state="failed")
    assert re.findall(r'data-server="([^"]+)"', text) == ["bad"]
    assert "<title>1 failed · 1/2 healthy</title>" in text
    assert re.search(r'href="/\?state=failed" aria-current="page"', text)


def test_a_row_shows_stages_and_the_first_failing_line() -> None:
    text = page(run(reports.failed_story()))
    assert re.findall(r'<li class="stage (\w+) w\d"', text) == ["failed", "pending"]
    assert "<code>E: Unable to locate package nope</code>" in text
    assert 'title="packages: failed, attempt 2, 2.5 s, exit 100"' in text


def test_a_big_fleet_is_cut_and_the_page_says_so() -> None:
    text = page(*(Run(f"web-{i:04d}", "d") for i in range(MAX_ROWS + 7)))
    assert text.count("data-server=") == MAX_ROWS
    assert "7 more servers are not shown" in text and f"<b>{MAX_ROWS + 7}</b> all" in text


def test_an_empty_page_says_what_to_do() -> None:
    assert "No server has reported yet." in page()
    assert "No server is failed." in page(run(reports.healthy_story("a")), state="failed")


def test_the_page_refreshes_itself_without_scripts() -> None:
    assert '<noscript><meta http-equiv="refresh" content="10"></noscript>' in page()


@pytest.mark.parametrize(
    ("took_s", "width"), [(None, 1), (0, 1), (0.2, 1), (1, 2), (10, 4), (60, 7), (600, 8), (1e9, 8)]
)
def test_a_stage_is_drawn_by_the_logarithm_of_its_time(took_s: float | None, width: int) -> None:
    assert _width(took_s) == width


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.25, "0.2 s"), (41.2, "41 s"), (212, "3 min 32 s"), (7260, "2 h 01 min"), (None, "")]
)
def test_spans_on_the_page(seconds: float | None, text: str) -> None:
    assert _span(seconds) == text


@pytest.mark.parametrize(
    ("since", "text"),
    [
        (-5, "just now"),
        (3, "just now"),
        (42, "42 s ago"),
        (600, "10 min ago"),
        (7200, "2 h ago"),
        (864000, "10 days ago"),
    ],
)
def test_the_age_of_a_report(since: float, text: str) -> None:
    assert _ago(NOW - since, NOW) == text
    assert _ago(None, NOW) == "never reported"
