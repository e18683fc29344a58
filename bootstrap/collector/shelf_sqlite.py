"""The shelf of a SQLite store. Each write is a transaction of the store's one writer."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from typing import Any

from bootstrap.collector.shelf import UNFINISHED_S, Swept, cut_off, judge_room, judge_text
from bootstrap.collector.store import Clock, Ref

TABLES = (
    "CREATE TABLE runner_texts (sha256 TEXT PRIMARY KEY, content BLOB NOT NULL, used_at REAL NOT NULL)",
    """CREATE TABLE runner_refs (sha256 TEXT NOT NULL, deploy_id TEXT NOT NULL, PRIMARY KEY (sha256, deploy_id))
       WITHOUT ROWID""",
    """CREATE TABLE bundles (sha256 TEXT PRIMARY KEY, size INTEGER NOT NULL, expires INTEGER NOT NULL,
       begun_at REAL NOT NULL, whole INTEGER NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE bundle_blocks (sha256 TEXT NOT NULL, number INTEGER NOT NULL, content BLOB NOT NULL,
       PRIMARY KEY (sha256, number))""",
)  # fmt: skip

Job = Callable[[sqlite3.Connection], Any]


class SqliteShelf:
    """See `shelf.Shelf`. write, read: run a job on the writer's connection, in a transaction, or on a reader's."""

    def __init__(
        self, write: Callable[[Job], Awaitable[Any]], read: Callable[[Job], Awaitable[Any]], clock: Clock
    ) -> None:
        self._write, self._read, self._clock = write, read, clock

    async def texts(self) -> set[str]:
        rows = await self._read(lambda c: c.execute("SELECT sha256 FROM runner_texts").fetchall())
        return {sha256 for (sha256,) in rows}

    async def text(self, sha256: str) -> bytes | None:
        return await self._value("SELECT content FROM runner_texts WHERE sha256 = ?", sha256)

    async def keep_text(self, sha256: str, content: bytes, most: int | None) -> bool:
        def keep(connection: sqlite3.Connection) -> bool:
            if _use(connection, sha256, self._clock()):
                return False
            judge_text(connection.execute("SELECT count(*) FROM runner_texts").fetchone()[0], most)
            connection.execute("INSERT INTO runner_texts VALUES (?, ?, ?)", (sha256, content, self._clock()))
            return True

        is_new: bool = await self._write(keep)
        return is_new

    async def use_text(self, sha256: str) -> None:
        await self._write(lambda connection: _use(connection, sha256, self._clock()))

    async def begin_bundle(self, sha256: str, size: int, expires: int, room: int) -> bool:
        def begin(connection: sqlite3.Connection) -> bool:
            kept = connection.execute("SELECT whole FROM bundles WHERE sha256 = ?", (sha256,)).fetchone()
            if kept is None:
                _make_room(connection, size, room, self._clock())
            connection.execute(
                """INSERT INTO bundles VALUES (?, ?, ?, ?, 0) ON CONFLICT (sha256)
                   DO UPDATE SET expires = max(expires, excluded.expires), begun_at = excluded.begun_at""",
                (sha256, size, expires, self._clock()),
            )
            return bool(kept and kept[0])

        is_whole: bool = await self._write(begin)
        return is_whole

    async def keep_block(self, sha256: str, number: int, content: bytes) -> None:
        row = (sha256, number, content)
        await self._write(lambda c: c.execute("INSERT INTO bundle_blocks VALUES (?, ?, ?) ON CONFLICT DO NOTHING", row))

    async def end_bundle(self, sha256: str) -> None:
        sql = """UPDATE bundles SET whole = 1 WHERE sha256 = ?1
                 AND size = (SELECT sum(length(content)) FROM bundle_blocks WHERE sha256 = ?1)"""
        if await self._write(lambda c: c.execute(sql, (sha256,)).rowcount) == 0:
            raise cut_off()

    async def bundle(self, sha256: str) -> tuple[int, bytes] | None:
        sql = """SELECT size, content FROM bundles JOIN bundle_blocks USING (sha256)
                 WHERE sha256 = ? AND whole AND number = 0"""
        row: tuple[int, bytes] | None = await self._read(lambda c: c.execute(sql, (sha256,)).fetchone())
        return row

    async def block(self, sha256: str, number: int) -> bytes | None:
        return await self._value("SELECT content FROM bundle_blocks WHERE sha256 = ? AND number = ?", sha256, number)

    async def sweep(self, own: str | None, unused_s: float) -> Swept:
        def sweep(connection: sqlite3.Connection) -> Swept:
            now = self._clock()
            connection.execute(
                "DELETE FROM runner_refs AS f WHERE NOT EXISTS (SELECT 1 FROM runs WHERE deploy_id = f.deploy_id)"
            )
            texts = connection.execute(
                """SELECT sha256 FROM runner_texts WHERE sha256 IS NOT ? AND used_at <= ?
                   AND sha256 NOT IN (SELECT sha256 FROM runner_refs)""",
                (own, now - unused_s),
            ).fetchall()
            connection.executemany("DELETE FROM runner_texts WHERE sha256 = ?", texts)
            return Swept(tuple(sha256 for (sha256,) in texts), _remove_ended(connection, now))

        swept: Swept = await self._write(sweep)
        return swept

    async def _value(self, sql: str, *values: str | int) -> bytes | None:
        row = await self._read(lambda c: c.execute(sql, values).fetchone())
        return None if row is None else row[0]


def keep_refs(connection: sqlite3.Connection, refs: set[Ref]) -> None:
    """Store that deploys need texts, in the transaction of the connection. refs: (SHA-256, deploy id)."""
    connection.executemany("INSERT INTO runner_refs VALUES (?, ?) ON CONFLICT DO NOTHING", sorted(refs))


def _use(connection: sqlite3.Connection, sha256: str, now: float) -> bool:
    """Note the use of a text. Whether there is one."""
    sql = "UPDATE runner_texts SET used_at = max(used_at, ?) WHERE sha256 = ?"
    return connection.execute(sql, (now, sha256)).rowcount > 0


def _make_room(connection: sqlite3.Connection, size: int, room: int, now: float) -> None:
    """Remove what has expired if a bundle of this size needs its room. Raises Refusal 507."""
    total = "SELECT coalesce(sum(size), 0), min(expires) FROM bundles"
    used, next_end = connection.execute(total).fetchone()
    if used + size > room and _remove_ended(connection, now):
        used, next_end = connection.execute(total).fetchone()
    judge_room(size, used, room, next_end)


def _remove_ended(connection: sqlite3.Connection, now: float) -> int:
    """Remove bundles that have expired and uploads that were cut off. The number of bundles."""
    ended = connection.execute(
        "DELETE FROM bundles WHERE expires <= ? OR (NOT whole AND begun_at <= ?)", (now, now - UNFINISHED_S)
    )
    connection.execute("DELETE FROM bundle_blocks WHERE sha256 NOT IN (SELECT sha256 FROM bundles)")
    return ended.rowcount
