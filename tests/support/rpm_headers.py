"""Databases of rpm, as far as seal reads them: a header of each package, in SQLite or in ndb."""

from __future__ import annotations

import sqlite3
import struct
from contextlib import closing
from pathlib import Path


def header(files: dict[str, str]) -> bytes:
    """The header of one package that lists files with their digests. Form: rpm's docs/manual/format_header.md."""
    folders = sorted({path.rpartition("/")[0] + "/" for path in files})
    entries, store = [], b""
    indexes = [folders.index(path.rpartition("/")[0] + "/") for path in files]
    names = [path.rpartition("/")[2] for path in files]
    for tag, kind, count, value in (
        (1035, 8, len(files), b"".join(digest.encode() + b"\0" for digest in files.values())),
        (1116, 4, len(files), struct.pack(f">{len(indexes)}i", *indexes)),
        (1117, 8, len(files), b"".join(name.encode() + b"\0" for name in names)),
        (1118, 8, len(folders), b"".join(folder.encode() + b"\0" for folder in folders)),
    ):
        store += bytes(-len(store) % 4)
        entries.append(struct.pack(">IIII", tag, kind, len(store), count))
        store += value
    return struct.pack(">II", len(entries), len(store)) + b"".join(entries) + store


def sqlite(file: Path, *headers: bytes) -> None:
    """A database in the format of rpm 4.16 and later, with a write-ahead log that is not empty."""
    file.parent.mkdir(parents=True, exist_ok=True)
    work = file.with_name("work.sqlite")
    with closing(sqlite3.connect(work)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
        database.executemany("INSERT INTO Packages (blob) VALUES (?)", [(blob,) for blob in headers])
        database.commit()
        # The log goes into the database when it is closed, so both are copied before.
        file.write_bytes(work.read_bytes())
        file.with_name(f"{file.name}-wal").write_bytes(work.with_name("work.sqlite-wal").read_bytes())
    work.unlink()


def ndb(*headers: bytes) -> bytes:
    """A database in SUSE's format: a page of slots of 16 bytes, then blobs in blocks of 16 bytes."""
    slots, blobs = b"", b""
    for number, blob in enumerate(headers, 1):
        slots += struct.pack("<4sIII", b"Slot", number, (4096 + len(blobs)) // 16, (len(blob) + 47) // 16)
        blobs += struct.pack("<4sIII", b"BlbS", number, 1, len(blob)) + blob + bytes(-len(blob) % 16)
    head = struct.pack("<4sIIII", b"RpmP", 0, 1, 1, len(headers) + 1).ljust(32, b"\0")
    return (head + slots).ljust(4096, b"\0") + blobs
