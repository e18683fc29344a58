"""Where the commands keep what outlives them: $XDG_STATE_HOME/initialrunner."""

from __future__ import annotations

import os
from pathlib import Path

from bootstrap.errors import UsageError


def state_path(name: str, *, make: bool = False) -> Path:
    """A file of the state folder. make: make the folder (0700) when it is missing. Raises UsageError."""
    # The XDG rule: a value that is not absolute does not count.
    base = os.environ.get("XDG_STATE_HOME", "")
    folder = (Path(base) if base.startswith("/") else Path.home() / ".local/state") / "initialrunner"
    if make:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"the state folder {folder} cannot be made: {error.strerror}",
                hint="set XDG_STATE_HOME, or name the files",
            ) from error
    return folder / name
