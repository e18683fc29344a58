"""The folder of `--keep`, with the files of a rehearsal that people may want to look at afterwards."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bootstrap.errors import UsageError
from bootstrap.rehearse.copy import JOURNAL, Copy
from bootstrap.runner.host import LOCK, STATE

_SETTLE_S = 3.0
_POLL_S = 0.05


class KeepFolder:
    """The folder of `--keep`, created with the folders above it; all of them are removed again unless `begun` is set.

    A rehearsal that could not start leaves nothing behind, so the same command works once its fault is fixed.
    Raises UsageError when the folder is not empty or cannot be created.
    """

    def __init__(self, folder: Path) -> None:
        # Other processes get this name, and they may work in another folder.
        self.folder = folder.absolute()
        self._given = folder
        self._created: list[Path] = []
        self.begun = False

    def __enter__(self) -> Self:
        try:
            self._make()
        except OSError as error:
            self._remove()
            raise UsageError(f"--keep {self._given}: it cannot be created: {error.strerror}") from error
        return self

    def _make(self) -> None:
        if self.folder.exists() and any(self.folder.iterdir()):
            raise UsageError(f"--keep {self._given}: the folder is not empty", hint="name a new folder")
        missing = [path for path in (self.folder, *self.folder.parents) if not path.exists()]
        for path in reversed(missing):
            path.mkdir()
            self._created.append(path)
        # The payload may have made set-uid programs, and it may have held secrets.
        self.folder.chmod(0o700)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.begun:
            self._remove()

    def _remove(self) -> None:
        if self._created:
            shutil.rmtree(self._created[0], ignore_errors=True)
            return
        # The folder was there before, and empty: only its content is removed.
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            shutil.rmtree(path, ignore_errors=True)

    def fill(self, copy: Copy, outcome: dict[str, Any]) -> None:
        """Save every file that was written in the copy, its journal and logs, and the outcome."""
        _wait_for_the_runner(copy)
        written = self.folder / "written"
        written.mkdir()
        copy.keep(written)
        for name, path in (("console", "/dev/console"), ("syslog", "/var/log/syslog"), ("journal", JOURNAL)):
            data = copy.read(path)
            if data is not None:
                (self.folder / name).write_bytes(data)
        for name in copy.run(["ls", f"{STATE}/logs"]).stdout.split():
            logs = self.folder / "logs"
            logs.mkdir(exist_ok=True)
            (logs / name).write_bytes(copy.read(f"{STATE}/logs/{name}") or b"")
        (self.folder / "outcome.json").write_text(json.dumps(outcome, indent=1) + "\n", encoding="utf-8")


def _wait_for_the_runner(copy: Copy) -> None:
    """Wait for the runner's end: it journals the last state before it has cleaned up."""
    # The runner holds its lock until it ends.
    deadline = time.monotonic() + _SETTLE_S
    lock_is_free = ["flock", "-n", LOCK, "true"]
    while time.monotonic() < deadline and copy.run(lock_is_free).returncode != 0:
        time.sleep(_POLL_S)
