"""The leases of a PostgreSQL store, which several replicas share: they have one lock and the clock of the database."""

from __future__ import annotations

from typing import Any

from bootstrap.collector.leases import MAX_LEASES, Lease, LeaseRequest, Ledger, settle_lease

TABLES = """
    CREATE TABLE leases (pool text COLLATE "C" PRIMARY KEY, fence bigint NOT NULL, holder text NOT NULL,
        until double precision NOT NULL);
    CREATE TABLE last_fence (fence bigint NOT NULL);
    INSERT INTO last_fence VALUES (0);
    """
# now() would be the time at which the transaction began, before it had the lock.
_NOW = "SELECT extract(epoch FROM clock_timestamp())::double precision"


async def lease(connection: Any, request: LeaseRequest) -> Lease:
    """Take, renew or end a lease, in the transaction of the connection. Raises Refusal 409 or 429."""
    # The lock of this row makes the requests of all replicas one line: the row of a pool may not exist yet, and cannot
    # be locked then.
    last_fence = await connection.fetchval("SELECT fence FROM last_fence FOR UPDATE")
    now = await connection.fetchval(_NOW)
    row = await connection.fetchrow("SELECT pool, fence, holder, until FROM leases WHERE pool = $1", request.pool)
    others = await connection.fetchval("SELECT count(*) FROM leases WHERE until > $1 AND pool <> $2", now, request.pool)
    settled = settle_lease(request, Ledger(None if row is None else Lease(*row), others, last_fence), now)
    await _keep(connection, request, settled, last_fence, now)
    return settled


async def held(connection: Any) -> list[Lease]:
    """The leases that have not ended, by pool."""
    now = await connection.fetchval(_NOW)
    rows = await connection.fetch("SELECT pool, fence, holder, until FROM leases WHERE until > $1 ORDER BY pool", now)
    return [Lease(*row) for row in rows]


async def _keep(connection: Any, request: LeaseRequest, settled: Lease, last_fence: int, now: float) -> None:
    if request.ttl_s == 0:
        await connection.execute("DELETE FROM leases WHERE pool = $1 AND fence = $2", settled.pool, settled.fence)
        return
    await connection.execute(
        """INSERT INTO leases (pool, fence, holder, until) VALUES ($1, $2, $3, $4)
           ON CONFLICT (pool) DO UPDATE SET fence=excluded.fence, holder=excluded.holder, until=excluded.until""",
        settled.pool, settled.fence, settled.holder, settled.until,
    )  # fmt: skip
    if settled.fence > last_fence:
        await connection.execute("UPDATE last_fence SET fence = $1", settled.fence)
        await connection.execute(
            "DELETE FROM leases WHERE until <= $1 AND (SELECT count(*) FROM leases) > $2", now, MAX_LEASES
        )
