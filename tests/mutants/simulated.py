"""Removes one rule of the deployer at a time, and prints the first seed of `bootstrap simulate` that breaks.

    python tests/mutants/simulated.py [--seeds N] [--jobs N] [--write] [NAME...]

The mutants are those of tests/mutants/deploy.py. --write puts the table, and the figures of 10,000 seeds of the
deployer as it is, into docs/explanation/deploy-proof.md. The exit code is 1 when a rule can be removed and no seed
breaks.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "support")]

import tracked
from mutants.breaking import broken
from mutants.deploy import MUTANTS
from mutants.mutant import Mutant
from tracked import TOP

PAGE = TOP / "docs/explanation/deploy-proof.md"
BEGIN, END = "<!-- made by tests/mutants/simulated.py --write -->", "<!-- end -->"
FIGURES = 10_000
# Runs in a copy of the tree and prints the first seed that breaks, with its rule, or nothing.
SEARCH = """
import sys
from bootstrap.deploy.simulate.seeds import run
for seed in range(int(sys.argv[1])):
    story = run(seed, is_told=False)
    if story.broken:
        print(seed, story.broken)
        break
"""


def first_seed(mutant: Mutant, seeds: int) -> tuple[int, str] | None:
    """The first seed that breaks without this rule, and the judge's words."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        folder = tracked.copied(Path(name))
        place = folder / mutant.file
        place.write_text(broken(place.read_text(encoding="utf-8"), mutant), encoding="utf-8")
        environment = {**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
        argv = [sys.executable, "-c", SEARCH, str(seeds)]
        done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    number, _, words = done.stdout.strip().partition(" ")
    return (int(number), words) if number else None


def row(mutant: Mutant, first: tuple[int, str] | None) -> str:
    """A line of the table."""
    module = mutant.file.removeprefix("bootstrap/deploy/").removesuffix(".py")
    seed, words = first or ("none", "")
    return f"| {mutant.name} | `{module}` | {seed} | {words.replace('|', '/')[:150]} |"


def figures(jobs: int) -> str:
    """One sentence about the deployer as it is."""
    from bootstrap.deploy.simulate.seeds import run_many

    total = run_many(0, FIGURES, jobs)
    return f"{total.seeds:,} seeds, {total.calls:,} calls, {total.kills:,} kills: {total.broken:,} broken."


def names_in(page: str) -> list[str]:
    """The names of the mutants in the page's table."""
    return re.findall(r"^\| ([^|]+) \| `", page, re.MULTILINE)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="parts of the names of those to try; all without one")
    parser.add_argument("--seeds", type=int, default=3000, metavar="N", help="how many seeds to try for each (3000)")
    parser.add_argument("--jobs", type=int, default=2, metavar="N", help="how many at a time (2)")
    parser.add_argument("--write", action="store_true", help="put the table into the page")
    options = parser.parse_args()
    chosen = [m for m in MUTANTS if not options.names or any(part in m.name for part in options.names)]
    head = ["| The rule that is removed | Where | First seed | What the judge says |", "|---|---|---|---|"]
    rows, survivors = [], 0
    print(*head, sep="\n", flush=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        for mutant, first in zip(chosen, pool.map(lambda m: first_seed(m, options.seeds), chosen), strict=True):
            rows.append(row(mutant, first))
            survivors += first is None
            print(rows[-1], flush=True)
    if options.write:
        before, _, after = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        made = "\n".join([BEGIN, "", figures(options.jobs), "", *head, *rows, "", END])
        PAGE.write_text(before + made + after.partition(END)[2], encoding="utf-8")
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main())
