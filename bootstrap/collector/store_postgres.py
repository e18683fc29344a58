"""The store for several collectors behind a load balancer: PostgreSQL, many reports a commit.

Nothing is remembered between commits: another replica may have written meanwhile. The rows of a batch are locked in
one order, so two replicas wait for each other and never deadlock. NOTIFY names the changed servers to all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

import asyncpg

from bootstrap.collector import leases_postgres, shelf_postgres
from bootstrap.collector.leases import Lease, LeaseRequest
from bootstrap.collector.model import Expected, Report, Run, decode, encode
from bootstrap.collector.refusal import Refusal
from bootstrap.collector.shelf_postgres import Job, PostgresShelf
from bootstrap.collector.store import (
    MAX_BATCH,
    MAX_WAITING,
    Changed,
    Clock,
    Expect,
    Key,
    Settled,
    Write,
    keys_of,
    refs_of,
    settle,
)
from bootstrap.errors import CollectorError

logger = logging.getLogger(__name__)

# Each entry takes the schema one version on; an entry that has been released is never changed. Collation "C" compares
# deploy ids by bytes, as the rest of the program does, whatever the language of the database is.
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE runs (server text COLLATE "C" NOT NULL, deploy_id text COLLATE "C" NOT NULL, record text NOT NULL,
        PRIMARY KEY (server, deploy_id));
    CREATE INDEX runs_by_deploy ON runs (deploy_id, server);
    CREATE TABLE events (n bigserial PRIMARY KEY, server text COLLATE "C" NOT NULL, deploy_id text COLLATE "C" NOT NULL,
        journal text COLLATE "C" NOT NULL, seq bigint NOT NULL, late boolean NOT NULL,
        received_at double precision NOT NULL, event text NOT NULL);
    CREATE UNIQUE INDEX events_once ON events (server, deploy_id, journal, seq);
    """,
    leases_postgres.TABLES,
    shelf_postgres.TABLES,
)
CHANNEL = "initialrunner"
LOCK = 0x1217  # of the schema: replicas that start together migrate one after another
CONNECTIONS = 6
CONNECT_S = 10.0
COMMAND_S = 30.0
_ERRORS = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)

_Queued = tuple[Write, "asyncio.Future[int]"]


