"""What the benchmarks share: programs run in turn, their CPU and wall time, and a table of ratios."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Figures:
    """What one program cost. Milliseconds; ratio: median CPU beside that of the first program."""

    name: str
    cpu_ms: float
    wall_ms: float
    lowest_ms: float
    highest_ms: float
    ratio: float


def cost(command: Sequence[str]) -> tuple[float, float]:
    """(CPU, wall) milliseconds of one run. Raises CalledProcessError when it fails: a fast failure is no result."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    begun = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    assert child.stderr is not None
    said = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - begun
    child.returncode = os.waitstatus_to_exitcode(status)
    child.stderr.close()
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command, stderr=said)
    return 1000 * (usage.ru_utime + usage.ru_stime), 1000 * wall


def in_turn(programs: Mapping[str, Sequence[str]], rounds: int = 11) -> list[Figures]:
    """Run every program once a round, so that a busy moment hits all alike. The first is the one beside which."""
    samples: dict[str, list[tuple[float, float]]] = {name: [] for name in programs}
    for command in programs.values():
        cost(command)  # the first run pays for byte code and cold caches
    for _ in range(rounds):
        for name, command in programs.items():
            samples[name].append(cost(command))
    floor = statistics.median(cpu for cpu, _ in next(iter(samples.values())))
    figures = []
    for name, taken in samples.items():
        cpu = [one for one, _ in taken]
        median = statistics.median(cpu)
        wall = statistics.median(one for _, one in taken)
        figures.append(Figures(name, median, wall, min(cpu), max(cpu), median / floor))
    return figures


def show(figures: Sequence[Figures]) -> None:
    """A table on stdout; with --json the numbers instead."""
    if "--json" in sys.argv:
        print(json.dumps([asdict(one) for one in figures], indent=2))
        return
    print(f"{'':34} {'CPU ms':>22} {'wall ms':>9} {'ratio':>7}")
    for one in figures:
        spread = f"{one.cpu_ms:.1f} ({one.lowest_ms:.1f}-{one.highest_ms:.1f})"
        print(f"{one.name:34} {spread:>22} {one.wall_ms:>9.1f} {one.ratio:>6.1f}x")


@dataclass(frozen=True)
class Row:
    """One line of a comparison. values: ours, sample by sample; theirs: None when it was not measured, note says why.

    The figure is the median, or `figure` where another is meant (a peak, a percentile).
    """

    what: str
    unit: str
    values: Sequence[float]
    beside: str
    theirs: float | None
    budget: float | None = None
    figure: float | None = None
    note: str = ""

    @property
    def ours(self) -> float:
        return statistics.median(self.values) if self.figure is None else self.figure

    @property
    def ratio(self) -> float | None:
        return None if not self.theirs else self.ours / self.theirs

    @property
    def holds(self) -> bool | None:
        """None: there is no budget."""
        return None if self.budget is None else self.ours <= self.budget


def compare(rows: Sequence[Row], heading: Mapping[str, str]) -> None:
    """A table of rows on stdout, what was measured and where above it; with --json the numbers instead."""
    if "--json" in sys.argv:
        found = [asdict(row) | {"ours": row.ours, "ratio": row.ratio, "holds": row.holds} for row in rows]
        print(json.dumps({"heading": dict(heading), "rows": found}, indent=2))
        return
    for name, text in heading.items():
        print(f"{name}: {text}")
    lines = [("what", "ours", "beside", "", "ratio", "budget", "holds?")]
    for row in rows:
        spread = f" ({min(row.values):,.1f}-{max(row.values):,.1f})" if len(row.values) > 1 else ""
        theirs = row.note or (f"{row.theirs:,.1f}" if row.theirs is not None else "")
        ratio = "" if row.ratio is None else f"{row.ratio:.2g}x" if row.ratio < 10 else f"{row.ratio:.0f}x"
        budget = "" if row.budget is None else f"{row.budget:g}"
        holds = {None: "", True: "yes", False: "no"}[row.holds]
        lines.append((f"{row.what}, {row.unit}", f"{row.ours:,.1f}{spread}", row.beside, theirs, ratio, budget, holds))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        # Numbers to the right, words to the left.
        cells = [
            cell.rjust(width) if at in (3, 4, 5) and cell[:1].isdigit() else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        print("  ".join(cells).rstrip())


def machine() -> str:
    """The machine that was measured on, in a line."""
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {os.uname().sysname} {os.uname().release}"


def progress(text: str) -> None:
    """A word on stderr to who waits."""
    print(text, file=sys.stderr, flush=True)
