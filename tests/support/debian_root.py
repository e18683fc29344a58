"""A Debian with its own systemd, whose packages mmdebstrap fetches: as a tar, or as a folder that is kept."""

from __future__ import annotations

import fcntl
import subprocess
import tempfile
from pathlib import Path

KEPT = Path(__file__).resolve().parents[2] / "build" / "roots"


def make_root(tar: Path, *packages: str) -> Path:
    """A bookworm with systemd, python3, these packages and no cron."""
    thin = ["--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*"]
    include = "--include=" + ",".join(("systemd-sysv", "python3", *packages))
    command = ["mmdebstrap", "--quiet", "--variant=minbase", include, *thin, "bookworm", str(tar)]
    subprocess.run(command, check=True, timeout=600, stdout=subprocess.DEVNULL)
    return tar


def local_root() -> Path:
    """The folder that local servers start from. One process makes it, others wait; nobody writes there afterwards."""
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
