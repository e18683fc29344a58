"""Leases in every store: SQLite, PostgreSQL, and the fake that other tests use."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest
from stores import MakeStore, empty, with_store

from bootstrap.collector import leases, leases_postgres, leases_sqlite
from bootstrap.collector.leases import Lease, LeaseRequest
from bootstrap.collector.refusal import Refusal
from bootstrap.collector.store import Store
from bootstrap.collector.store_sqlite import MIGRATIONS, SqliteStore


def wish(pool: str = "shop.web", holder: str = "a", ttl_s: float = 60, fence: int | None = None) -> LeaseRequest:
    return LeaseRequest(pool, holder, ttl_s, fence)


def refused(store: Store, request: LeaseRequest) -> Awaitable[tuple[str, str]]:
    """The code and the message of a request that must be refused."""

    async def ask() -> tuple[str, str]:
        with pytest.raises(Refusal) as caught:
            await store.lease(request)
        return caught.value.code, caught.value.message

    return ask()


async def when_over(store: Store, request: LeaseRequest) -> Lease:
    """The lease of a request that is refused until the present lease has ended."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await store.lease(request)
            except Refusal:
                await asyncio.sleep(0.02)


def test_one_holder_has_a_pool_and_the_refusal_names_it(make_store: MakeStore) -> None:
    async def story(store: Store) -> tuple[Any, ...]:
        taken = await store.lease(wish(holder="root@ci-1, process 7"))
        other_pool = await store.lease(wish("shop.db", "b"))
        return taken, other_pool, await refused(store, wish(holder="b")), await store.leases()

    taken, other_pool, refusal, held = with_store(make_store, story)
    assert (taken.pool, taken.fence, taken.holder, other_pool.fence) == ("shop.web", 1, "root@ci-1, process 7", 2)
    until = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(taken.until))
    assert refusal == ("held", f"pool shop.web is held by root@ci-1, process 7 until {until}")
    assert held == [other_pool, taken]


def test_a_lease_outlives_the_collector_and_its_fence_only_grows(make_store: MakeStore) -> None:
    first = with_store(make_store, lambda s: s.lease(wish()))
    assert with_store(make_store, lambda s: refused(s, wish(holder="b")))[0] == "held"
    renewed = with_store(make_store, lambda s: s.lease(wish(fence=first.fence, ttl_s=90)))
    assert (renewed.fence, renewed.until > first.until) == (first.fence, True)
    with_store(make_store, lambda s: s.lease(wish(fence=first.fence, ttl_s=0)))
    assert with_store(make_store, lambda s: s.leases()) == []
    second = with_store(make_store, lambda s: s.lease(wish(holder="b")))
    assert second.fence > first.fence


def test_to_end_a_lease_twice_is_no_error_and_ends_no_other(make_store: MakeStore) -> None:
    async def story(store: Store) -> tuple[Any, ...]:
        first = await store.lease(wish())
        for _ in range(2):
            await store.lease(wish(fence=first.fence, ttl_s=0))
        second = await store.lease(wish(holder="b"))
        code, message = await refused(store, wish(fence=first.fence, ttl_s=0))
        return code, message, await store.leases(), second

    code, message, held, second = with_store(make_store, story)
    assert (code, held) == ("lost", [second])
    assert message.startswith("lease 1 of pool shop.web is not yours, or not any more: pool shop.web is held by b ")


def test_only_the_holder_with_its_fence_renews(make_store: MakeStore) -> None:
    async def story(store: Store) -> list[str]:
        taken = await store.lease(wish())
        wrong = [wish(fence=taken.fence + 1), wish(holder="b", fence=taken.fence), wish(ttl_s=0, fence=99)]
        codes = [(await refused(store, request))[0] for request in wrong]
        await store.lease(wish(fence=taken.fence, ttl_s=0))
        return [*codes, (await refused(store, wish(fence=taken.fence)))[0]]

    assert with_store(make_store, story) == ["lost"] * 4


