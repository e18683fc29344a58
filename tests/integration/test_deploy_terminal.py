"""A roll-out as somebody sees it who sits at a terminal: the real process on a pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from shop import Shop, heed_interrupts
from terminal import Terminal, terminal

pytestmark = pytest.mark.integration
PATIENCE_S = 120.0


def own_terminal() -> None:
    """In the child: make stdin the terminal that sends Ctrl-C, as a shell does."""
    heed_interrupts()
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


@contextmanager
def at_terminal(shop: Shop, *words: str, columns: int = 80, **variables: str) -> Iterator[Terminal]:
    """A verb with a terminal as stdin, stdout and stderr. It does not outlive the block."""
    with terminal(columns, 24) as window:
        process = subprocess.Popen(
            shop.argv(*words), cwd=shop.folder, env=shop.environment | variables, stdin=window.slave,
            stdout=window.slave, stderr=window.slave, preexec_fn=own_terminal,
        )  # fmt: skip
        try:
            yield window
            assert process.wait(PATIENCE_S) in (0, 130)
        finally:
            process.kill()
            process.wait()


def see(window: Terminal, *patterns: str) -> list[str]:
    """Wait until each pattern is in some line of the window. Its lines."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        shown = window.lines()
        if all(any(re.search(pattern, line) for line in shown) for pattern in patterns):
            return shown
        window.read(1.0)
    raise AssertionError("\n".join(["never seen:", *patterns, "in:", *window.lines()]))


@pytest.fixture
def serving(tmp_path: Path) -> Shop:
    """A shop whose first release is in service, and whose time passes slowly enough to be watched."""
    shop = Shop(tmp_path)
    assert shop.deploy().returncode == 0
    shop.write(sim=", pace: 8")
    return shop


def test_the_plan_the_question_the_view_and_the_summary(serving: Shop) -> None:
    with at_terminal(serving, "deploy", "shop.yaml", "--set", "release=2") as window:
        plan = see(window, r"^Deploy shop\? \[y/N\]:")
        assert max(map(len, plan)) <= 80
        os.write(window.master, b"y\n")
        shown = see(window, r"^web: waiting until", r"^  pool web: 0 new and 2 old up; floor 2$")
        assert any(re.match(r" +1  shop-web-1-\w{6} +[\dms.]+  ", line) for line in shown)
        assert any(re.match(r" +old  shop-web-1-\w{6} +[\dms.]+  [\d.]+ +serving$", line) for line in shown)
        see(window, r"^web: keeping the old servers, at most \d+s more$", r"^  pool web: 2 new and 0 old up")
        end = see(window, r"^shop: done after ")
        # The view has gone, and what it was drawn over is as it was.
        assert not any(line.startswith("  pool web:") for line in end)
        assert sum(line.startswith("shop  deploy") for line in end) == 0
        assert [line for line in end if "replace shop-web-1-" in line]
    assert b"\x1b[32m" in window.sent


def test_no_color_leaves_the_view_and_takes_the_colours(serving: Shop) -> None:
    words = ("deploy", "shop.yaml", "--yes", "--set", "release=2")
    with at_terminal(serving, *words, NO_COLOR="1") as window:
        see(window, r"^  pool web: 2 new and 0 old up")
        see(window, r"^shop: done after ")
    assert re.findall(rb"\x1b\[[\d;]*m", window.sent) == []


def test_a_terminal_in_ci_gets_plain_lines(serving: Shop) -> None:
    serving.write()
    with at_terminal(serving, "deploy", "shop.yaml", "--yes", "--set", "release=2", columns=200, CI="true") as window:
        see(window, r"shop-web-1-\w{6} is added to web$", r"^shop: done after ")
    assert b"\x1b" not in window.sent


def test_no_is_an_answer(serving: Shop) -> None:
    before = serving.machines()
    with at_terminal(serving, "deploy", "shop.yaml", "--set", "release=2") as window:
        see(window, r"^Deploy shop\?")
        os.write(window.master, b"n\n")
    assert serving.machines() == before


def test_ctrl_c_at_the_terminal_takes_it_back(serving: Shop) -> None:
    before = serving.machines()
    with at_terminal(serving, "deploy", "shop.yaml", "--yes", "--set", "release=2") as window:
        see(window, r"^web: waiting until")
        assert b"\x1b[?25l" not in window.sent, "a hidden cursor would stay hidden after a kill"
        # The terminal turns it into a signal for the processes that have it.
        os.write(window.master, b"\x03")
        see(window, r"rolling back: the user asked for the end$")
        see(window, r"^shop: rolled back after .*, since you asked for the end")
    assert serving.machines() == before

