"""The order of the slow tests: CI has no time for all of them, so those marked `first` come before the others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The second one has the most tests, the last one is marked.
FILES = ("tests/crash/test_crash.py", "tests/packaging/test_zipapp.py", "tests/vm/test_vm_try.py")


def order(*options: str) -> list[str]:
    """The files of the slow tests as pytest collects them."""
    argv = [sys.executable, "-m", "pytest", "-n", "0", "-q", "--collect-only", "-m", "slow", *options, *FILES]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    names = [line.partition("::")[0] for line in done.stdout.splitlines() if "::" in line]
    return list(dict.fromkeys(names))


def test_marked_files_come_first_and_then_those_of_many_tests() -> None:
    assert order("--no-loadscope-reorder") == [FILES[2], FILES[1], FILES[0]]


def test_without_that_option_only_the_marked_ones_are_moved() -> None:
    assert order() == [FILES[2], FILES[0], FILES[1]]


def test_make_leaves_the_order_to_us() -> None:
    done = subprocess.run(["make", "-n", "test-slow"], cwd=ROOT, capture_output=True, text=True, check=True)
    (line,) = (line for line in done.stdout.splitlines() if "-m pytest" in line)
    assert " --no-loadscope-reorder -m slow" in line
