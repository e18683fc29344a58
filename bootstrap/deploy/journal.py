"""The journal of a deploy: what was decided and each call, before and after; on disk before it has an effect.

Its lines have the form of the runner's journal: one JSON map with a number and a checksum. A torn end is cut, since
nothing was done after it. A damaged middle is refused: `reap` then goes by the marks of the servers.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from bootstrap.deploy.durable import sync_folder
from bootstrap.deploy.recall import Recall
from bootstrap.errors import UsageError
from bootstrap.runner.tick.journal import seal, unseal

VERSION = 1
Record = dict[str, Any]


class Log(Protocol):
    """The bytes of a journal, wherever they are kept."""

    def read(self) -> bytes:
        """All bytes so far; empty where there is no journal yet."""

    def append(self, line: bytes) -> None:
        """Add a line. It outlives a power cut once this returns."""

    def cut(self, size: int) -> None:
        """Keep the first `size` bytes only."""


class FileLog:
    """A journal in a file of mode 0600."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def read(self) -> bytes:
        return self.path.read_bytes() if self.path.exists() else b""

    def append(self, line: bytes) -> None:
        handle = self._open()
        if os.write(handle, line) != len(line):
            raise UsageError(f"{self.path} takes no more: the disk is full", hint="make room, then `bootstrap resume`")
        os.fsync(handle)

    def cut(self, size: int) -> None:
        os.ftruncate(self._open(), size)

    def _open(self) -> int:
        """The descriptor for appending. The name of a new file is on disk before its first line."""
        if self._handle is None:
            self._handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            sync_folder(self.path.parent)
        return self._handle


class Journal:
    """The records of one deploy. now: the clock for people; observe: gets each new record."""

    def __init__(
        self, log: Log, now: Callable[[], float], observe: Callable[[Record], None] = lambda record: None
    ) -> None:
        self._log, self._now, self._observe = log, now, observe
        self.records = _whole(log)
        self.recall = Recall()
        for record in self.records:
            self.recall.take(record)

    def add(self, kind: str, **fields: Any) -> Record:
        """Append one record and make it durable before returning it."""
        record = {**fields, "type": kind, "seq": len(self.records) + 1, "at": round(self._now(), 3)}
        if not self.records:
            record["version"] = VERSION
        self._log.append(seal(record).encode())
        self.records.append(record)
        self.recall.take(record)
        self._observe(record)
        return record


def _whole(log: Log) -> list[Record]:
    """Read the records and cut a torn end. Raises UsageError for a damaged one, or one of a later version."""
    lines = log.read().split(b"\n")
    records = [unseal(line) for line in lines[:-1]]
    while records and records[-1] is None:
        records.pop()
    if any(record is None or record["seq"] != number for number, record in enumerate(records, 1)):
        raise UsageError(
            "the journal of this deploy is damaged",
            hint="`bootstrap reap --file FILE` goes by the marks of the servers instead",
        )
    if records and records[0].get("version", 1) > VERSION:
        raise UsageError(f"the journal is of version {records[0]['version']}, and this program knows {VERSION}")
    whole = sum(len(line) + 1 for line in lines[: len(records)])
    # A torn line must go before the next one is appended, which would be glued to it.
    if whole < len(b"\n".join(lines)):
        log.cut(whole)
    return [record for record in records if record is not None]
