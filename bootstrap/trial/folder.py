"""The folder of a trial: a temporary one, or that of --keep. It goes with the trial, unless it is to stay."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import UsageError

VOLUME = "payload.iso"
COLLECTOR = "collector"
# Copies of disks are too large for a /tmp that lies in memory.
_LARGE = Path("/var/tmp")


@dataclass
class Folder:
    """path: of the folder; stays: set it for one that is to be kept."""

    path: Path
    stays: bool = False


@contextmanager
def trial_folder(keep: Path | None) -> Iterator[Folder]:
    """Make the folder, for as long as the block lasts. Raises UsageError for a --keep that has something in it."""
    folder = Folder(_temporary() if keep is None else _new(keep))
    try:
        yield folder
    except BaseException:
        folder.stays = False
        raise
    finally:
        if keep is not None and folder.stays:
            _leave_out(folder.path)
        else:
            shutil.rmtree(folder.path, ignore_errors=True)


def _temporary() -> Path:
    return Path(tempfile.mkdtemp(prefix="initialrunner-try-", dir=os.environ.get("TMPDIR") or _LARGE))


def _new(keep: Path) -> Path:
    try:
        keep.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_empty = not any(keep.iterdir())
    except OSError as error:
        raise UsageError(f"--keep {keep}: {error.strerror}", hint="name a folder that can be made") from error
    if not is_empty:
        raise UsageError(f"--keep {keep}: the folder is not empty", hint="name a new one")
    return keep


def _leave_out(folder: Path) -> None:
    """Remove what nobody needs afterwards: the collector with its secrets, and the volumes with the payloads."""
    shutil.rmtree(folder / COLLECTOR, ignore_errors=True)
    for volume in folder.glob(f"*/{VOLUME}"):
        volume.unlink()
