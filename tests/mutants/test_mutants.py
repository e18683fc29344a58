"""The table of mutants is in step with the code and its tests; `make mutants` applies it."""

from __future__ import annotations

from mutants import breaking, deploy, simulated
from mutants.table import MUTANTS


def test_every_mutant_has_its_place_and_its_tests() -> None:
    assert breaking.unmatched() == []
    assert len(MUTANTS) >= 40
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_the_page_has_each_rule_of_the_deployer_with_a_seed() -> None:
    """`python tests/mutants/simulated.py --write` writes the table again."""
    page = simulated.PAGE.read_text(encoding="utf-8")
    assert simulated.names_in(page) == [mutant.name for mutant in deploy.MUTANTS]
    assert "| none |" not in page
    assert "kills: 0 broken." in page
