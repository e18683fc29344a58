"""`python -m bootstrap.runner BUNDLE VERB`: the modules of the checkout work on the plan of a real bundle."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from handmade import payload, stage, whole_code
from tracked import TOP

with whole_code():
    BUNDLE = payload([stage("one", "true")]).bundle


def started(bundle: bytes, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "bundle").write_bytes(bundle)
    command = [sys.executable, "-m", "bootstrap.runner", str(folder / "bundle"), *words]
    return subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [([], 0, "usage: initialrunner VERB"), (["--version"], 0, "initialrunner "), (["nonsense"], 2, "nonsense")],
)
def test_the_checkout_answers_for_a_bundle(tmp_path: Path, words: list[str], code: int, part: str) -> None:
    run = started(BUNDLE, tmp_path, *words)
    assert (run.returncode, part in run.stdout + run.stderr) == (code, True)


def test_the_version_is_that_of_the_code_in_the_bundle(tmp_path: Path) -> None:
    (tmp_path / "packed").write_bytes(BUNDLE)
    packed = subprocess.check_output(["sh", str(tmp_path / "packed"), "--version"], text=True)
    assert started(BUNDLE, tmp_path, "--version").stdout == packed


def test_a_file_that_is_no_whole_bundle_is_refused(tmp_path: Path) -> None:
    run = started(BUNDLE[:-1], tmp_path)
    assert run.returncode == 1 and "no whole bundle" in run.stderr
