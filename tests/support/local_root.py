"""The Debian root that local servers start from. It is made once and kept in build/roots: python3, systemd, no cron."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from systemd_box import make_root

KEPT = Path(__file__).resolve().parents[2] / "build" / "roots"

needs_local_servers = pytest.mark.skipif(
    os.geteuid() != 0 or not all(map(shutil.which, ("systemd-nspawn", "mmdebstrap", "ip"))),
    reason="needs root, systemd-nspawn, mmdebstrap and ip",
)


def local_root() -> Path:
    """The folder of the root. One process makes it, others wait for that; nobody writes there afterwards."""
    KEPT.mkdir(parents=True, exist_ok=True)
    root = KEPT / "local"
    with open(KEPT / "making-local", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if not root.exists():
            with tempfile.TemporaryDirectory(dir=KEPT, prefix="local-") as folder:
                tar = make_root(Path(folder, "root.tar"))
                new = Path(folder, "root")
                new.mkdir(mode=0o755)
                subprocess.run(["tar", "-x", "-C", new, "--exclude=./dev/*", "-f", tar], check=True)
                new.rename(root)
    return root
