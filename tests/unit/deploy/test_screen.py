"""The block at the bottom of a terminal, on a real pseudo-terminal, as an emulator of one shows it."""

from __future__ import annotations

import io
import os

import pytest
from terminal import Terminal, terminal

from bootstrap.deploy.screen import Screen, is_live, wants_colours
from bootstrap.deploy.view import Line


def block(*texts: str) -> list[Line]:
    return [Line(text) for text in texts]


def test_a_block_is_drawn_again_in_place() -> None:
    with terminal() as window:
        screen = Screen(window.file)
        screen.draw(block("one", "two two", "three"))
        screen.draw(block("ONE", "t", "three", "four"))
        assert window.lines() == ["ONE", "t", "three", "four"]
        screen.draw(block("last"))
        assert window.lines() == ["last"]


def test_what_is_printed_above_stays_and_the_block_goes() -> None:
    with terminal() as window:
        print("$ bootstrap deploy shop.yaml", file=window.file, flush=True)
        screen = Screen(window.file)
        screen.draw(block("a", "b"))
        screen.draw(block("c"), ["a server failed"])
        assert window.lines() == ["$ bootstrap deploy shop.yaml", "a server failed", "c"]
        screen.clear()
        screen.clear()
        assert window.lines() == ["$ bootstrap deploy shop.yaml", "a server failed"]


def test_a_block_at_the_bottom_of_the_window_scrolls_what_is_above() -> None:
    with terminal(rows=6) as window:
        screen = Screen(window.file)
        for number in range(10):
            _, rows = screen.room
            screen.draw(block(*"abcde"[:rows]), [f"event {number}"])
        # The cursor stands on the line below the block.
        assert window.lines() == ["a", "b", "c", "d", "e"]
        assert window.scrolled() == [f"event {number}" for number in range(10)]


@pytest.mark.parametrize(("columns", "rows"), [(80, 24), (40, 10), (200, 50)])
def test_the_room_is_that_of_the_window(columns: int, rows: int) -> None:
    with terminal(columns, rows) as window:
        screen = Screen(window.file)
        assert screen.room == (columns - 1, rows - 1)
        window.resize(100, 30)
        assert screen.room == (99, 29)


def test_a_terminal_that_says_no_size_has_that_of_the_first_ones() -> None:
    with terminal() as window:
        window.resize(80, 24)
        assert Screen(io.StringIO()).room == (79, 23)


def drawn(window: Terminal, *, colours: bool) -> bytes:
    Screen(window.file, colours=colours).draw([Line("up", "good"), Line("ERROR", "bad"), Line("x")])
    assert window.lines() == ["up", "ERROR", "x"]
    return window.sent


def test_colours_are_for_those_who_want_them() -> None:
    with terminal() as window:
        assert b"\x1b[32mup\x1b[0m" in drawn(window, colours=True)
    with terminal() as window:
        assert b"\x1b" not in drawn(window, colours=False)


def test_after_the_window_became_narrower_no_line_is_left_behind() -> None:
    with terminal(columns=60) as window:
        screen = Screen(window.file, size=lambda: (30, 24))
        # A terminal that is made narrower folds these 50 cells into two rows; so did this one from the start.
        window.resize(30, 24)
        screen.draw(block("x" * 50))
        assert window.lines() == ["x" * 30, "x" * 20]
        screen.draw(block("y"))
        assert window.lines() == ["y"]


def test_a_terminal_that_was_closed_ends_nothing() -> None:
    window = Terminal()
    screen = Screen(window.file)
    screen.draw(block("a"))
    os.close(window.master)
    screen.draw(block("b"))
    screen.clear()
    window.file.close()


@pytest.mark.parametrize(
    ("environment", "live"),
    [({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({}, False), ({"TERM": "xterm", "CI": "true"}, False)],
)
def test_a_terminal_is_live_unless_it_is_a_log(environment: dict[str, str], live: bool) -> None:
    with terminal() as window:
        assert is_live(window.file, environment) is live
    assert is_live(io.StringIO(), {"TERM": "xterm"}) is False


@pytest.mark.parametrize(("environment", "wanted"), [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True)])
def test_no_color(environment: dict[str, str], wanted: bool) -> None:
    assert wants_colours(environment) is wanted
