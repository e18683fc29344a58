"""The register of faults: which rows of docs/reference/faults.md have a test, a reason to have none, a mutant."""

from __future__ import annotations

import re
from pathlib import Path

from mutants.table import MUTANTS

TOP = Path(__file__).parents[2]
# The faults that touch the generator, the runner, its reports, or a roll-out (94 to 108).
ROWS = tuple(range(1, 151))


def on_page() -> tuple[list[int], list[int]]:
    """The rows of both tables as they stand: what the toolkit does about it, and why there is no test."""
    page = (TOP / "docs/reference/faults.md").read_text(encoding="utf-8")
    tested_rows, reasons = page.split("\n## Without a test")
    return numbers(tested_rows), numbers(reasons)


def numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)]


def tested() -> set[int]:
    """The rows that a test is marked with."""
    texts = [path.read_text(encoding="utf-8") for path in (TOP / "tests").rglob("test_*.py")]
    return {int(number) for text in texts for number in re.findall(r"mark\.fault\((\d+)\)", text)}


def mutated() -> set[int]:
    """The rows that a mutant breaks."""
    return {number for mutant in MUTANTS for number in mutant.faults}


def summary() -> str:
    """One line for the end of a whole run of the tests."""
    cases, reasons = tested(), on_page()[1]
    return (
        f"faults register: {len(cases)} of {len(ROWS)} faults have a test that makes them happen, "
        f"{len(mutated())} a mutant as well; {len(reasons)} have a stated reason"
    )
