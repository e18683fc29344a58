"""The table of mutants is in step with the code and its tests; `make mutants` applies it."""

from __future__ import annotations

from mutants import breaking
from mutants.table import MUTANTS


def test_every_mutant_has_its_place_and_its_tests() -> None:
    assert breaking.unmatched() == []
    assert len(MUTANTS) >= 40
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
