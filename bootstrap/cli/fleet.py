"""`bootstrap render --servers`: the fleet's half of the verb."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bootstrap.api import Fleet, Rendering
    from bootstrap.errors import Problem
    from bootstrap.payload.sign import Signer
    from bootstrap.targets.fleet import Index
    from bootstrap.targets.limits import Measure
    from bootstrap.targets.model import Packed


def render_fleet(
    fleet: Fleet, pack: Callable[[Rendering], list[Packed]], secret: bytes | None, output: Path, sign: Signer | None
) -> tuple[Index, list[Packed], list[Problem], list[str]]:
    """(the index, the largest of everything that was packed, the warnings and the notes of all servers, each once)."""
    from dataclasses import replace

    from bootstrap.cli.measures import notes
    from bootstrap.targets.fleet import largest

    shown: list[Packed] = []
    most: list[Sequence[Measure]] = []
    warnings: dict[Problem, None] = {}
    told: dict[str, None] = {}

    def noted(rendering: Rendering) -> list[Packed]:
        packed = pack(rendering)
        shown[:] = shown or [replace(one, payload=one.payload, blob=b"") for one in packed]
        most[:] = [largest(old, one.measures) for old, one in zip(most or [()] * len(packed), packed, strict=True)]
        warnings.update(dict.fromkeys(rendering.rendered.warnings))
        told.update(dict.fromkeys(notes(packed)))
        return packed

    with _bar(len(fleet)) as step, _terminated_as_interrupted():
        index = fleet.write_packed(output, noted, secret=secret, sign=sign, progress=step)
    largest_of = [replace(one, measures=tuple(m)) for one, m in zip(shown, most, strict=True)]
    return index, largest_of, list(warnings), list(told)


@contextmanager
def _bar(length: int) -> Iterator[Callable[[str], None]]:
    """A progress bar on stderr, if that is a terminal; nothing otherwise."""
    if not sys.stderr.isatty():
        yield lambda server: None
        return
    with click.progressbar(length=length, label="servers", file=sys.stderr) as bar:
        yield lambda server: bar.update(1)


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """A CI job that is cancelled gets TERM: it must leave as little behind as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
