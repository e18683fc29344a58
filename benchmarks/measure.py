"""Shared by the benchmarks: the cost of a program, and a table of ratios beside budgets."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def cpu_ms(command: Sequence[str]) -> float:
    """CPU milliseconds of one run. Raises CalledProcessError when it fails: a fast failure is no result."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    assert child.stderr is not None
    errors = child.stderr.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    child.stderr.close()
    if child.returncode:
        raise subprocess.CalledProcessError(child.returncode, command, stderr=errors)
    return 1000 * (usage.ru_utime + usage.ru_stime)


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
        figures = [asdict(row) | {"ours": row.ours, "ratio": row.ratio, "holds": row.holds} for row in rows]
        print(json.dumps({"heading": dict(heading), "rows": figures}, indent=2))
        return
    for name, text in heading.items():
        print(f"{name}: {text}")
    lines = [("what", "ours", "beside", "", "ratio", "budget", "holds?")]
    for row in rows:
        spread = f" ({min(row.values):,.1f}-{max(row.values):,.1f})" if len(row.values) > 1 else ""
        theirs = row.note or (f"{row.theirs:,.1f}" if row.theirs is not None else "")
        ratio = "" if row.ratio is None else f"{row.ratio:.2g}x" if row.ratio < 10 else f"{row.ratio:.0f}x"
        budget = "" if row.budget is None else f"{row.budget:g}"
        holds = "" if row.budget is None else "yes" if row.holds else f"no, {row.ours / row.budget:.2f}x"
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
