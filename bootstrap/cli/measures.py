"""The table of what a payload takes of each limit, and what was decided to make it fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bootstrap.targets.limits import Measure
    from bootstrap.targets.model import Packed

COLUMNS = ("target", "what", "as", "used", "limit", "left", "")
LEFT_ALIGNED = (0, 1, 2, 6)


def table(packed: Sequence[Packed], used: str = "used") -> str:
    """Bytes used, limit and left, a line for each thing that a provider measures. used: the head of that column."""
    rows = [tuple(used if column == "used" else column for column in COLUMNS)]
    for one in packed:
        for measure in one.measures:
            limit = "" if measure.limit is None else f"{measure.limit:,}"
            if one.provider and measure.limit is None and not measure.is_apart:
                limit = "unknown"
            left = "" if measure.left is None else f"{measure.left:,}"
            target = f"{one.target} ({one.provider.name})" if one.provider else one.target
            rows.append((target, measure.what, measure.form, f"{measure.used:,}", limit, left, measure.unit))
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if column in LEFT_ALIGNED else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _unmeasured(measure: Measure) -> Iterator[str]:
    """A stub that not every provider takes, and nobody said which it is for."""
    from bootstrap.targets.stub import MOST_BYTES

    if measure.used > MOST_BYTES:
        yield (
            f"the stub has {measure.used:,} {measure.unit} and was measured against no limit: "
            "--provider NAME says whether it fits there"
        )


def notes(packed: Sequence[Packed]) -> Iterator[str]:
    """What was decided that the spec did not ask for, and what nobody has published."""
    from bootstrap.targets import table

    for one in packed:
        taker = one.provider.name if one.provider else one.target
        for path in one.moved:
            yield f"{path} rides in the bundle, since {taker} takes too few files"
        if one.lean:
            verbs = "`doctor`, `timeline`, `history`, `verify` and `run --dry-run`"
            yield f"{verbs} of the host's command are left out, since {taker} has no room for them"
        if one.target == table.STUB.name and one.provider is None:
            yield from _unmeasured(one.measures[0])
        unknown = sorted({m.what for m in one.measures if one.provider and m.limit is None and not m.is_apart})
        if unknown:
            yield f"{taker} publishes no limit for {' and '.join(unknown)}: it may refuse what is taken here"
