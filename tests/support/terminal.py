"""A terminal of any size: a real pseudo-terminal, and an emulator that shows what a person would see on it."""

from __future__ import annotations

import fcntl
import os
import select
import struct
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import pyte


class Terminal:
    """A window. file: what a program writes to; its bytes are kept in `sent`."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self.master, slave = os.openpty()
        os.set_blocking(self.master, False)
        self.slave = slave
        self.file: TextIO = os.fdopen(slave, "w", encoding="utf-8")
        self.sent = b""
        self._window = pyte.HistoryScreen(columns, rows, history=1000, ratio=0.5)
        self._stream = pyte.ByteStream(self._window)
        self.resize(columns, rows)

    def resize(self, columns: int, rows: int) -> None:
        """Change the size, as a window manager does."""
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._window.resize(rows, columns)

    def read(self, seconds: float = 0.0) -> bool:
        """Take in what was written, waiting for the first byte; False: nothing came, or the other end is closed."""
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        try:
            chunk = os.read(self.master, 65536)
        except OSError:
            return False
        self.sent += chunk
        self._stream.feed(chunk)
        return bool(chunk)

    def lines(self) -> list[str]:
        """The lines of the window from the top, without those below the last text."""
        while self.read():
            pass
        shown = [line.rstrip() for line in self._window.display]
        while shown and not shown[-1]:
            shown.pop()
        return shown

    def scrolled(self) -> list[str]:
        """The lines that have left the window at the top."""
        rows = self._window.history.top
        return ["".join(row[x].data for x in range(self._window.columns)).rstrip() for row in rows]

    def close(self) -> None:
        """Close both ends."""
        if not self.file.closed:
            self.file.close()
        os.close(self.master)


@contextmanager
def terminal(columns: int = 80, rows: int = 24) -> Iterator[Terminal]:
    """Open a terminal for a while."""
    window = Terminal(columns, rows)
    try:
        yield window
    finally:
        window.close()
