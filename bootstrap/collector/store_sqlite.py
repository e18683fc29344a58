"""The store for one collector: SQLite in WAL mode, one writer thread, many reports a commit.

Every commit is synced (synchronous=FULL is a setting of the connection, so each one sets it), and a report is
answered only after the commit that holds it. Only one process may write: the writer remembers the runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import logging
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from bootstrap.collector import leases_sqlite, shelf_sqlite
from bootstrap.collector.leases import Lease, LeaseRequest
from bootstrap.collector.model import Expected, Report, Run, decode, encode
from bootstrap.collector.refusal import Refusal
from bootstrap.collector.shelf_sqlite import SqliteShelf
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

# Each entry takes the schema one version on; an entry that has been released is never changed.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE runs (server TEXT NOT NULL, deploy_id TEXT NOT NULL, record TEXT NOT NULL,
           PRIMARY KEY (server, deploy_id)) WITHOUT ROWID""",
        "CREATE INDEX runs_by_deploy ON runs (deploy_id, server)",
        """CREATE TABLE events (n INTEGER PRIMARY KEY, server TEXT NOT NULL, deploy_id TEXT NOT NULL,
           journal TEXT NOT NULL, seq INTEGER NOT NULL, late INTEGER NOT NULL, received_at REAL NOT NULL,
           event TEXT NOT NULL)""",
        "CREATE UNIQUE INDEX events_once ON events (server, deploy_id, journal, seq)",
    ),
    leases_sqlite.TABLES,
    shelf_sqlite.TABLES,
)
# A batch is one statement of each kind, and its rows are handed over as JSON. Every step of a statement releases
# Python's lock and waits to get it back, so one statement for each row would be slower than the disk.
FIND_RUNS = """SELECT r.server, r.deploy_id, r.record FROM json_each(?) AS k CROSS JOIN runs AS r
    ON r.server = json_extract(k.value, '$[0]') AND r.deploy_id = json_extract(k.value, '$[1]')"""
ADD_EVENTS = """INSERT INTO events (server, deploy_id, journal, seq, late, received_at, event)
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
    json_extract(value, '$[3]'), json_extract(value, '$[4]'), json_extract(value, '$[5]'), json_extract(value, '$[6]')
    FROM json_each(?) ORDER BY key"""
KEEP_RUNS = """INSERT INTO runs (server, deploy_id, record)
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]')
    FROM json_each(?) WHERE true
    ON CONFLICT (server, deploy_id) DO UPDATE SET record=excluded.record"""
MAX_REMEMBERED = 20_000  # runs, about 2 KB each; past it they are read again

_T = TypeVar("_T")
# A write that is no report: it gets the writer's connection, and a transaction of its own.
Job = Callable[[sqlite3.Connection], Any]
_Queued = tuple[Write | Job, "asyncio.Future[Any]"]


