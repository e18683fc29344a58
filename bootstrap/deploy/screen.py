"""A block of lines at the bottom of a terminal, drawn again in place; lines that are printed above it stay.

It uses three old escape sequences (up, erase below, colour) and leaves the cursor alone, so that a terminal is usable
whenever this process is killed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TextIO

from bootstrap.deploy.view import Line

UP, ERASE_BELOW, RESET = "\x1b[{}A", "\x1b[J", "\x1b[0m"
COLOURS = {"good": "\x1b[32m", "bad": "\x1b[31m"}
# Where nobody knows: the size of the first terminals.
SIZE = (80, 24)


def is_live(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether a stream is a terminal on which a block can be drawn: not in CI, whose terminals are logs."""
    return stream.isatty() and environment.get("TERM") not in (None, "", "dumb") and not environment.get("CI")


class Screen:
    """The block. size: asked for at each drawing, since a window may change its size at any time."""

    def __init__(
        self, stream: TextIO, *, colours: bool = True, size: Callable[[], tuple[int, int]] | None = None
    ) -> None:
        self._stream, self._colours = stream, colours
        self._size = size or self._terminal_size
        # The widths in cells of the lines that stand there now.
        self._drawn: list[int] = []

    @property
    def room(self) -> tuple[int, int]:
        """Columns and rows for the block. The last column stays free: some terminals wrap once it is written."""
        columns, rows = self._size()
        return columns - 1, rows - 1

    def draw(self, lines: Sequence[Line], above: Sequence[str] = ()) -> None:
        """Draw the block anew; `above` are lines that stay in sight, above it."""
        parts = [self._erased(), *(f"{text}\n" for text in above)]
        parts += [f"{self._painted(line)}\n" for line in lines]
        self._write("".join(parts))
        self._drawn = [len(line.text) for line in lines]

    def clear(self) -> None:
        """Take the block away. It is safe to call twice."""
        self._write(self._erased())
        self._drawn = []

    def _write(self, text: str) -> None:
        # One call, so that no half of a picture is ever seen.
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            silence(self._stream)

    def _erased(self) -> str:
        """Return what takes the block away. After the window became narrower, the terminal has folded its lines."""
        columns = max(1, self._size()[0])
        rows = sum(max(1, -(-width // columns)) for width in self._drawn)
        return f"\r{UP.format(rows)}{ERASE_BELOW}" if rows else ""

    def _painted(self, line: Line) -> str:
        colour = COLOURS.get(line.tone) if self._colours else None
        return f"{colour}{line.text}{RESET}" if colour else line.text

    def _terminal_size(self) -> tuple[int, int]:
        try:
            size = os.get_terminal_size(self._stream.fileno())
        except (OSError, ValueError):
            return SIZE
        # A terminal that was never told its size says 0.
        return size.columns or SIZE[0], size.lines or SIZE[1]


def wants_colours(environment: Mapping[str, str]) -> bool:
    """Whether NO_COLOR leaves colours on. Source: no-color.org, which counts a value that is not empty."""
    return not environment.get("NO_COLOR")


def silence(stream: TextIO) -> None:
    """Send what is still written to a stream nowhere: a reader or a terminal that is gone ends no roll-out.

    What its buffer holds would else fail again at the exit of the program.
    """
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
