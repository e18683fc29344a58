"""Linters and types, over everything that is in the repository."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

SCRIPTS = Path(sysconfig.get_path("scripts"))


def run(*command: str | Path, cwd: Path) -> None:
    """Run a linter; what it printed is the failure's text."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.fail(f"{Path(command[0]).name} found:\n{done.stdout}{done.stderr}", pytrace=False)


def is_shell(path: Path) -> bool:
    """Whether a file is a shell script, by its name or its first line."""
    if path.suffix in {".py", ".j2"}:
        return False
    with path.open("rb") as file:
        words = file.readline(100).split()
    return path.suffix == ".sh" or bool(words and words[0].startswith(b"#!") and words[-1].endswith(b"sh"))


def test_ruff_is_content(root: Path, tree: list[Path]) -> None:
    sources = [path for path in tree if path.suffix == ".py"]
    run(SCRIPTS / "ruff", "check", "--no-cache", "--output-format", "concise", *sources, cwd=root)


def test_mypy_strict_is_content(root: Path, tmp_path: Path) -> None:
    # Its own cache folder: two runs at a time must not share one.
    run(sys.executable, "-m", "mypy", "--cache-dir", tmp_path / "mypy", cwd=root)


def test_shellcheck_is_content(root: Path, tree: list[Path]) -> None:
    # What lies in files/bundle is no script of its own: see the next test. Every byte counts in files/stub and
    # files/carrier, which test_shell_texts.py judges.
    apart = {root / "files/bundle", root / "files/stub", root / "files/carrier"}
    scripts = [p for p in tree if is_shell(p) and not apart & set(p.parents)]
    assert root / ".ci/run" in scripts
    assert root / ".ci/packages" in scripts
    run(SCRIPTS / "shellcheck", *scripts, cwd=root)


def test_shellcheck_is_content_with_the_head_of_a_bundle(root: Path, tmp_path: Path) -> None:
    """The head is a text that a bundle keeps in a variable, so it is judged inside the function that runs it."""
    head = (root / "files/bundle/head.sh").read_text(encoding="utf-8")
    script = tmp_path / "head.sh"
    script.write_text(f'#!/bin/sh\nP=$1 H=$2 D=$3\n_bundle() {{\n{head}}}\n_bundle "$@"\n', encoding="utf-8")
    # SC2097, SC2098: it hands its own text on to the Python it starts, which is what they warn of.
    run(SCRIPTS / "shellcheck", "-e", "SC2097,SC2098", script, cwd=root)
