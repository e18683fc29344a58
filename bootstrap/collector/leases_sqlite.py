"""The leases of a SQLite store. One connection writes them, so each request is one transaction without waiting."""

from __future__ import annotations

import sqlite3

from bootstrap.collector.leases import MAX_LEASES, Lease, LeaseRequest, Ledger, settle_lease

TABLES = (
    """CREATE TABLE leases (pool TEXT PRIMARY KEY, fence INTEGER NOT NULL, holder TEXT NOT NULL, until REAL NOT NULL)
       WITHOUT ROWID""",
    "CREATE TABLE last_fence (fence INTEGER NOT NULL)",
    "INSERT INTO last_fence VALUES (0)",
)


def lease(connection: sqlite3.Connection, request: LeaseRequest, now: float) -> Lease:
    """Take, renew or end a lease, in the transaction of the connection. Raises Refusal 409 or 429."""
    ledger = _ledger(connection, request.pool, now)
    settled = settle_lease(request, ledger, now)
    _keep(connection, request, settled, ledger.last_fence, now)
    return settled


def held(connection: sqlite3.Connection, now: float) -> list[Lease]:
    """The leases that have not ended, by pool."""
    rows = connection.execute("SELECT pool, fence, holder, until FROM leases WHERE until > ? ORDER BY pool", (now,))
    return [Lease(*row) for row in rows]


def _ledger(connection: sqlite3.Connection, pool: str, now: float) -> Ledger:
    row = connection.execute("SELECT pool, fence, holder, until FROM leases WHERE pool = ?", (pool,)).fetchone()
    others = connection.execute("SELECT count(*) FROM leases WHERE until > ? AND pool <> ?", (now, pool)).fetchone()
    last = connection.execute("SELECT fence FROM last_fence").fetchone()
    return Ledger(None if row is None else Lease(*row), others[0], last[0])


def _keep(connection: sqlite3.Connection, request: LeaseRequest, settled: Lease, last_fence: int, now: float) -> None:
    if request.ttl_s == 0:
        connection.execute("DELETE FROM leases WHERE pool = ? AND fence = ?", (settled.pool, settled.fence))
        return
    connection.execute(
        """INSERT INTO leases (pool, fence, holder, until) VALUES (?, ?, ?, ?)
           ON CONFLICT (pool) DO UPDATE SET fence=excluded.fence, holder=excluded.holder, until=excluded.until""",
        (settled.pool, settled.fence, settled.holder, settled.until),
    )
    if settled.fence > last_fence:
        connection.execute("UPDATE last_fence SET fence = ?", (settled.fence,))
        connection.execute(
            "DELETE FROM leases WHERE until <= ? AND (SELECT count(*) FROM leases) > ?", (now, MAX_LEASES)
        )
