"""Writes small files that survive a power cut, for their owner alone."""

from __future__ import annotations

import os
from pathlib import Path


def write_new(path: Path, content: bytes) -> None:
    """Make a file of mode 0600 with this content. Raises OSError, also when it exists."""
    # One call: the file has its mode before the content, and no link can lead to another file.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace(path: Path, content: bytes) -> None:
    """Put this content in the place of a file, at once or not at all. Raises OSError."""
    new = path.with_name(f".{path.name}.new")
    # A file that a killed process left under this name was never the file itself.
    new.unlink(missing_ok=True)
    write_new(new, content)
    new.rename(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: a new name lives in its folder, not in its file."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
