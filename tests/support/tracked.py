"""The files of this checkout that are in the repository, or about to be; and copies of it for tests to work in."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]


def files() -> list[Path]:
    """Tracked or untracked, but not ignored; absolute and sorted."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=TOP, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    # A file deleted but not yet committed is still listed.
    return sorted(TOP / name for name in set(listed.split("\0")) if name and (TOP / name).is_file())


def copied(folder: Path) -> Path:
    """The same below a folder, as they stand."""
    for file in files():
        copy = folder / file.relative_to(TOP)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    return folder
