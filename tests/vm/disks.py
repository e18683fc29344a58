"""All of a guest's disk while it is switched off, as a folder: never mounted."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from images import roomy

from bootstrap.trial.ext import Ext


@contextmanager
def unpacked(disk: Path) -> Iterator[Path]:
    """A raw disk's files, owners and modes kept, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="disk-", dir=roomy()) as folder:
        root = Path(folder, "root")
        root.mkdir(mode=0o755)
        Ext(disk).unpack(root)
        (root / "lost+found").rmdir()
        yield root
