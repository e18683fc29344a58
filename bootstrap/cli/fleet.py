"""The part of `bootstrap render` that --servers needs: many servers, one progress bar, one table."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from bootstrap.api import Fleet
    from bootstrap.errors import Problem
    from bootstrap.payload.sign import Signer
    from bootstrap.rendering import Rendering
    from bootstrap.targets.fleet import Index
    from bootstrap.targets.limits import Measure
    from bootstrap.targets.model import Packed


def render_fleet(
    fleet: Fleet, pack: Callable[[Rendering], list[Packed]], secret: bytes | None, output: Path, sign: Signer | None
) -> tuple[Index, list[Packed], list[Problem], list[str]]:
    """Write a fleet below `output`.

    Return (the index, the largest of everything that was packed, the warnings and the notes of all servers, each once).
    """
    from bootstrap.cli.size_table import notes
    from bootstrap.targets.fleet import largest

    samples: list[Packed] = []
    maxima: list[Sequence[Measure]] = []
    warnings: dict[Problem, None] = {}
    all_notes: dict[str, None] = {}

    def pack_and_note(rendering: Rendering) -> list[Packed]:
        packed = pack(rendering)
        # The payloads of ten thousand servers would fill the memory. So only the first server's are kept, which name
        # the rows of the table, and the largest measures of all.
        samples[:] = samples or [replace(payload, blob=b"") for payload in packed]
        earlier = maxima or [()] * len(packed)
        maxima[:] = [largest(old, new.measures) for old, new in zip(earlier, packed, strict=True)]
        warnings.update(dict.fromkeys(rendering.rendered.warnings))
        all_notes.update(dict.fromkeys(notes(packed)))
        return packed

    with _progress_bar(len(fleet)) as step, _terminated_as_interrupted():
        index = fleet.write_packed(output, pack_and_note, secret=secret, sign=sign, progress=step)
    biggest = [replace(sample, measures=tuple(most)) for sample, most in zip(samples, maxima, strict=True)]
    return index, biggest, list(warnings), list(all_notes)


@contextmanager
def _progress_bar(length: int) -> Iterator[Callable[[str], None]]:
    """Show a progress bar on stderr, if that is a terminal; nothing otherwise."""
    if not sys.stderr.isatty():
        yield lambda server: None
        return
    with click.progressbar(length=length, label="servers", file=sys.stderr) as bar:
        yield lambda server: bar.update(1)


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Clean up on TERM as on Ctrl-C: a CI job that is cancelled gets TERM, and must not leave half a fleet behind."""
    earlier_handler = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, earlier_handler)