class PostgresStore:
    """See `store.Store`. url: postgresql://USER:PASSWORD@HOST/DATABASE."""

    recheck_s = 2.0  # a notification is lost together with its connection; no reader waits longer than this

    def __init__(self, url: str, clock: Clock = time.time) -> None:
        self._url, self._clock = url, clock
        self._queue: list[_Queued] = []
        self._bell = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = False
        self.shelf = PostgresShelf(self._job, self._question, clock)

    # --- life -------------------------------------------------------------------------------------------------------

    async def open(self, changed: Changed) -> None:
        self._changed = changed
        try:
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=1,
                max_size=CONNECTIONS,
                timeout=CONNECT_S,
                command_timeout=COMMAND_S,
                # An acknowledged event is on disk, whatever the server's default says.
                server_settings={"synchronous_commit": "on", "application_name": "initialrunner"},
            )
            async with self._pool.acquire() as connection:
                await migrate(connection)
        except (*_ERRORS, ValueError) as error:
            raise CollectorError(f"the PostgreSQL store cannot be used: {error or type(error).__name__}") from error
        self._tasks = [asyncio.create_task(self._write_all()), asyncio.create_task(self._listen())]

    async def close(self) -> None:
        self._closing = True
        self._bell.set()
        if self._tasks:
            writer, listener = self._tasks
            listener.cancel()
            await asyncio.gather(writer, listener, return_exceptions=True)
            await self._pool.close()

    async def _listen(self) -> None:
        """Receive the notifications of all replicas, this one too. A lost connection is made again."""
        while True:
            with contextlib.suppress(*_ERRORS):
                connection = await asyncpg.connect(self._url, timeout=CONNECT_S)
                lost = asyncio.Event()
                connection.add_termination_listener(lambda *_, lost=lost: lost.set())
                try:
                    await connection.add_listener(CHANNEL, self._heard)
                    await lost.wait()
                finally:
                    # Not close(): that would wait for an answer over a connection that may be dead.
                    connection.terminate()
                logger.warning("store=postgres listener=lost")
            # A database that restarts must not be asked in a tight loop.
            await asyncio.sleep(1.0)

    def _heard(self, _connection: Any, _pid: int, _channel: str, payload: str) -> None:
        # Neither name can hold a slash.
        server, _, deploy_id = payload.partition("/")
        self._changed([(server, deploy_id)])

    # --- writing ----------------------------------------------------------------------------------------------------

    async def take(self, report: Report) -> int:
        return await self._write(report)

    async def expect(self, manifests: tuple[Expected, ...]) -> None:
        await self._write(Expect(manifests))

    async def lease(self, request: LeaseRequest) -> Lease:
        lease: Lease = await self._job(lambda connection: leases_postgres.lease(connection, request))
        return lease

    async def _job(self, job: Job) -> Any:
        """The outcome of a write that is no report, in a transaction of its own."""
        if self._closing:
            raise Refusal("stopping", "the collector is stopping", retry_after_s=2)
        try:
            async with self._transaction() as connection:
                return await job(connection)
        except _ERRORS as error:
            raise _refusal(error) from error

    async def _write(self, write: Write) -> int:
        if len(self._queue) >= MAX_WAITING:
            raise Refusal("full", f"{len(self._queue)} reports are waiting to be written", retry_after_s=2)
        if self._closing:
            raise Refusal("stopping", "the collector is stopping", retry_after_s=2)
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._queue.append((write, done))
        self._bell.set()
        return await done

    async def _write_all(self) -> None:
        while True:
            await self._bell.wait()
            self._bell.clear()
            while self._queue:
                batch, self._queue = self._queue[:MAX_BATCH], self._queue[MAX_BATCH:]
                await self._commit(batch)
            if self._closing:
                return

    async def _commit(self, batch: list[_Queued]) -> None:
        writes = [write for write, _ in batch]
        try:
            outcomes = (await self._transact(writes)).outcomes
        except Exception as error:
            logger.exception("store=postgres result=failed batch=%d", len(batch))
            outcomes = [_refusal(error)] * len(batch)
        for (_, done), outcome in zip(batch, outcomes, strict=True):
            # A future is done already when its client has closed the connection.
            if done.done():
                continue
            if isinstance(outcome, Refusal):
                done.set_exception(outcome)
            else:
                done.set_result(outcome)

    async def _transact(self, writes: list[Write]) -> Settled:
        async with self._transaction() as connection:
            runs = await _locked(connection, sorted(keys_of(writes)))
            now = self._clock()
            settled = settle(writes, runs, now)
            await connection.executemany(
                """INSERT INTO events (server, deploy_id, journal, seq, late, received_at, event)
                   VALUES ($1, $2, $3, $4, $5, $6, $7)""",
                [(*key, e.journal, e.seq, e.late, now, json.dumps(e.event)) for key, e in settled.events],
            )
            await connection.executemany(
                "UPDATE runs SET record=$3 WHERE server=$1 AND deploy_id=$2",
                [(*key, encode(run)) for key, run in settled.runs.items()],
            )
            # A refused report must not leave behind the row that was made only to be locked. No other transaction
            # ever sees such a row.
            await connection.executemany(
                "DELETE FROM runs WHERE server=$1 AND deploy_id=$2 AND record=''",
                [key for key in keys_of(writes) if key not in settled.runs and key not in runs],
            )
            if refs := refs_of(writes):
                await shelf_postgres.keep_refs(connection, refs)
            await connection.executemany(
                "SELECT pg_notify($1, $2)", [(CHANNEL, f"{server}/{deploy_id}") for server, deploy_id in settled.runs]
            )
        return settled

    @contextlib.asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Any]:
        async with self._pool.acquire() as connection, connection.transaction():
            yield connection

    # --- reading ----------------------------------------------------------------------------------------------------

    async def run(self, server: str, deploy_id: str | None) -> Run | None:
        sql, values = "SELECT record FROM runs WHERE server=$1 ORDER BY deploy_id DESC LIMIT 1", [server]
        if deploy_id is not None:
            sql, values = "SELECT record FROM runs WHERE server=$1 AND deploy_id=$2", [server, deploy_id]
        rows = await self._fetch(sql, *values)
        return decode(rows[0]["record"]) if rows else None

    async def runs(self, deploy_id: str | None) -> list[Run]:
        if deploy_id is not None:
            rows = await self._fetch("SELECT record FROM runs WHERE deploy_id=$1 ORDER BY server", deploy_id)
        else:
            rows = await self._fetch("""SELECT DISTINCT ON (server) record FROM runs ORDER BY server, deploy_id DESC""")
        return [decode(row["record"]) for row in rows]

    async def events(self, server: str, deploy_id: str) -> list[dict[str, Any]]:
        rows = await self._fetch(
            "SELECT event, journal, received_at, late FROM events WHERE server=$1 AND deploy_id=$2 ORDER BY n",
            server,
            deploy_id,
        )
        return [
            {**json.loads(r["event"]), "journal": r["journal"], "received_at": r["received_at"], "late": r["late"]}
            for r in rows
        ]

    async def leases(self) -> list[Lease]:
        leases: list[Lease] = await self._question(leases_postgres.held)
        return leases

    async def _fetch(self, sql: str, *values: str) -> list[Any]:
        rows: list[Any] = await self._question(lambda connection: connection.fetch(sql, *values))
        return rows

    async def _question(self, question: Job) -> Any:
        try:
            async with self._pool.acquire() as connection:
                return await question(connection)
        except _ERRORS as error:
            raise _refusal(error) from error


