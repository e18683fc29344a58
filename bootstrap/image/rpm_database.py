"""The files that rpm's database lists, of its two formats of today: SQLite (rpm 4.16 and later) and ndb (SUSE).

The older format, Berkeley DB, is not read: only a library that distributions have given up reads it.
"""

from __future__ import annotations

import sqlite3
import struct
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

_FOLDERS = ("/usr/lib/sysimage/rpm", "/var/lib/rpm", "/usr/share/rpm")
PLACES = tuple(f"{folder}/{name}" for folder in _FOLDERS for name in ("rpmdb.sqlite", "Packages.db"))
# Source: rpm's include/rpm/rpmtag.h, and docs/manual/format_header.md.
_DIGESTS, _INDEXES, _NAMES, _FOLDER_NAMES = 1035, 1116, 1117, 1118
_INT32, _STRING_ARRAY = 4, 8
_SLOT, _BLOB = b"Slot", b"BlbS"


def files(content: bytes, log: bytes = b"") -> Iterator[tuple[str, str]]:
    """(path, digest) of each file of each package; nothing of a database that is damaged. log: SQLite's -wal."""
    try:
        headers = list(_ndb(content) if content.startswith(b"RpmP") else _sqlite(content, log))
    except (sqlite3.Error, struct.error):
        return
    for header in headers:
        try:
            yield from _listed(header)
        except (struct.error, IndexError):
            continue


def _sqlite(content: bytes, log: bytes) -> Iterator[bytes]:
    """The packages' headers. SQLite opens files only, and the image's may lie on a medium that is read-only."""
    with tempfile.TemporaryDirectory(prefix="seal-rpm-") as folder:
        file = Path(folder, "rpmdb.sqlite")
        file.write_bytes(content)
        if log:
            file.with_name("rpmdb.sqlite-wal").write_bytes(log)
        with closing(sqlite3.connect(file)) as database:
            yield from (row[0] for row in database.execute("SELECT blob FROM Packages"))


def _ndb(content: bytes) -> Iterator[bytes]:
    """The packages' headers: slots of 16 bytes, then blobs. Source: rpm's lib/backend/ndb/rpmpkg.c."""
    pages = struct.unpack_from("<I", content, 12)[0]
    for at in range(32, min(pages * 4096, len(content)), 16):
        magic, package, offset, _ = struct.unpack_from("<4sIII", content, at)
        if magic != _SLOT or not package:
            continue
        blob, _, _, length = struct.unpack_from("<4sIII", content, offset * 16)
        if blob == _BLOB:
            yield content[offset * 16 + 16 : offset * 16 + 16 + length]


def _listed(header: bytes) -> Iterator[tuple[str, str]]:
    """(path, digest) of each file of one package."""
    count, length = struct.unpack_from(">II", header)
    store = header[8 + 16 * count : 8 + 16 * count + length]
    values: dict[int, list[str]] = {}
    indexes: tuple[int, ...] = ()
    for number in range(count):
        tag, kind, offset, size = struct.unpack_from(">IIII", header, 8 + 16 * number)
        if tag == _INDEXES and kind == _INT32:
            indexes = struct.unpack_from(f">{size}i", store, offset)
        elif tag in (_DIGESTS, _NAMES, _FOLDER_NAMES) and kind == _STRING_ARRAY:
            texts = store[offset:].split(b"\0", size)[:size]
            values[tag] = [text.decode("utf-8", "surrogateescape") for text in texts]
    folders, names = values.get(_FOLDER_NAMES, []), values.get(_NAMES, [])
    digests = values.get(_DIGESTS) or [""] * len(names)
    for name, index, digest in zip(names, indexes, digests, strict=False):
        yield folders[index] + name, digest
