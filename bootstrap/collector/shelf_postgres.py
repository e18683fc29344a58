"""The shelf of a PostgreSQL store, which several replicas share: a text or bundle of one is served by all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from bootstrap.collector.shelf import UNFINISHED_S, Swept, cut_off, judge_room, judge_text
from bootstrap.collector.store import Clock, Ref

# The content is random to a compressor, so the database need not try.
TABLES = """
    CREATE TABLE runner_texts (sha256 text COLLATE "C" PRIMARY KEY, content bytea NOT NULL,
        used_at double precision NOT NULL);
    CREATE TABLE runner_refs (sha256 text COLLATE "C" NOT NULL, deploy_id text COLLATE "C" NOT NULL,
        PRIMARY KEY (sha256, deploy_id));
    CREATE TABLE bundles (sha256 text COLLATE "C" PRIMARY KEY, size bigint NOT NULL, expires bigint NOT NULL,
        begun_at double precision NOT NULL, whole boolean NOT NULL);
    CREATE TABLE bundle_blocks (sha256 text COLLATE "C" NOT NULL, number integer NOT NULL, content bytea NOT NULL,
        PRIMARY KEY (sha256, number));
    ALTER TABLE runner_texts ALTER COLUMN content SET STORAGE EXTERNAL;
    ALTER TABLE bundle_blocks ALTER COLUMN content SET STORAGE EXTERNAL;
    """
LOCK = 0x1219  # of the shelf's bounds: two replicas that count at the same time would both find room for the last one

Job = Callable[[Any], Awaitable[Any]]


class PostgresShelf:
    """See `shelf.Shelf`. write, read: run a job on a connection, in a transaction or without one."""

    def __init__(
        self, write: Callable[[Job], Awaitable[Any]], read: Callable[[Job], Awaitable[Any]], clock: Clock
    ) -> None:
        self._write, self._read, self._clock = write, read, clock

    async def texts(self) -> set[str]:
        rows = await self._read(lambda c: c.fetch("SELECT sha256 FROM runner_texts"))
        return {row["sha256"] for row in rows}

    async def text(self, sha256: str) -> bytes | None:
        return await self._value("SELECT content FROM runner_texts WHERE sha256 = $1", sha256)

    async def keep_text(self, sha256: str, content: bytes, most: int | None) -> bool:
        async def keep(connection: Any) -> bool:
            await _lock(connection)
            if await _use(connection, sha256, self._clock()):
                return False
            judge_text(await connection.fetchval("SELECT count(*) FROM runner_texts"), most)
            await connection.execute(
                "INSERT INTO runner_texts VALUES ($1, $2, $3)", sha256, content, self._clock()
            )  # fmt: skip
            return True

        is_new: bool = await self._write(keep)
        return is_new

    async def use_text(self, sha256: str) -> None:
        await self._write(lambda connection: _use(connection, sha256, self._clock()))

    async def begin_bundle(self, sha256: str, size: int, expires: int, room: int) -> bool:
        async def begin(connection: Any) -> bool:
            await _lock(connection)
            is_whole = await connection.fetchval("SELECT whole FROM bundles WHERE sha256 = $1", sha256)
            if is_whole is None:
                await _make_room(connection, size, room, self._clock())
            await connection.execute(
                """INSERT INTO bundles VALUES ($1, $2, $3, $4, false) ON CONFLICT (sha256) DO UPDATE
                   SET expires = greatest(bundles.expires, excluded.expires), begun_at = excluded.begun_at""",
                sha256, size, expires, self._clock(),
            )  # fmt: skip
            return bool(is_whole)

        is_whole: bool = await self._write(begin)
        return is_whole

    async def keep_block(self, sha256: str, number: int, content: bytes) -> None:
        sql = "INSERT INTO bundle_blocks VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
        await self._write(lambda c: c.execute(sql, sha256, number, content))

    async def end_bundle(self, sha256: str) -> None:
        sql = """UPDATE bundles SET whole = true WHERE sha256 = $1
                 AND size = (SELECT sum(octet_length(content)) FROM bundle_blocks WHERE sha256 = $1)"""
        if await self._write(lambda c: c.execute(sql, sha256)) == "UPDATE 0":
            raise cut_off()

    async def bundle(self, sha256: str) -> tuple[int, bytes] | None:
        sql = """SELECT size, content FROM bundles JOIN bundle_blocks USING (sha256)
                 WHERE sha256 = $1 AND whole AND number = 0"""
        row = await self._read(lambda c: c.fetchrow(sql, sha256))
        return None if row is None else (row["size"], row["content"])

    async def block(self, sha256: str, number: int) -> bytes | None:
        return await self._value("SELECT content FROM bundle_blocks WHERE sha256 = $1 AND number = $2", sha256, number)

    async def sweep(self, own: str | None, unused_s: float) -> Swept:
        async def sweep(connection: Any) -> Swept:
            now = self._clock()
            await _lock(connection)
            await connection.execute(
                "DELETE FROM runner_refs f WHERE NOT EXISTS (SELECT 1 FROM runs WHERE deploy_id = f.deploy_id)"
            )
            texts = await connection.fetch(
                """DELETE FROM runner_texts WHERE sha256 IS DISTINCT FROM $1 AND used_at <= $2
                   AND sha256 NOT IN (SELECT sha256 FROM runner_refs) RETURNING sha256""",
                own, now - unused_s,
            )  # fmt: skip
            return Swept(tuple(row["sha256"] for row in texts), await _remove_ended(connection, now))

        swept: Swept = await self._write(sweep)
        return swept

    async def _value(self, sql: str, *values: str | int) -> bytes | None:
        content: bytes | None = await self._read(lambda c: c.fetchval(sql, *values))
        return content


async def keep_refs(connection: Any, refs: set[Ref]) -> None:
    """Store that deploys need texts, in the transaction of the connection. refs: (SHA-256, deploy id)."""
    # In one order, so that two replicas wait for each other and never deadlock.
    await connection.executemany("INSERT INTO runner_refs VALUES ($1, $2) ON CONFLICT DO NOTHING", sorted(refs))


async def _lock(connection: Any) -> None:
    await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)


async def _use(connection: Any, sha256: str, now: float) -> bool:
    """Note the use of a text. Whether there is one."""
    sql = "UPDATE runner_texts SET used_at = greatest(used_at, $1) WHERE sha256 = $2"
    return bool(await connection.execute(sql, now, sha256) != "UPDATE 0")


async def _make_room(connection: Any, size: int, room: int, now: float) -> None:
    """Remove what has expired if a bundle of this size needs its room. Raises Refusal 507."""
    total = "SELECT coalesce(sum(size), 0)::bigint, min(expires) FROM bundles"
    used, next_end = await connection.fetchrow(total)
    if used + size > room and await _remove_ended(connection, now):
        used, next_end = await connection.fetchrow(total)
    judge_room(size, used, room, next_end)


async def _remove_ended(connection: Any, now: float) -> int:
    """Remove bundles that have expired and uploads that were cut off. The number of bundles."""
    removed = await connection.fetch(
        "DELETE FROM bundles WHERE expires <= $1 OR (NOT whole AND begun_at <= $2) RETURNING sha256",
        now, now - UNFINISHED_S,
    )  # fmt: skip
    await connection.execute("DELETE FROM bundle_blocks WHERE sha256 NOT IN (SELECT sha256 FROM bundles)")
    return len(removed)
