"""The page of faults and the tests name the same faults."""

from __future__ import annotations

import re
from pathlib import Path

TOP = Path(__file__).parents[2]


def test_every_fault_on_the_page_has_a_test_and_every_test_its_row() -> None:
    page = (TOP / "docs/reference/faults.md").read_text(encoding="utf-8")
    told = {int(number) for number in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    texts = [path.read_text(encoding="utf-8") for path in (TOP / "tests").rglob("test_*.py")]
    tested = {int(number) for text in texts for number in re.findall(r"mark\.fault\((\d+)\)", text)}
    assert told == tested
