"""Breaks one promise at a time in a copy of the tree, and runs the tests that should notice.

    python tests/mutants/breaking.py [--list] [NAME...]

A mutant that no test notices survives, and the exit code is 1: either a test is missing, or the code does nothing.
They are in the files of table.py. Needs root, since most promises are kept on a host.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "support")]

import tracked
from mutants.mutant import Mutant
from mutants.table import MUTANTS
from tracked import TOP

# pytest's exit code when tests failed; with any other the tests were not even run.
NOTICED, LIMIT_S = 1, 240


def tests_in(folder: Path, tests: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """Run tests in a copy of the tree; what is imported is the copy."""
    paths = os.pathsep.join(map(str, (folder, folder / "tests", folder / "tests/support")))
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"}
    argv = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", f"--timeout={LIMIT_S}", *tests]
    return subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, timeout=2 * LIMIT_S)


def broken(text: str, mutant: Mutant) -> str:
    """The file's text with the mutation. Raises ValueError when the place is not there exactly once."""
    if text.count(mutant.old) != 1:
        raise ValueError(f"{mutant.name}: {mutant.file} has this {text.count(mutant.old)} times:\n{mutant.old}")
    return text.replace(mutant.old, mutant.new)


def try_one(mutant: Mutant) -> str | None:
    """None when a test noticed, else what happened instead."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        folder = tracked.copied(Path(name))
        place = folder / mutant.file
        try:
            place.write_text(broken(place.read_text(encoding="utf-8"), mutant), encoding="utf-8")
        except ValueError as error:
            return str(error)
        try:
            done = tests_in(folder, mutant.tests)
        except subprocess.TimeoutExpired:
            return "its tests do not end"
    if done.returncode == NOTICED:
        return None
    said = done.stdout[-800:] + done.stderr[-800:]
    return "survived" if done.returncode == 0 else f"pytest exits {done.returncode}: {said}"


def run(mutants: list[Mutant], processes: int = 2) -> dict[str, str]:
    """What is wrong with whom; empty when every mutant was noticed. Prints each as it ends."""
    wrong = {}
    with ThreadPoolExecutor(processes) as pool:
        tried = {pool.submit(try_one, mutant): mutant.name for mutant in mutants}
        for number, one in enumerate(as_completed(tried), 1):
            said = one.result()
            print(f"{number:3}/{len(mutants)}  {tried[one]}: {said or 'noticed'}", flush=True)
            if said:
                wrong[tried[one]] = said
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="parts of the names of those to try; all without one")
    parser.add_argument("--list", action="store_true", help="only list them")
    options = parser.parse_args()
    chosen = [m for m in MUTANTS if not options.names or any(part in m.name for part in options.names)]
    if options.list:
        for mutant in chosen:
            rows = ", ".join(map(str, mutant.faults))
            print(f"{mutant.name}{f'  (faults {rows})' if rows else ''}")
        return 0
    wrong = run(chosen)
    for name in wrong:
        print(f"  {name}")
    print(f"{len(chosen)} mutants, {len(wrong)} survived")
    return int(bool(wrong))


def unmatched() -> list[str]:
    """Mutants whose place or tests are not in the tree any more: a test keeps the table in step with the code."""
    found = []
    for mutant in MUTANTS:
        try:
            broken((TOP / mutant.file).read_text(encoding="utf-8"), mutant)
        except (ValueError, OSError) as error:
            found.append(str(error))
        for test in mutant.tests:
            path, _, name = test.partition("::")
            name = re.sub(r"\[.*", "", name)
            if not (TOP / path).is_file() or f"def {name}" not in (TOP / path).read_text(encoding="utf-8"):
                found.append(f"{mutant.name}: there is no {test}")
    return found


if __name__ == "__main__":
    sys.exit(main())
