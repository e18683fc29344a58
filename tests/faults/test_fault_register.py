"""The page of faults, the tests and the mutants name the same faults, and none is passed over."""

from __future__ import annotations

import fault_register


def test_every_fault_on_the_page_has_a_test_and_every_test_its_row() -> None:
    shown, _ = fault_register.on_page()
    assert shown == sorted(fault_register.tested())


def test_every_fault_has_a_test_or_a_stated_reason() -> None:
    shown, reasons = fault_register.on_page()
    assert sorted(shown + reasons) == list(fault_register.ROWS)
    assert len(shown) >= 85


def test_most_faults_with_a_test_have_a_mutant() -> None:
    mutated = fault_register.mutated()
    assert mutated <= fault_register.tested()
    assert 2 * len(mutated) > len(fault_register.tested())
