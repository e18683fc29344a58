"""Those who watch a roll-out: what goes to which stream, the sign of life, and streams that are closed."""

from __future__ import annotations

import io
import json
import os
import threading
import time

import pytest
from rollouts import BEGAN, Story, done, gated, new_name, plan, rolled_back
from terminal import terminal

from bootstrap.deploy.observers import JsonLines, LiveView, PlainLines, choose, writer
from bootstrap.deploy.screen import Screen

XTERM = {"TERM": "xterm"}


def test_json_is_one_line_for_each_record() -> None:
    out, err = io.StringIO(), io.StringIO()
    watcher = choose(plan(), as_json=True, out=out, err=err, environment=XTERM)
    watcher.start()
    story = done().add("reason", server="x", lines=["DEL \x7f, a line\nof two"])
    for record in story.records:
        watcher.take(record)
    watcher.stop()
    lines = out.getvalue().splitlines()
    assert [json.loads(line) for line in lines] == story.records
    assert all(line.isprintable() for line in lines)
    assert err.getvalue() == ""


def test_a_log_gets_plain_lines_and_no_escapes() -> None:
    out, err = io.StringIO(), io.StringIO()
    watcher = choose(plan(), as_json=False, out=out, err=err, environment=XTERM)
    watcher.start()
    for record in rolled_back().records:
        watcher.take(record)
    watcher.stop()
    assert out.getvalue() == ""
    assert "shop-web-1-ab12cd is deleted\n" in err.getvalue()
    assert "\x1b" not in err.getvalue()


@pytest.mark.parametrize(
    ("environment", "kind"), [(XTERM, LiveView), ({"TERM": "dumb"}, PlainLines), ({**XTERM, "CI": "1"}, PlainLines)]
)
def test_a_terminal_gets_a_view_unless_it_is_a_log(environment: dict[str, str], kind: type) -> None:
    with terminal() as window:
        out = io.StringIO()
        watcher = choose(plan(), as_json=False, out=out, err=window.file, environment=environment)
        assert isinstance(watcher, kind)


def test_the_view_is_drawn_and_goes_again_and_what_lasts_stays() -> None:
    with terminal() as window:
        watcher = LiveView(plan(), Screen(window.file), now=lambda: BEGAN + 20)
        watcher.start()
        for record in gated().records:
            watcher.take(record)
        watcher.tick()
        shown = window.lines()
        assert shown[0] == "   0.0s  deploy 20261201T120000-ab12cd of shop begins"
        assert shown[1] == "shop  deploy 20261201T120000-ab12cd  20s"
        assert shown[-1] == "  pool web: 0 new and 2 old up; floor 2"
        for record in rolled_back().records[len(gated().records) :]:
            watcher.take(record)
        watcher.stop()
        assert window.lines() == [
            "   0.0s  deploy 20261201T120000-ab12cd of shop begins",
            "   9.5s  shop-web-2-ab12cd: shop-web-2-ab12cd failed in stage packages: exit 100",
            ", after 1 attempt",
            "   9.5s  rolling back: shop-web-2-ab12cd failed: exit 100, after 1 attempt",
        ]


def test_the_times_in_the_view_go_on_while_nothing_happens() -> None:
    moments = iter(range(10_000))
    with terminal() as window:
        watcher = LiveView(plan(), Screen(window.file), now=lambda: BEGAN + next(moments))
        watcher.interval_s = 0.01
        watcher.take(Story().add("begun").records[0])
        watcher.start()
        # The first line is that which stays; the next one has the time.
        seen: set[str] = set()
        while len(seen) < 4:
            assert window.read(30.0), "the view stands still"
            seen |= {line for line in window.lines() if line.startswith("shop  deploy")}
        watcher.stop()


def test_a_silent_roll_out_gives_signs_of_life() -> None:
    lines: list[str] = []
    three = threading.Event()

    def write(line: str) -> None:
        lines.append(line)
        if len([line for line in lines if "new servers have proven" in line]) >= 3:
            three.set()

    watcher = PlainLines(plan(), write, now=lambda: BEGAN + 60, heartbeat_s=0.02)
    for record in Story().add("begun").add("phase", tier="web", phase="gating").records:
        watcher.take(record)
    watcher.start()
    assert three.wait(30)
    watcher.stop()
    assert lines[-1] == "  1m00s  web: waiting until the new servers have proven themselves, at most 14m00s more"
    count = len(lines)
    time.sleep(0.1)
    assert len(lines) == count


def test_there_is_no_sign_of_life_while_lines_come() -> None:
    lines: list[str] = []
    watcher = PlainLines(plan(), lines.append, now=lambda: BEGAN, heartbeat_s=3600)
    watcher.take(Story().add("begun").records[0])
    watcher.tick()
    assert len(lines) == 1


def test_a_reader_that_is_gone_does_not_end_the_roll_out() -> None:
    """Nor does what is left in the buffer make the exit code that of a broken pipe."""
    read, write = os.pipe()
    stream = os.fdopen(write, "w")
    os.close(read)
    watcher = JsonLines(plan(), writer(stream))
    for record in gated().records:
        watcher.take(record)
    assert watcher.progress.servers[new_name(1)].state == "passed its probe"
    stream.close()


def test_200_servers_are_watched_without_holding_up_the_work() -> None:
    """Two thousand records may not be two thousand pictures."""
    story = Story().add("begun")
    for slot in range(1, 201):
        story.created(slot)
    with terminal() as window:
        pictures = []
        screen = Screen(window.file)
        draw = screen.draw
        screen.draw = lambda *a, **k: (pictures.append(1), draw(*a, **k))[1]  # type: ignore[method-assign,func-returns-value]
        watcher = LiveView(plan(), screen, now=lambda: BEGAN)
        begun = time.monotonic()
        for record in story.records:
            watcher.take(record)
            window.read()
        assert len(pictures) <= 2 + (time.monotonic() - begun) / 0.1