def test_after_its_time_a_lease_is_free_and_its_holder_may_renew_until_it_is_taken(
    make_ticking: MakeStore,
) -> None:
    async def story(store: Store) -> tuple[Any, ...]:
        short = await store.lease(wish(ttl_s=0.05))
        async with asyncio.timeout(20):
            while await store.leases():
                await asyncio.sleep(0.02)
        renewed = await store.lease(wish(ttl_s=0.05, fence=short.fence))
        other = await when_over(store, wish(holder="b"))
        return short.fence, renewed.fence, other.fence, await refused(store, wish(fence=short.fence))

    first, renewed, other, (code, message) = with_store(make_ticking, story)
    assert (renewed, other > first, code) == (first, True, "lost")
    assert "pool shop.web is held by b until" in message


def test_many_at_once_are_one_holder(make_store: MakeStore) -> None:
    async def story(store: Store) -> list[Any]:
        wishes = (store.lease(wish(holder=f"h{i}")) for i in range(50))
        return list(await asyncio.gather(*wishes, return_exceptions=True))

    outcomes = with_store(make_store, story)
    assert sum(isinstance(outcome, Lease) for outcome in outcomes) == 1
    assert {outcome.code for outcome in outcomes if isinstance(outcome, Refusal)} == {"held"}


def test_leases_are_bounded_and_ended_ones_make_room(
    make_ticking: MakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (leases, leases_sqlite, leases_postgres):
        monkeypatch.setattr(module, "MAX_LEASES", 3)

    async def story(store: Store) -> tuple[Any, ...]:
        short = [await store.lease(wish(f"p{i}", ttl_s=0.2)) for i in range(3)]
        code, _ = await refused(store, wish("more"))
        renewed = await store.lease(wish("p0", fence=short[0].fence))
        return code, renewed.fence, [(await when_over(store, wish(f"q{i}"))).fence for i in range(2)]

    code, renewed, later = with_store(make_ticking, story)
    assert (code, renewed, later) == ("full", 1, [4, 5])


def test_ended_leases_do_not_fill_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases_sqlite, "MAX_LEASES", 3)
    path = tmp_path / "c.db"

    async def story(store: Store) -> None:
        for number in range(10):
            await store.lease(wish(f"p{number}", ttl_s=1e-6))
            await asyncio.sleep(0.001)

    with_store(lambda: SqliteStore(path), story)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM leases").fetchone()[0] <= 4


def test_two_replicas_of_postgres_give_a_pool_to_one_holder(postgres_url: str) -> None:
    """Their own clocks are years apart, so only the clock of the database can decide."""
    from bootstrap.collector.store_postgres import PostgresStore

    asyncio.run(empty(postgres_url))

    async def whole() -> tuple[list[int], list[int]]:
        stores = [PostgresStore(postgres_url, clock=lambda now=now: now) for now in (0.0, 4e9)]  # type: ignore[misc]
        for store in stores:
            await store.open(lambda _: None)
        winners, fences = [], []
        try:
            for number in range(50):
                wishes = (store.lease(wish(f"p{number}", f"h{i}")) for i, store in enumerate(stores))
                outcomes = await asyncio.gather(*wishes, return_exceptions=True)
                taken = [outcome for outcome in outcomes if isinstance(outcome, Lease)]
                winners.append(len(taken))
                fences += [lease.fence for lease in taken]
            assert await stores[0].leases() == await stores[1].leases()
        finally:
            for store in stores:
                await store.close()
        return winners, fences

    assert asyncio.run(whole()) == ([1] * 50, list(range(1, 51)))


def test_a_sqlite_store_of_the_first_schema_gets_leases(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for statement in MIGRATIONS[0]:
            connection.execute(statement)
        connection.execute("PRAGMA user_version=1")
        connection.commit()
    assert with_store(lambda: SqliteStore(path), lambda s: s.lease(wish())).fence == 1


def test_a_postgres_store_of_the_first_schema_gets_leases(postgres_url: str) -> None:
    import asyncpg

    from bootstrap.collector import store_postgres

    async def whole() -> Lease:
        await empty(postgres_url)
        connection = await asyncpg.connect(postgres_url)
        await connection.execute("CREATE TABLE initialrunner_schema (version integer NOT NULL)")
        await connection.execute(store_postgres.MIGRATIONS[0])
        await connection.execute("INSERT INTO initialrunner_schema VALUES (1)")
        await connection.close()
        store = store_postgres.PostgresStore(postgres_url)
        await store.open(lambda _: None)
        try:
            return await store.lease(wish())
        finally:
            await store.close()

    assert asyncio.run(whole()).fence == 1