async def _locked(connection: Any, keys: list[Key]) -> dict[Key, Run]:
    """The runs of these keys, their rows locked until the transaction ends."""
    # A row that does not exist cannot be locked, so two replicas could both insert it: it is made first, with an empty
    # record.
    servers, deploys = [key[0] for key in keys], [key[1] for key in keys]
    await connection.execute(
        """INSERT INTO runs (server, deploy_id, record) SELECT s, d, '' FROM unnest($1::text[], $2::text[]) AS k(s, d)
           ON CONFLICT DO NOTHING""",
        servers,
        deploys,
    )
    rows = await connection.fetch(
        """SELECT r.server, r.deploy_id, r.record FROM runs r JOIN unnest($1::text[], $2::text[]) AS k(s, d)
           ON r.server = k.s AND r.deploy_id = k.d ORDER BY r.server, r.deploy_id FOR UPDATE OF r""",
        servers,
        deploys,
    )
    return {(row["server"], row["deploy_id"]): decode(row["record"]) for row in rows if row["record"]}


def _refusal(error: Exception) -> Refusal:
    if isinstance(error, asyncpg.DiskFullError):
        return Refusal("full", "the collector's disk is full", retry_after_s=60)
    return Refusal("unavailable", f"the database does not answer: {type(error).__name__}", retry_after_s=5)


async def migrate(connection: Any) -> None:
    """Bring the schema to the newest version; the changes and their record share one transaction.

    Raises CollectorError when the database was written by a newer release.
    """
    async with connection.transaction():
        # CREATE TABLE IF NOT EXISTS fails when two sessions run it at once, so it stands behind the lock.
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        await connection.execute("CREATE TABLE IF NOT EXISTS initialrunner_schema (version integer NOT NULL)")
        version = await connection.fetchval("SELECT coalesce(max(version), 0) FROM initialrunner_schema")
        if version > len(MIGRATIONS):
            raise CollectorError(
                f"the database has schema {version}; this release reads up to {len(MIGRATIONS)}", hint="upgrade first"
            )
        for number, statements in enumerate(MIGRATIONS[version:], version + 1):
            await connection.execute(statements)
            await connection.execute("INSERT INTO initialrunner_schema VALUES ($1)", number)
