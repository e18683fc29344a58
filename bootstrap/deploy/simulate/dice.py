"""A source of numbers that is one integer: equal seeds give equal numbers everywhere, and a file can hold it."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
_ALL = (1 << 64) - 1


class Dice:
    """Numbers by splitmix64 (Steele, Lea, Flood 2014). state: all that there is to keep of it."""

    __slots__ = ("state",)

    def __init__(self, state: int) -> None:
        self.state = state & _ALL

    def number(self) -> int:
        """The next 64 bits."""
        self.state = state = (self.state + 0x9E3779B97F4A7C15) & _ALL
        mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _ALL
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _ALL
        return mixed ^ (mixed >> 31)

    def below(self, limit: int) -> int:
        """An integer from 0 to limit - 1."""
        return self.number() % limit

    def chance(self, share: float) -> bool:
        """Whether something happens that happens in this share of the cases."""
        return (self.number() >> 11) * 2.0**-53 < share

    def between(self, low: float, high: float) -> float:
        """A number of seconds, in steps of 0.01 so that a story shows it whole."""
        return round(low + (high - low) * ((self.number() >> 11) * 2.0**-53), 2)

    def choose(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[self.number() % len(options)]

    def fork(self, name: str) -> Dice:
        """Another source for one subject, so that a number more for one does not move those of the others."""
        return Dice(self.state ^ (zlib.crc32(name.encode()) * 0x9E3779B97F4A7C15))
