"""The table of what a payload takes of each limit, and the notes on what was decided to make it fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bootstrap.targets.limits import Measure
    from bootstrap.targets.model import Packed

COLUMNS = ("target", "what", "as", "used", "limit", "left", "")
LEFT_ALIGNED = (0, 1, 2, 6)


def table(packed: Sequence[Packed], used: str = "used") -> str:
    """Return used, limit and left, a line for each thing that a provider measures. used: the head of that column."""
    rows = [tuple(used if column == "used" else column for column in COLUMNS)]
    rows += [_row(payload, measure) for payload in packed for measure in payload.measures]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = []
    # Numbers are aligned to the right, so that their digits stand below each other.
    for row in rows:
        cells = [
            cell.ljust(width) if column in LEFT_ALIGNED else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _row(payload: Packed, measure: Measure) -> tuple[str, ...]:
    """The cells of one measure. A limit that a provider does not publish is `unknown`; no limit at all is empty."""
    provider = payload.provider
    if measure.limit is not None:
        limit = f"{measure.limit:,}"
    else:
        # A part that is measured apart, such as a stub's bundle, is not sent to the provider: it has no limit.
        limit = "unknown" if provider and not measure.is_apart else ""
    target = f"{payload.target} ({provider.name})" if provider else payload.target
    free = "" if measure.left is None else f"{measure.left:,}"
    return target, measure.what, measure.form, f"{measure.used:,}", limit, free, measure.unit


def notes(packed: Sequence[Packed]) -> Iterator[str]:
    """Yield a sentence for each decision that the spec did not ask for, and for each limit that nobody publishes."""
    from bootstrap.payload.bundle import unpack
    from bootstrap.targets import iso, runner_sources
    from bootstrap.targets.table import BY_NAME, STUB

    for payload in packed:
        taker = payload.provider.name if payload.provider else payload.target
        for path in payload.moved:
            yield f"{path} rides in the bundle, since {taker} takes too few files"
        if payload.chosen:
            places = " or ".join(dict.fromkeys(runner_sources.place(url) for url in payload.sources or ()))
            yield (
                f"{taker} has no room for a whole bundle, so hosts fetch the runner from {places}, "
                "and need the network before the first stage unless their image has the runner"
            )
        for url in payload.sources or ():
            if not runner_sources.is_exact(url):
                yield (
                    f"hosts take the runner from the very URL {url.split('?')[0]}; for a folder that holds it under "
                    "its SHA-256, end the URL with a slash"
                )
        # They are what a tick does not need.
        if payload.lean:
            verbs = "`doctor`, " * (payload.lean > 1) + "`timeline`, `history`, `verify` and `run --dry-run`"
            yield f"{verbs} of the host's command are left out, since {taker} has no room for them"
            if "report" in unpack(payload.payload.bundle).plan:
                yield f"a host without Python will not report that, since {taker} has no room for it"
        label = BY_NAME[payload.target].label
        if label and not iso.is_available():
            yield (
                f"{label}.iso is left out, since pycdlib is not installed ({iso.INSTALL}): the folder {label}/ holds "
                f"its files, for a volume with the label {label}"
            )
        if payload.target == STUB.name and payload.provider is None:
            yield from _unmeasured_stub(payload.measures[0])
        unknown = sorted({m.what for m in payload.measures if payload.provider and m.limit is None and not m.is_apart})
        if unknown:
            yield f"{taker} publishes no limit for {' and '.join(unknown)}: it may refuse what is taken here"


def _unmeasured_stub(measure: Measure) -> Iterator[str]:
    """Yield a note on a stub that some providers would refuse, when no provider was named to measure it against."""
    from bootstrap.targets.stub import MOST_BYTES

    if measure.used > MOST_BYTES:
        yield (
            f"the stub has {measure.used:,} {measure.unit} and was measured against no limit: "
            "give --provider NAME to check that it fits"
        )
