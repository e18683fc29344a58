"""The files that a spec is read from: those of the disk, or a copy that somebody has kept of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from bootstrap.spec import folders


class Storage(Protocol):
    """Files by their paths. A copy answers for the paths under which its files were read first."""

    def read(self, path: Path) -> bytes:
        """The bytes of a file. Raises OSError."""

    def is_file(self, path: Path) -> bool:
        """Whether it is a regular file, which can be read twice."""

    def is_folder(self, path: Path) -> bool:
        """Whether it is a folder."""

    def specs_in(self, folder: Path) -> list[Path]:
        """The files of a folder whose names end in .yaml, sorted."""

    def below(self, folder: Path) -> list[folders.Entry]:
        """The files in a folder and in its folders, as folders.walk() has them. Raises OSError."""

    def real(self, path: Path) -> Path:
        """The path without links, by which two names of one file are found to be equal."""


class Disk:
    """The files of this machine."""

    def read(self, path: Path) -> bytes:
        return path.read_bytes()

    def is_file(self, path: Path) -> bool:
        return path.is_file()

    def is_folder(self, path: Path) -> bool:
        return path.is_dir()

    def specs_in(self, folder: Path) -> list[Path]:
        return sorted(folder.glob("*.yaml"))

    def below(self, folder: Path) -> list[folders.Entry]:
        return folders.walk(folder)

    def real(self, path: Path) -> Path:
        # Path.resolve() would raise on a circle of links before Python 3.13.
        return Path(os.path.realpath(path))


DISK = Disk()
