"""The benchmark of boots measures what it says: one boot with us and one without, and every row is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from collector_process import ROOT


def rows(*options: str) -> dict[tuple[str, str], dict[str, Any]]:
    """What one run of each prints, by figure and peer."""
    argv = [sys.executable, str(ROOT / "benchmarks/boot.py"), "--runs", "1", "--without-cloud-init", "--json", *options]
    done = subprocess.run(
        argv, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=1100
    )
    assert done.returncode == 0, done.stderr
    return {(row["what"], row["beside"]): row for row in json.loads(done.stdout)["rows"]}


@pytest.mark.timeout(1200)
def test_the_benchmark_of_boots_prints_every_row() -> None:
    found = rows()
    assert set(found) == {
        ("running, added", "cloud-init, added"), ("login, added", "cloud-init, added"), ("running", "nothing"),
        ("running", "cloud-init"), ("login", "nothing"), ("login", "cloud-init"), ("power on to healthy", "cloud-init"),
    }  # fmt: skip
    for (what, beside), row in found.items():
        assert row["budget"] == (1 if "added" in what else None)
        assert row["note"] == ("not measured" if beside.startswith("cloud-init") else "")
    with_us, without = (found["running", "nothing"][key] for key in ("ours", "theirs"))
    assert with_us > 1 and without > 1
    assert found["running, added", "cloud-init, added"]["ours"] == pytest.approx(with_us - without)
    # Healthy comes after the login prompt's boot began, and is told by another clock than `running`.
    assert found["power on to healthy", "cloud-init"]["ours"] > 1


@pytest.mark.timeout(1200)
def test_counted_it_tells_what_the_guests_clock_tells_and_nothing_by_ours() -> None:
    found = rows("--counted")
    assert set(found) == {
        ("running, added", "cloud-init, added"), ("running", "nothing"), ("running", "cloud-init"),
    }  # fmt: skip
    assert found["running", "nothing"]["theirs"] > 1
