"""The files of a folder that `source:` names, each of which becomes a file of the server."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

# Each file is an entry of the host's plan, with a digest and perhaps a URL of its own: some hundred bytes that hardly
# pack.
MOST_FILES = 500


@dataclass(frozen=True)
class Entry:
    """One name below a folder. name: relative to it; fault: why it cannot be a file of a server, None if it can."""

    name: str
    executable: bool = False
    fault: str | None = None


def walk(folder: Path) -> list[Entry]:
    """Return the files below a folder, sorted by name; of more than MOST_FILES, some more. Raises OSError.

    A link to a file of the same folder counts as a copy of it. Folders are no entries.
    """
    entries: list[Entry] = []
    for entry in _below(folder, "", Path(os.path.realpath(folder))):
        entries.append(entry)
        # The reader refuses so many. A folder that was named by mistake, such as /, would take hours.
        if len(entries) > MOST_FILES:
            break
    return sorted(entries, key=lambda entry: entry.name)


def to_bytes(entries: Iterable[Entry]) -> bytes:
    """Return a list of entries as one text, for a copy that keeps it beside the files."""
    return json.dumps([asdict(entry) for entry in entries]).encode()


def from_bytes(raw: bytes) -> list[Entry]:
    """Return the entries of such a text. Raises ValueError, KeyError and TypeError."""
    return [Entry(**row) for row in json.loads(raw)]


def _below(folder: Path, name: str, real: Path) -> Iterator[Entry]:
    """Yield the entries of a folder and of the folders in it. name: its own, with a slash; real: the topmost one."""
    with os.scandir(folder) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        full = f"{name}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            yield from _below(folder / entry.name, f"{full}/", real)
        else:
            yield _entry(folder / entry.name, full, real)


def _entry(path: Path, name: str, real: Path) -> Entry:
    if any("\ud800" <= character <= "\udfff" for character in name):
        return Entry(os.fsencode(name).decode("utf-8", "backslashreplace"), fault="its name is not UTF-8")
    if path.is_symlink():
        goal = Path(os.path.realpath(path))
        if not goal.is_relative_to(real):
            return Entry(name, fault=f"it is a link to {path.readlink()}, out of the folder")
        if not goal.is_file():
            kind = "a folder" if goal.is_dir() else "nothing that can be read"
            return Entry(name, fault=f"it is a link to {path.readlink()}, which is {kind}")
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        return Entry(name, fault="it is neither a file nor a folder")
    return Entry(name, bool(status.st_mode & stat.S_IXUSR))
