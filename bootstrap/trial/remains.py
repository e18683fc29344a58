"""Looks at the disk of a clone that was never heard of, once it is off: how far its runner had come."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap.errors import UsageError
from bootstrap.runner.baked.program import TAKEN
from bootstrap.runner.host import STATE
from bootstrap.trial import disk, programs
from bootstrap.trial.ext import Ext
from bootstrap.trial.layout import EXT
from bootstrap.trial.machine import Start

# Where the trigger of a bundle and the baked runner look for one.
_PYTHONS = ("/usr/bin", "/usr/local/bin", "/usr/libexec")
_PYTHON = re.compile(r"python3(\.[0-9]+)?|platform-python")


@dataclass(frozen=True)
class Remains:
    """What is on the disk. is_taken: the image's runner took the payload; state: the last in the journal, "" for none.

    has_python: whether there is any Python that a runner would find; events: those of the journal.
    """

    is_taken: bool = False
    state: str = ""
    has_python: bool = True
    events: Sequence[Mapping[str, Any]] = field(default=(), compare=False, repr=False)

    @property
    def has_run(self) -> bool:
        """Whether a runner was at work."""
        return self.is_taken or bool(self.state)


def examine(start: Start, folder: Path) -> Remains | None:
    """Look at a throwaway disk that is off, and only now; None where it cannot be read. folder: for a copy of it."""
    try:
        if start.disk_format != "raw":
            start = disk.opened(start.disk, folder, raw=True)
        if disk.root_file_system(start) not in EXT:
            return None
        name = str(start.disk) + (f"?offset={start.root_at_bytes}" if start.root_at_bytes else "")
        # The power went off while it ran, so that the last writes are in the journal of the file system alone.
        programs.run("debugfs", "-w", "-R", "journal_run", name)
        root = Ext(start.disk, start.root_at_bytes)
        return seen(root.content, root.names)
    except (UsageError, programs.ProgramError):
        return None


def seen(content: Callable[[str], bytes | None], names: Callable[[str], Sequence[str]]) -> Remains:
    """The same, by a reader of files and one of folders."""
    events = [_event(line) for line in (content(f"{STATE}/journal") or b"").splitlines()]
    states = [str(event["state"]) for event in events if event.get("type") == "state" and "state" in event]
    return Remains(
        content(TAKEN) is not None,
        states[-1] if states else "begun" if events else "",
        any(_PYTHON.fullmatch(name) for place in _PYTHONS for name in names(place)),
        tuple(event for event in events if event),
    )


def _event(line: bytes) -> Mapping[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        # A power cut may have torn it.
        return {}
    return event if isinstance(event, dict) else {}
