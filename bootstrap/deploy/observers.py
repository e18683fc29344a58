"""Those who watch a roll-out: a live view on a terminal, plain lines in a log, JSON lines for programs.

Each takes the journal's records as they are written. A thread of its own redraws the view, or writes a sign of life:
the core may wait for minutes without a record, and CI systems end jobs that are silent.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol, TextIO

from bootstrap.deploy.model import DeployPlan
from bootstrap.deploy.narration import Narration
from bootstrap.deploy.progress import Progress, Record
from bootstrap.deploy.screen import Screen, is_live, silence, wants_colours
from bootstrap.deploy.view import view

# GitLab and Travis end a job after minutes of silence; this is short enough for each.
HEARTBEAT_S = 20.0
REDRAW_S = 0.5
# Two hundred servers give thousands of records; more pictures a second than this nobody sees.
LEAST_PAUSE_S = 0.1
# Records whose lines stay above the live view: what somebody will want to read later.
LASTING = {"begun", "resumed", "reason", "replaced", "turned", "cut", "owed", "paid", "left"}


class Observer(Protocol):
    """A watcher. It never raises: what is shown must not end what is done."""

    progress: Progress

    def take(self, record: Record) -> None:
        """Take one new record."""

    def start(self) -> None:
        """Begin to show. Records of an earlier deployer have been taken by `progress` before."""

    def stop(self) -> None:
        """Stop showing. It is safe to call twice, and without a start."""


class _Ticking:
    """A thread that calls `tick` from time to time, never at the same time as `take`."""

    interval_s = REDRAW_S

    def __init__(self) -> None:
        # The signal handlers of Python run in the main thread, which may hold the lock just then.
        self._lock = threading.RLock()
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        # A daemon: a killed or crashed deployer must not hang on it.
        self._thread = threading.Thread(target=self._run, name="observer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._end.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while not self._end.wait(self.interval_s):
            with self._lock:
                self.tick()

    def tick(self) -> None:
        """Show that time has passed."""


class LiveView(_Ticking):
    """Draws the view at the bottom of a terminal."""

    def __init__(self, plan: DeployPlan, screen: Screen, now: Callable[[], float] = time.time) -> None:
        super().__init__()
        self.progress = Progress(plan)
        self._screen, self._now, self._narration = screen, now, Narration(self.progress)
        self._drawn = 0.0

    def take(self, record: Record) -> None:
        with self._lock:
            self.progress.take(record)
            lines = self._narration.lines(record) if record.get("type") in LASTING else []
            if lines or time.monotonic() - self._drawn >= LEAST_PAUSE_S:
                self._draw(lines)

    def tick(self) -> None:
        self._draw([])

    def stop(self) -> None:
        super().stop()
        with self._lock:
            self._screen.clear()

    def _draw(self, above: list[str]) -> None:
        self._drawn = time.monotonic()
        columns, rows = self._screen.room
        self._screen.draw(view(self.progress, columns, rows, self._now()), above)


class PlainLines(_Ticking):
    """Writes a line for each thing that happens, and one at least every HEARTBEAT_S."""

    def __init__(
        self,
        plan: DeployPlan,
        write: Callable[[str], None],
        now: Callable[[], float] = time.time,
        heartbeat_s: float = HEARTBEAT_S,
    ) -> None:
        super().__init__()
        self.progress = Progress(plan)
        self._write, self._now, self._narration = write, now, Narration(self.progress)
        self._heartbeat_s, self._last = heartbeat_s, time.monotonic()
        self.interval_s = min(1.0, heartbeat_s / 4)

    def take(self, record: Record) -> None:
        with self._lock:
            self.progress.take(record)
            for line in self._narration.lines(record):
                self._say(line)

    def tick(self) -> None:
        if time.monotonic() - self._last >= self._heartbeat_s:
            self._say(self._narration.heartbeat(self._now()))

    def _say(self, line: str) -> None:
        self._last = time.monotonic()
        self._write(line)


class JsonLines:
    """Writes each record as one line of JSON."""

    def __init__(self, plan: DeployPlan, write: Callable[[str], None]) -> None:
        self.progress, self._write = Progress(plan), write

    def take(self, record: Record) -> None:
        self.progress.take(record)
        self._write(json_line(record))

    def start(self) -> None:
        """Nothing: a record is written when it comes."""

    def stop(self) -> None:
        """Nothing: each line was flushed."""


def json_line(value: Mapping[str, object]) -> str:
    """Return JSON on one line, without control characters."""
    # json escapes all others already; DEL is printable ASCII for JSON, and a control character for a terminal.
    return json.dumps(value, sort_keys=True).replace("\x7f", "\\u007f")


def choose(
    plan: DeployPlan,
    *,
    as_json: bool,
    out: TextIO,
    err: TextIO,
    now: Callable[[], float] = time.time,
    environment: Mapping[str, str] = os.environ,
) -> Observer:
    """Choose the watcher for these streams: JSON goes to `out`, all that is for people to `err`.

    now: the clock of the records, which is not that of the wall in a simulated cloud.
    """
    if as_json:
        return JsonLines(plan, writer(out))
    if is_live(err, environment):
        return LiveView(plan, Screen(err, colours=wants_colours(environment)), now)
    return PlainLines(plan, writer(err), now)


def writer(stream: TextIO) -> Callable[[str], None]:
    """Return what writes a line at once. A reader that has closed its end is no reason to stop a roll-out."""

    def write(line: str) -> None:
        try:
            stream.write(line + "\n")
            stream.flush()
        except OSError:
            silence(stream)

    return write
