"""The unit tests of the runner run without root and reach most of its lines; the figure is printed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tracked import TOP

NOBODY = 65534
FLOOR = 70  # percent of the runner's statements


def somebody_else(folder: Path) -> dict[str, Any]:
    """Arguments of subprocess.run for a user who is not root; {} where nobody else can read this checkout."""
    if os.geteuid():
        return {}
    other = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    try:
        subprocess.run([sys.executable, "-c", "import bootstrap, pytest"], cwd=TOP, check=True, **other)
    except (OSError, subprocess.CalledProcessError):
        return {}  # a checkout or a Python below a folder of root's own
    os.chown(folder, NOBODY, NOBODY)
    return other


def test_unit_tests_of_the_runner_reach_most_of_it(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path("/tmp") / f"initialrunner-coverage.{os.getpid()}"
    folder.mkdir()
    try:
        other = somebody_else(folder)
        environment = {**os.environ, "COVERAGE_FILE": str(folder / "data"), "HOME": str(folder)}
        environment["INITIALRUNNER_TEST_LOCKS"] = str(folder / "locks")
        for name in ("PYTEST_XDIST_WORKER", "PYTEST_CURRENT_TEST", "PYTEST_ADDOPTS"):
            environment.pop(name, None)
        start = [sys.executable, "-m", "coverage"]
        tests = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", str(folder / "tmp")]

        def step(*words: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [*start, *words], cwd=TOP, env=environment, capture_output=True, text=True, check=False, **other
            )

        run = step("run", *tests, "tests/unit/runner")
        assert run.returncode == 0, run.stdout + run.stderr
        step("json", "-o", str(folder / "figures.json"))
        totals = json.loads((folder / "figures.json").read_text())["totals"]
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)
    with capsys.disabled():
        print(f"\nthe unit tests of the runner reach {totals['percent_covered']:.1f} % of its lines")
    assert totals["percent_covered"] >= FLOOR
