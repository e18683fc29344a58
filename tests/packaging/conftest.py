"""What the packaging tests share: where the tree is and which files belong to it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def files_of_the_tree() -> list[Path]:
    """Every file that is, or is about to be, in the repository: tracked or untracked, but not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    # A file deleted but not yet committed is still listed.
    return sorted(ROOT / name for name in set(listed.split("\0")) if name and (ROOT / name).is_file())


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def tree() -> list[Path]:
    """The files of the repository, absolute and sorted."""
    return files_of_the_tree()
