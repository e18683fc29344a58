"""Virtual environments of other people's programs, for tests beside the real ones: Nova, Swift, the SDKs.

    python = venvs.python("nova")     # made from tests/locks/nova.lock the first time, then kept in build/venvs

They are not in ours, whose versions they would dictate. `make lock` makes each NAME.lock from NAME.in.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
KEPT = TOP / "build" / "venvs"
QUIET = ("--disable-pip-version-check", "--quiet", "--no-input")


def python(name: str) -> Path:
    """The interpreter of the environment of tests/locks/NAME.lock. One process makes it, others wait for that."""
    lock = TOP / "tests" / "locks" / f"{name}.lock"
    key = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = KEPT / f"{name}-{key}"
    KEPT.mkdir(parents=True, exist_ok=True)
    with open(KEPT / f"{name}.making", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not (folder / "whole").exists():
            _make(folder, lock)
    return folder / "bin" / "python"


def _make(folder: Path, lock: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    # Not a link to ours: whoever starts it must not find our packages.
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME")}
    # As constraints too: pip takes no pin of a requirements file for a package that another wants with an extra.
    locked = ("-r", lock, "-c", lock)
    for argv in (
        [sys.executable, "-m", "venv", folder],
        [folder / "bin/python", "-m", "pip", *QUIET, "install", "--no-compile", "--require-hashes", *locked],
    ):
        done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (folder / "whole").touch()
