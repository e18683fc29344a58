"""The part of docs/reference/seal.md that says how much of what builders leave is found."""

from __future__ import annotations

import json
from pathlib import Path

# Written by tests/integration/test_builder_leftovers.py, which holds it equal to what it measures.
FIGURES = Path(__file__).resolve().parent / "seal_coverage.json"
HEAD = """
## How much of it is found

A test plants {planted} leftovers into a root: each as its product writes it, from a list that was made from the
documents of the products and not from these tables (`tests/support/builder_leftovers/`). *Cleaned* is what
`--clean --clean-access` mends; a secret that may be there on purpose is only listed.

| group | planted | found | cleaned |
|---|---|---|---|"""
TOOLS = """
The paths that other tools remove, read in their sources. *Listed* is what `seal` finds and leaves to you by its own
rule, since only you know whether it is meant: keys and passwords, accounts, names, file systems.

| tool | paths | found | cleaned | listed |
|---|---|---|---|---|"""


def coverage() -> list[str]:
    """The lines of both tables."""
    figures = json.loads(FIGURES.read_text(encoding="utf-8"))
    groups: dict[str, list[int]] = figures["groups"]
    totals = [sum(row[column] for row in groups.values()) for column in range(3)]
    lines = [HEAD.format(planted=totals[0])]
    lines += [f"| {name} | {' | '.join(map(str, row))} |" for name, row in groups.items()]
    lines += [f"| **all** | {' | '.join(f'**{total}**' for total in totals)} |", TOOLS]
    lines += [f"| {name} | {' | '.join(map(str, row))} |" for name, row in figures["tools"].items()]
    return lines
