"""Paths of the state that outlives a command: $XDG_STATE_HOME/initialrunner."""

from __future__ import annotations

import os
from pathlib import Path

from bootstrap.errors import UsageError


def state_path(name: str, *, make: bool = False) -> Path:
    """Return the path of a file in the state folder. make: make the folder (0700) if it is missing. Raises UsageError.

    Source of the default: XDG Base Directory Specification.
    """
    # The specification says that a relative value is invalid and has to be ignored.
    base = os.environ.get("XDG_STATE_HOME", "")
    folder = (Path(base) if base.startswith("/") else Path.home() / ".local/state") / "initialrunner"
    if make:
        try:
            # The folder holds the secret and the token, so nobody else may even list it.
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"the state folder {folder} cannot be made: {error.strerror}",
                hint="set XDG_STATE_HOME, or name the files",
            ) from error
    return folder / name
