"""The disk of a trial: an overlay or a copy of an image, written to and read while its machine is off."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from bootstrap.trial.machine import Start


def opened(image: Path, folder: Path, *, raw: bool = False, size_bytes: int | None = None) -> Start:
    """Make a throwaway disk in the folder from an image: a raw or qcow2 file, or a root folder with a kernel.

    raw: a raw copy, into which inject() can write. size_bytes: of the disk, where it shall be larger than the image.
    Raises UsageError for what no machine could boot.
    """
    raise NotImplementedError


def inject(start: Start, files: Mapping[str, bytes], modes: Mapping[str, int] | None = None) -> None:
    """Write files of root, 0400 unless modes names another, into a raw disk that is off; folders are made.

    Raises UsageError for a file system other than ext2, ext3 and ext4.
    """


def read(start: Start, path: str) -> bytes | None:
    """A file of a disk that is off; None when it is not there. Raises UsageError where it cannot be read."""
    raise NotImplementedError


def root_file_system(start: Start) -> str:
    """The type of the root file system: "ext4", "xfs", "btrfs" and so on."""
    raise NotImplementedError
