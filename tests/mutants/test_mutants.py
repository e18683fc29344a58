"""The promises have tests that fail when they are broken."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import mutants


def test_every_mutant_has_its_place_and_its_tests() -> None:
    assert mutants.unmatched() == []
    assert len(mutants.MUTANTS) >= 40
    assert len({mutant.name for mutant in mutants.MUTANTS}) == len(mutants.MUTANTS)


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_no_mutant_survives() -> None:
    assert mutants.run(mutants.MUTANTS) == {}
