"""Runs the real core over the world of a seed, and over many seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bootstrap.deploy.simulate.invariants import Violation
from bootstrap.deploy.simulate.life import Life
from bootstrap.deploy.simulate.story import Story

CHUNK = 50


@dataclass(frozen=True)
class Summary:
    """Many seeds. broken: how many broke a rule; first_broken: the lowest of them, with its rule."""

    seeds: int = 0
    calls: int = 0
    kills: int = 0
    broken: int = 0
    first_broken: tuple[int, str] | None = None

    def __add__(self, other: Summary) -> Summary:
        firsts = [first for first in (self.first_broken, other.first_broken) if first is not None]
        return Summary(
            self.seeds + other.seeds, self.calls + other.calls, self.kills + other.kills, self.broken + other.broken,
            min(firsts, default=None),
        )  # fmt: skip


def run(seed: int, is_told: bool = True) -> Story:
    """The story of one seed."""
    story = Story(seed, is_told)
    try:
        Life(seed, story).go()
    except Violation as violation:
        story.broken = str(violation)
    except Exception as error:
        # A bug of the core breaks its seed, and is not the end of the others.
        story.broken = f"the core ended with {type(error).__name__}: {error}"
    return story


def run_some(seeds: Iterable[int]) -> Summary:
    """Some seeds in this process."""
    total = Summary()
    for seed in seeds:
        story = run(seed, is_told=False)
        first = (seed, story.broken) if story.broken else None
        total += Summary(1, story.calls, story.kills, int(bool(first)), first)
    return total


def run_many(
    first: int, count: int, jobs: int = 1, progress: Callable[[Summary], None] = lambda summary: None
) -> Summary:
    """Seeds from `first` on, in `jobs` processes. progress: gets the summary so far, now and then."""
    chunks = [range(start, min(start + CHUNK, first + count)) for start in range(first, first + count, CHUNK)]
    total = Summary()
    if jobs <= 1:
        for chunk in chunks:
            total += run_some(chunk)
            progress(total)
        return total
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(jobs) as pool:
        for part in pool.map(run_some, chunks):
            total += part
            progress(total)
    return total
