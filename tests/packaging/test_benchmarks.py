"""The benchmarks measure what they say: a short run prints every row, and what was not measured is said to be so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from box import needs_root

SHORT = ["--runs", "1", "--without-cloud-init"]
PYTHON, SHELL = "python3 -I -S -c pass", "sh -c :"
BOOT, BARE, STATUS = "cloud-init's four stages", "cloud-init, scripts-user only", "cloud-init status"
NOT_MEASURED = "not measured (--without-cloud-init)"


def run(root: Path, name: str, *options: str) -> str:
    """What a short run of a benchmark prints."""
    done = subprocess.run(
        [sys.executable, str(root / "benchmarks" / name), *SHORT, *options],
        env=os.environ | {"PYTHONPATH": str(root)}, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"cloud-init: {NOT_MEASURED}" in done.stderr
    return done.stdout


def rows(root: Path, name: str) -> dict[tuple[str, str, str], dict[str, Any]]:
    """{(what, unit, beside): the row}."""
    found = json.loads(run(root, name, "--json"))
    assert found["heading"]["cloud-init"] == NOT_MEASURED
    return {(row["what"], row["unit"], row["beside"]): row for row in found["rows"]}


def judge(found: dict[tuple[str, str, str], dict[str, Any]]) -> None:
    """Each row has a figure, and a ratio or the word that there is none."""
    for (what, _, beside), row in found.items():
        assert row["ours"] > 0 or what == "tick after success", row
        assert row["holds"] == (None if row["budget"] is None else row["ours"] <= row["budget"]), row
        if beside.startswith("cloud-init"):
            assert (row["ratio"], row["note"]) == (None, "not measured")
        elif what != "tick after success":
            assert row["ratio"] == row["ours"] / row["theirs"], row


@needs_root
@pytest.mark.integration
def test_the_runners_benchmark_prints_every_row(root: Path) -> None:
    found = rows(root, "runner.py")
    first, reporting = "trigger to first stage", "whole run, with reports"
    peers = (BOOT, BARE, PYTHON, SHELL)
    expected = {(what, unit, b) for what in (first, reporting) for unit in ("CPU ms", "peak MiB") for b in peers}
    expected |= {("whole run of one stage", "CPU ms", beside) for beside in peers}
    ticks = ("tick while another waits", "tick after a final failure")
    expected |= {(what, "CPU ms", beside) for what in ticks for beside in (STATUS, PYTHON, SHELL)}
    expected |= {
        ("tick after success", "CPU ms", "no entry is left"),
        ("overhead of a stage", "ms", "two synced writes there"),
        ("last byte to first stage, p95", "ms", "cron's half minute, reckoned"),
    }
    assert set(found) == expected
    judge(found)
    # An empty shell is no larger than an empty Python: the peak of what starts them is not counted in.
    python, shell = (found[first, "peak MiB", beside]["theirs"] for beside in (PYTHON, SHELL))
    assert shell < python < found[first, "peak MiB", PYTHON]["ours"]


def test_the_generators_benchmark_prints_every_row(root: Path) -> None:
    found = rows(root, "generator.py")
    assert {what for what, _, _ in found} == {
        "bootstrap --version", "bootstrap --help", "bootstrap check hello", "bootstrap check web",
        "bootstrap check rollout", "bootstrap render hello", "1,000 servers rendered",
    }  # fmt: skip
    judge(found)


def test_a_table_shows_budgets_and_which_hold(root: Path) -> None:
    table = run(root, "generator.py").splitlines()
    heading = next(line for line in table if line.startswith("what "))
    assert heading.split() == ["what", "ours", "beside", "ratio", "budget", "holds?"]
    assert f"cloud-init: {NOT_MEASURED}" in table
    (fleet,) = [line.split() for line in table if line.startswith("1,000 servers")]
    # A machine that is busy with other work may not hold it.
    assert "2000" in fleet
    assert "yes" in fleet or "no," in fleet


def test_seal_on_a_small_root(root: Path) -> None:
    """Nothing is found in what the benchmark makes, and each row has its peer."""
    argv = [sys.executable, str(root / "benchmarks/seal.py"), "--runs", "1", "--files", "400", "--megabytes", "1"]
    done = subprocess.run(
        [*argv, "--json"], env=os.environ | {"PYTHONPATH": str(root)}, capture_output=True, text=True, check=True,
        timeout=240,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found["heading"]["root"].startswith("400 files, ")
    assert {row["beside"] for row in found["rows"]} == {"python, each file read", "grep -rF of one word", ""}
    # A small root says nothing about the budget of a large one.
    assert {row["budget"] for row in found["rows"]} == {None}
    assert all(row["ours"] > 0 for row in found["rows"])
