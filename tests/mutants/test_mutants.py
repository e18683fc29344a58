"""The promises have tests that fail when they are broken."""

from __future__ import annotations

import os

import breaking
import pytest
from mutants.table import MUTANTS


def test_every_mutant_has_its_place_and_its_tests() -> None:
    assert breaking.unmatched() == []
    assert len(MUTANTS) >= 40
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_no_mutant_survives() -> None:
    assert breaking.run(MUTANTS) == {}