class SqliteStore:
    """See `store.Store`. path: the database file, made with mode 0600; its folder must exist."""

    recheck_s = 3600.0  # no other process writes, so `changed` misses nothing

    def __init__(self, path: Path, clock: Clock = time.time) -> None:
        self._path, self._clock = path, clock
        self._queue: queue.SimpleQueue[_Queued | None] = queue.SimpleQueue()
        self._waiting = 0
        self._remembered: dict[Key, Run] = {}
        self._readers = ThreadPoolExecutor(2, thread_name_prefix="sqlite-reader")
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._writer: threading.Thread | None = None
        self._lock: int | None = None
        self.shelf = SqliteShelf(self._write, self._read, clock)

    # --- life -------------------------------------------------------------------------------------------------------

    async def open(self, changed: Changed) -> None:
        self._loop, self._changed = asyncio.get_running_loop(), changed
        try:
            self._lock = self._claim()
            connection = self._connect()
            migrate(connection, self._path)
        except (OSError, sqlite3.Error) as error:
            await self.close()
            raise CollectorError(f"{self._path} cannot be used as a store: {error}") from error
        self._writer = threading.Thread(target=self._write_all, args=(connection,), name="sqlite-writer", daemon=True)
        self._writer.start()

    async def close(self) -> None:
        if self._writer is not None:
            self._queue.put(None)
            await asyncio.to_thread(self._writer.join)
            self._writer = None
        self._readers.shutdown()
        for connection in self._connections:
            connection.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _claim(self) -> int:
        """Take the lock of this store, a file beside the database."""
        # Not a lock on the database: closing a descriptor of that file would drop the locks of SQLite itself.
        beside = self._path.with_name(self._path.name + ".lock")
        lock = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise CollectorError(
                f"{self._path} is in use by another collector", hint="several collectors share a PostgreSQL store"
            ) from None
        # The database may hold logs of servers, so its mode must not depend on the umask. The -wal and -shm files of
        # SQLite get the same mode.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))
        return lock

    def _connect(self) -> sqlite3.Connection:
        # Without an isolation level the module begins no transaction by itself. The threads are not checked because
        # close() runs on another one than the connection's own.
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=10)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        self._connections.append(connection)
        return connection

    # --- writing ----------------------------------------------------------------------------------------------------

    async def take(self, report: Report) -> int:
        acked: int = await self._write(report)
        return acked

    async def expect(self, manifests: tuple[Expected, ...]) -> None:
        await self._write(Expect(manifests))

    async def lease(self, request: LeaseRequest) -> Lease:
        lease: Lease = await self._write(lambda connection: leases_sqlite.lease(connection, request, self._clock()))
        return lease

    async def _write(self, write: Write | Job) -> Any:
        if self._waiting >= MAX_WAITING:
            raise Refusal("full", f"{self._waiting} writes are waiting for the disk", retry_after_s=2)
        if self._writer is None:
            raise Refusal("stopping", "the collector is stopping", retry_after_s=2)
        done: asyncio.Future[Any] = self._loop.create_future()
        self._waiting += 1
        self._queue.put((write, done))
        return await done

    def _write_all(self, connection: sqlite3.Connection) -> None:
        stop = False
        while not stop:
            batch: list[_Queued] = []
            item = self._queue.get()
            while item is not None:
                batch.append(item)
                if len(batch) == MAX_BATCH:
                    break
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
            # None is the last entry of the queue: close() puts it there, and everything before it is written.
            stop = item is None
            writes = [queued for queued in batch if not callable(queued[0])]
            if writes:
                self._commit(connection, writes)
            for write, done in batch:
                # A transaction of its own, so that no lease waits for a report to be right, nor a report for a lease.
                if callable(write):
                    self._commit_job(connection, write, done)

    def _commit_job(self, connection: sqlite3.Connection, job: Job, done: asyncio.Future[Any]) -> None:
        try:
            outcome = _in_transaction(connection, job)
        except Refusal as refusal:
            outcome = refusal
        except Exception as error:
            logger.exception("store=sqlite result=failed job=%s", job.__qualname__)
            outcome = _refusal(error)
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._answer_one, done, outcome)

    def _commit(self, connection: sqlite3.Connection, batch: list[_Queued]) -> None:
        writes = [write for write, _ in batch if not callable(write)]
        try:
            settled = self._transact(connection, writes)
            outcomes, keys = settled.outcomes, list(settled.runs)
        except Exception as error:
            # Nothing of the batch is on disk: each sender gets an error, and the worked out runs are forgotten.
            self._remembered.clear()
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            logger.exception("store=sqlite result=failed batch=%d", len(batch))
            outcomes, keys = [_refusal(error)] * len(batch), []
        # A closed loop raises RuntimeError; nobody waits for an answer then.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._answer, batch, outcomes, keys)

    def _transact(self, connection: sqlite3.Connection, writes: list[Write]) -> Settled:
        connection.execute("BEGIN IMMEDIATE")
        if len(self._remembered) > MAX_REMEMBERED:
            self._remembered.clear()
        unknown = [key for key in keys_of(writes) if key not in self._remembered]
        rows = connection.execute(FIND_RUNS, (json.dumps(unknown),)).fetchall()
        self._remembered.update({(server, deploy_id): decode(record) for server, deploy_id, record in rows})
        now = self._clock()
        settled = settle(writes, self._remembered, now)
        events = [(*key, e.journal, e.seq, e.late, now, json.dumps(e.event)) for key, e in settled.events]
        connection.execute(ADD_EVENTS, (json.dumps(events),))
        connection.execute(KEEP_RUNS, (json.dumps([(*key, encode(run)) for key, run in settled.runs.items()]),))
        if refs := refs_of(writes):
            shelf_sqlite.keep_refs(connection, refs)
        connection.execute("COMMIT")
        # Only now: what is remembered is on disk.
        self._remembered.update(settled.runs)
        return settled

    def _answer_one(self, done: asyncio.Future[Any], outcome: Any) -> None:
        self._waiting -= 1
        # A future is done already when its client has closed the connection.
        if done.done():
            return
        if isinstance(outcome, Refusal):
            done.set_exception(outcome)
        else:
            done.set_result(outcome)

    def _answer(self, batch: list[_Queued], outcomes: list[int | Refusal], keys: list[Key]) -> None:
        for (_, done), outcome in zip(batch, outcomes, strict=True):
            self._answer_one(done, outcome)
        if keys:
            self._changed(keys)

    # --- reading ----------------------------------------------------------------------------------------------------

    async def run(self, server: str, deploy_id: str | None) -> Run | None:
        sql, values = "SELECT record FROM runs WHERE server=? ORDER BY deploy_id DESC LIMIT 1", [server]
        if deploy_id is not None:
            sql, values = "SELECT record FROM runs WHERE server=? AND deploy_id=?", [server, deploy_id]
        rows = await self._read(lambda c: c.execute(sql, values).fetchall())
        return decode(rows[0][0]) if rows else None

    async def runs(self, deploy_id: str | None) -> list[Run]:
        sql, values = "SELECT record FROM runs WHERE deploy_id=? ORDER BY server", [deploy_id]
        if deploy_id is None:
            sql, values = (
                """SELECT record FROM runs AS r WHERE deploy_id=(SELECT max(deploy_id) FROM runs WHERE server=r.server)
                   ORDER BY server""",
                [],
            )
        return await self._read(lambda c: [decode(row[0]) for row in c.execute(sql, values)])

    async def events(self, server: str, deploy_id: str) -> list[dict[str, Any]]:
        sql = "SELECT event, journal, received_at, late FROM events WHERE server=? AND deploy_id=? ORDER BY n"

        def read(connection: sqlite3.Connection) -> list[dict[str, Any]]:
            rows = connection.execute(sql, (server, deploy_id))
            return [
                {**json.loads(event), "journal": journal, "received_at": at, "late": bool(late)}
                for event, journal, at, late in rows
            ]

        return await self._read(read)

    async def leases(self) -> list[Lease]:
        return await self._read(lambda c: leases_sqlite.held(c, self._clock()))

    async def _read(self, question: Callable[[sqlite3.Connection], _T]) -> _T:
        return await self._loop.run_in_executor(self._readers, self._ask, question)

    def _ask(self, question: Callable[[sqlite3.Connection], _T]) -> _T:
        # A connection for each reading thread: WAL lets them read while the writer commits.
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
        return question(connection)


def _in_transaction(connection: sqlite3.Connection, job: Job) -> Any:
    """The outcome of a job, which is on disk when this returns."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        outcome = job(connection)
        connection.execute("COMMIT")
    except BaseException:
        # When the error is that of the connection itself, there is no transaction left to end.
        with contextlib.suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise
    return outcome


def _refusal(error: Exception) -> Refusal:
    if isinstance(error, sqlite3.Error) and "disk is full" in str(error):
        return Refusal("full", "the collector's disk is full", retry_after_s=60)
    return Refusal("unavailable", f"nothing could be written: {type(error).__name__}", retry_after_s=5)


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the schema to the newest version; the changes and their record share one transaction.

    Raises CollectorError when the file was written by a newer release.
    """
    connection.execute("BEGIN EXCLUSIVE")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        connection.execute("ROLLBACK")
        raise CollectorError(
            f"{path} has schema {version}; this release reads up to {len(MIGRATIONS)}", hint="upgrade first"
        )
    for statements in MIGRATIONS[version:]:
        for statement in statements:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version={len(MIGRATIONS)}")
    connection.execute("COMMIT")
