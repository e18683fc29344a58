"""One suite for every store: SQLite, PostgreSQL, and the fake that other tests use."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import stat
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import postgres
import pytest
import reports
from fake_store import MemoryStore

from bootstrap.collector import leases, leases_postgres, leases_sqlite
from bootstrap.collector.body import read_report
from bootstrap.collector.leases import Lease, LeaseRequest
from bootstrap.collector.model import Expected, Report
from bootstrap.collector.refusal import Refusal
from bootstrap.collector.store import Store
from bootstrap.collector.store_sqlite import MIGRATIONS, SqliteStore
from bootstrap.errors import CollectorError

NOW = 5000.0
MakeStore = Callable[[], Store]


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    programs = postgres.binaries()
    if programs is None:
        pytest.skip("no PostgreSQL in /usr/lib/postgresql: apt-get install postgresql")
    with postgres.cluster(programs) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres", "memory"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> MakeStore:
    """Makes stores that share what they keep, as collectors that are started one after another do."""
    if request.param == "sqlite":
        return lambda: SqliteStore(tmp_path / "collector.db", clock=lambda: NOW)
    if request.param == "memory":
        store = MemoryStore(clock=lambda: NOW)
        return lambda: store
    from bootstrap.collector.store_postgres import PostgresStore

    url = request.getfixturevalue("postgres_url")
    asyncio.run(_empty(url))
    return lambda: PostgresStore(url, clock=lambda: NOW)


@pytest.fixture
def make_ticking(request: pytest.FixtureRequest, make: MakeStore, tmp_path: Path) -> MakeStore:
    """Makes stores whose clock goes. Leases in PostgreSQL go by its own clock in any case."""
    if request.node.callspec.params["make"] == "sqlite":
        return lambda: SqliteStore(tmp_path / "ticking.db")
    if request.node.callspec.params["make"] == "memory":
        store = MemoryStore()
        return lambda: store
    return make


async def _empty(url: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(url)
    await connection.execute("DROP TABLE IF EXISTS runs, events, leases, last_fence, initialrunner_schema")
    await connection.close()


def with_store(make: MakeStore, story: Callable[[Store], Awaitable[Any]]) -> Any:
    """Run a story on an open store, and close it."""

    async def whole() -> Any:
        store = make()
        await store.open(lambda keys: None)
        try:
            return await story(store)
        finally:
            await store.close()

    return asyncio.run(whole())


def report(events: list[dict[str, Any]], **more: Any) -> Report:
    raw = reports.body(events, **more)
    ids = (raw["server"], raw["deploy_id"], raw["journal"])
    return read_report(json.dumps(raw).encode(), *ids, events[0]["seq"] if events else 1)


def test_a_member_stays_in_its_group_and_no_other_key_reports_for_it(make: MakeStore) -> None:
    story = reports.healthy_story("a")
    of_group = replace(report(story[:2], server="web-a"), group="web-*")

    async def first(store: Store) -> None:
        assert await store.take(of_group) == 2

    async def later(store: Store) -> Any:
        with pytest.raises(Refusal) as caught:
            await store.take(report(story, server="web-a"))
        assert (caught.value.status, caught.value.code) == (401, "forged")
        assert await store.take(replace(report(story, server="web-a"), group="web-*")) == len(story)
        return await store.run("web-a", None)

    with_store(make, first)
    run = with_store(make, later)
    assert (run.group, run.view.state) == ("web-*", "healthy")


def test_acknowledged_events_are_there_for_the_next_collector(make: MakeStore) -> None:
    events = reports.healthy_story("packages")
    assert with_store(make, lambda s: s.take(report(events))) == len(events)

    async def look(store: Store) -> tuple[Any, Any]:
        return await store.run("web-1", None), await store.events("web-1", reports.DEPLOY)

    run, stored = with_store(make, look)
    assert (run.view.state, run.closed, run.last_seen) == ("healthy", True, NOW)
    assert stored == [{**e, "journal": reports.JOURNAL, "received_at": NOW, "late": False} for e in events]


def test_a_replay_changes_nothing(make: MakeStore) -> None:
    events = reports.healthy_story("packages")

    async def story(store: Store) -> list[int]:
        return [await store.take(report(events)) for _ in range(3)] + [len(await store.events("web-1", reports.DEPLOY))]

    assert with_store(make, story) == [len(events)] * 4


def test_a_gap_is_remembered_across_a_restart(make: MakeStore) -> None:
    events = reports.healthy_story("packages")
    assert with_store(make, lambda s: s.take(report(events[:2]))) == 2
    assert with_store(make, lambda s: s.take(report(events[3:]))) == 2
    assert with_store(make, lambda s: s.take(report(events[2:3]))) == len(events)
    stored = with_store(make, lambda s: s.events("web-1", reports.DEPLOY))
    assert [e["seq"] for e in stored] == [e["seq"] for e in events]


def test_many_reports_at_once_are_each_answered(make: MakeStore) -> None:
    """They share commits; each of them must still get its own number, and every event must be kept."""

    async def story(store: Store) -> tuple[list[int], int]:
        every = [report(reports.healthy_story("a")[:3], server=f"web-{i}") for i in range(300)]
        acked = await asyncio.gather(*(store.take(single) for single in every))
        return list(acked), len(await store.runs(None))

    assert with_store(make, story) == ([3] * 300, 300)


def test_the_reports_of_one_server_in_one_commit_follow_each_other(make: MakeStore) -> None:
    events = reports.healthy_story("a", "b")

    async def story(store: Store) -> list[int]:
        return list(await asyncio.gather(*(store.take(report([event])) for event in events)))

    assert with_store(make, story) == list(range(1, len(events) + 1))


def test_the_current_deploy_is_the_greatest(make: MakeStore) -> None:
    async def story(store: Store) -> tuple[Any, ...]:
        for deploy_id in ("B", "a", "A"):
            await store.take(report(reports.healthy_story(), deploy_id=deploy_id))
        await store.take(report(reports.healthy_story(), server="web-2", deploy_id="A"))
        current = await store.run("web-1", None)
        named = await store.run("web-1", "A")
        every = [(run.server, run.deploy_id) for run in await store.runs(None)]
        of_one = [(run.server, run.deploy_id) for run in await store.runs("A")]
        assert current and named
        return current.deploy_id, named.deploy_id, every, of_one

    # Ids are compared by bytes, not as a dictionary does: "a" comes after "B".
    assert with_store(make, story) == ("a", "A", [("web-1", "a"), ("web-2", "A")], [("web-1", "A"), ("web-2", "A")])


def test_an_unknown_server_is_none_or_empty(make: MakeStore) -> None:
    async def story(store: Store) -> tuple[Any, ...]:
        return (
            await store.run("x", None),
            await store.run("x", "y"),
            await store.runs("y"),
            await store.events("x", "y"),
        )

    assert with_store(make, story) == (None, None, [], [])


def test_a_refused_report_leaves_nothing_and_harms_no_other(make: MakeStore) -> None:
    async def story(store: Store) -> tuple[Any, ...]:
        good = report(reports.healthy_story(), server="web-1")
        bad = report([reports.event(999_999, "fixed")], server="web-2")
        outcomes = await asyncio.gather(store.take(bad), store.take(good), return_exceptions=True)
        return (*outcomes, await store.run("web-2", None))

    refused, acked, run = with_store(make, story)
    assert isinstance(refused, Refusal) and refused.status == 429
    assert (acked, run) == (len(reports.healthy_story()), None)


def test_an_announced_server_is_known_before_it_speaks(make: MakeStore) -> None:
    async def story(store: Store) -> tuple[Any, ...]:
        await store.expect((Expected("web-1", "d", 60.0, "rev"), Expected("web-2", "d", 60.0)))
        await store.expect((Expected("web-1", "d", 9000.0),))
        run = await store.run("web-1", "d")
        assert run
        return run.expected_at, run.deadline_at, run.revision, run.current, len(await store.runs("d"))

    assert with_store(make, story) == (NOW, NOW + 60, "rev", None, 2)


def test_text_that_databases_refuse_comes_back_unchanged(make: MakeStore) -> None:
    odd = "nul \0, surrogate \ufffd, quote ' \" \\, emoji \N{ROCKET}, \u2028"
    events = [reports.event(1, "fixed", path=odd)]
    with_store(make, lambda s: s.take(report(events)))
    assert with_store(make, lambda s: s.events("web-1", reports.DEPLOY))[0]["path"] == odd


def test_changes_are_announced_after_the_commit(make: MakeStore) -> None:
    async def whole() -> list[tuple[str, str]]:
        store, announced, bell = make(), [], asyncio.Event()

        def changed(keys: Any) -> None:
            announced.extend(keys)
            bell.set()

        await store.open(changed)
        try:
            await asyncio.sleep(0)
            for seq in range(1, 50):
                await store.take(report([reports.event(seq, "fixed", path="/x")]))
                try:
                    # PostgreSQL's listener may still be connecting; what matters is that it hears from then on.
                    await asyncio.wait_for(bell.wait(), 0.2)
                    break
                except TimeoutError:
                    continue
        finally:
            await store.close()
        return announced

    assert set(asyncio.run(whole())) == {("web-1", reports.DEPLOY)}


# --- leases -----------------------------------------------------------------------------------------------------------


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


def test_one_holder_has_a_pool_and_the_refusal_names_it(make: MakeStore) -> None:
    async def story(store: Store) -> tuple[Any, ...]:
        taken = await store.lease(wish(holder="root@ci-1, process 7"))
        other_pool = await store.lease(wish("shop.db", "b"))
        return taken, other_pool, await refused(store, wish(holder="b")), await store.leases()

    taken, other_pool, refusal, held = with_store(make, story)
    assert (taken.pool, taken.fence, taken.holder, other_pool.fence) == ("shop.web", 1, "root@ci-1, process 7", 2)
    until = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(taken.until))
    assert refusal == ("held", f"pool shop.web is held by root@ci-1, process 7 until {until}")
    assert held == [other_pool, taken]


def test_a_lease_outlives_the_collector_and_its_fence_only_grows(make: MakeStore) -> None:
    first = with_store(make, lambda s: s.lease(wish()))
    assert with_store(make, lambda s: refused(s, wish(holder="b")))[0] == "held"
    renewed = with_store(make, lambda s: s.lease(wish(fence=first.fence, ttl_s=90)))
    assert (renewed.fence, renewed.until > first.until) == (first.fence, True)
    with_store(make, lambda s: s.lease(wish(fence=first.fence, ttl_s=0)))
    assert with_store(make, lambda s: s.leases()) == []
    second = with_store(make, lambda s: s.lease(wish(holder="b")))
    assert second.fence > first.fence


def test_to_end_a_lease_twice_is_no_error_and_ends_no_other(make: MakeStore) -> None:
    async def story(store: Store) -> tuple[Any, ...]:
        first = await store.lease(wish())
        for _ in range(2):
            await store.lease(wish(fence=first.fence, ttl_s=0))
        second = await store.lease(wish(holder="b"))
        code, message = await refused(store, wish(fence=first.fence, ttl_s=0))
        return code, message, await store.leases(), second

    code, message, held, second = with_store(make, story)
    assert (code, held) == ("lost", [second])
    assert message.startswith("lease 1 of pool shop.web is not yours, or not any more: pool shop.web is held by b ")


def test_only_the_holder_with_its_fence_renews(make: MakeStore) -> None:
    async def story(store: Store) -> list[str]:
        taken = await store.lease(wish())
        wrong = [wish(fence=taken.fence + 1), wish(holder="b", fence=taken.fence), wish(ttl_s=0, fence=99)]
        codes = [(await refused(store, request))[0] for request in wrong]
        await store.lease(wish(fence=taken.fence, ttl_s=0))
        return [*codes, (await refused(store, wish(fence=taken.fence)))[0]]

    assert with_store(make, story) == ["lost"] * 4


def test_after_its_time_a_lease_is_free_and_its_holder_may_renew_until_it_is_taken(make_ticking: MakeStore) -> None:
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


def test_many_at_once_are_one_holder(make: MakeStore) -> None:
    async def story(store: Store) -> list[Any]:
        wishes = (store.lease(wish(holder=f"h{i}")) for i in range(50))
        return list(await asyncio.gather(*wishes, return_exceptions=True))

    outcomes = with_store(make, story)
    assert sum(isinstance(outcome, Lease) for outcome in outcomes) == 1
    assert {outcome.code for outcome in outcomes if isinstance(outcome, Refusal)} == {"held"}


def test_leases_are_bounded_and_ended_ones_make_room(make_ticking: MakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
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

    asyncio.run(_empty(postgres_url))

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
        await _empty(postgres_url)
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


# --- the stores themselves --------------------------------------------------------------------------------------------


def test_two_replicas_of_postgres_share_one_server(postgres_url: str) -> None:
    from bootstrap.collector.store_postgres import PostgresStore

    asyncio.run(_empty(postgres_url))

    async def whole() -> tuple[list[int], list[int], set[str]]:
        heard: set[str] = set()
        first, second = PostgresStore(postgres_url), PostgresStore(postgres_url)
        # Both migrate at once.
        await asyncio.gather(first.open(lambda _: None), second.open(lambda keys: heard.update(k[0] for k in keys)))
        try:
            events = reports.healthy_story("a", "b", "c", "d")
            takes = [
                (first, second)[(i + n) % 2].take(report([event], server=f"web-{n}"))
                for i, event in enumerate(events)
                for n in range(20)
            ]
            await asyncio.gather(*takes)
            for n in range(20):
                assert await first.take(report(events, server=f"web-{n}")) == len(events)
            runs = await second.runs(None)
            seqs = [e["seq"] for e in await second.events("web-7", reports.DEPLOY)]
            # A write of the first reaches the readers of the second.
            async with asyncio.timeout(20):
                seq = 0
                while "told" not in heard:
                    # Again and again, since the second's listener may still be connecting.
                    seq += 1
                    await first.take(report([reports.event(seq, "fixed")], server="told"))
                    await asyncio.sleep(0.02)
        finally:
            await first.close()
            await second.close()
        return [r.closed for r in runs], seqs, heard

    closed, seqs, heard = asyncio.run(whole())
    assert closed == [True] * 20
    assert seqs == list(range(1, len(reports.healthy_story("a", "b", "c", "d")) + 1))
    assert "told" in heard


def test_two_replicas_do_not_lose_each_others_writes(postgres_url: str) -> None:
    from bootstrap.collector.store_postgres import PostgresStore

    asyncio.run(_empty(postgres_url))
    rounds = 40

    async def whole() -> tuple[dict[str, int], int]:
        first, second = PostgresStore(postgres_url), PostgresStore(postgres_url)
        await first.open(lambda _: None)
        await second.open(lambda _: None)
        try:
            for seq in range(1, rounds + 1):
                events = [reports.event(seq, "fixed", path="/x")]
                acked = await asyncio.gather(
                    first.take(report(events, journal="a")), second.take(report(events, journal="b"))
                )
                assert acked == [seq, seq]
            run = await first.run("web-1", None)
            assert run
            stored = await first.events("web-1", reports.DEPLOY)
        finally:
            await first.close()
            await second.close()
        return {name: journal.acked for name, journal in run.journals.items()}, len(stored)

    assert asyncio.run(whole()) == ({"a": rounds, "b": rounds}, 2 * rounds)


def test_sqlite_syncs_every_commit_on_every_connection(tmp_path: Path) -> None:
    async def story(store: SqliteStore) -> list[tuple[str, int]]:
        await store.take(report(reports.healthy_story()))
        await store.run("web-1", None)
        return [
            (c.execute("PRAGMA journal_mode").fetchone()[0], c.execute("PRAGMA synchronous").fetchone()[0])
            for c in store._connections
        ]

    settings = with_store(lambda: SqliteStore(tmp_path / "c.db"), story)  # type: ignore[arg-type]
    assert len(settings) >= 2
    assert set(settings) == {("wal", 2)}


def test_sqlite_is_private_and_has_one_writer(tmp_path: Path) -> None:
    path = tmp_path / "c.db"

    async def story(store: Store) -> str:
        await store.take(report(reports.healthy_story()))
        for name in ("c.db", "c.db-wal", "c.db-shm", "c.db.lock"):
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600, name
        with pytest.raises(CollectorError) as caught:
            await SqliteStore(path).open(lambda keys: None)
        return caught.value.message

    assert with_store(lambda: SqliteStore(path), story) == f"{path} is in use by another collector"


def test_sqlite_of_a_newer_release_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    with_store(lambda: SqliteStore(path), lambda s: s.take(report(reports.healthy_story())))
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(CollectorError, match=r"has schema 3; this release reads up to 2"):
        with_store(lambda: SqliteStore(path), lambda s: s.run("web-1", None))


def test_sqlite_that_is_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "c.db").write_text("this is not a database, and much longer than a header of one would be" * 9)
    with pytest.raises(CollectorError, match=r"c\.db cannot be used as a store: file is not a database"):
        with_store(lambda: SqliteStore(tmp_path / "c.db"), lambda s: s.run("web-1", None))
