"""One suite for the shelf of every store: SQLite, PostgreSQL, and the fake that other tests use."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
import reports
from stores import NOW, MakeStore, empty, with_store
from whole_bundles import bundle_of, text_of

from bootstrap.collector.body import read_report
from bootstrap.collector.model import Expected, Report
from bootstrap.collector.refusal import Refusal
from bootstrap.collector.shelf import BLOCK_BYTES, UNFINISHED_S, Swept, blocks_of
from bootstrap.collector.store import Store
from bootstrap.collector.store_sqlite import MIGRATIONS, SqliteStore

DAY_S, ROOM = 86400, 1 << 30
END = int(NOW) + DAY_S


def report(server: str) -> Report:
    raw = reports.body(reports.healthy_story("a"), server=server)
    return read_report(json.dumps(raw).encode(), server, reports.DEPLOY, reports.JOURNAL, 1)


async def keep(store: Store, bundle: tuple[str, bytes], expires: int = END, room: int = ROOM) -> bool:
    """Store a whole bundle, as the route does. Whether it was there."""
    sha256, content = bundle
    if await store.shelf.begin_bundle(sha256, len(content), expires, room):
        return True
    for number, block in blocks_of(content):
        await store.shelf.keep_block(sha256, number, block)
    await store.shelf.end_bundle(sha256)
    return False


async def fetched(store: Store, sha256: str) -> bytes | None:
    """A bundle as a host gets it."""
    bundle = await store.shelf.bundle(sha256)
    if bundle is None:
        return None
    size, content = bundle
    number = 0
    while len(content) < size:
        number += 1
        block = await store.shelf.block(sha256, number)
        assert block
        content += block
    assert await store.shelf.block(sha256, number + 1) is None
    return content


def at(store: Store, now: float) -> None:
    """Set the clock of a store."""
    store.shelf._clock = lambda: now  # type: ignore[attr-defined]


# --- texts ------------------------------------------------------------------------------------------------------------


def test_a_text_is_there_for_the_next_collector(make_store: MakeStore) -> None:
    sha256, content = text_of("one")

    async def first(store: Store) -> list[bool]:
        return [await store.shelf.keep_text(sha256, content, 9) for _ in range(2)]

    async def later(store: Store) -> Any:
        return await store.shelf.texts(), await store.shelf.text(sha256), await store.shelf.text("0" * 64)

    assert with_store(make_store, first) == [True, False]
    assert with_store(make_store, later) == ({sha256}, content, None)


def test_texts_are_bounded_but_for_the_collectors_own(make_store: MakeStore) -> None:
    texts = [text_of(str(number)) for number in range(3)]

    async def story(store: Store) -> tuple[Any, ...]:
        for text in texts[:2]:
            await store.shelf.keep_text(*text, 2)
        with pytest.raises(Refusal) as caught:
            await store.shelf.keep_text(*texts[2], 2)
        # One that is there already needs no place.
        again = await store.shelf.keep_text(*texts[0], 2)
        return caught.value.code, caught.value.message, again, await store.shelf.keep_text(*texts[2], None)

    message = "this collector keeps 2 runner texts, and no more"
    assert with_store(make_store, story) == ("no_room", message, False, True)


def test_a_text_goes_when_nobody_needs_it(make_store: MakeStore) -> None:
    own, old, used, needed = (text_of(name) for name in ("own", "old", "used", "needed"))

    async def story(store: Store) -> tuple[Swept, set[str]]:
        for text in (own, old, used, needed):
            await store.shelf.keep_text(*text, 9)
        await store.expect((Expected("web-1", "d", 60.0, runners=(needed[0], "f" * 64)),))
        at(store, NOW + 10)
        await store.shelf.use_text(used[0])
        # An earlier use that is stored later, by another replica, is none.
        at(store, NOW + 5)
        await store.shelf.use_text(used[0])
        at(store, NOW + 15)
        return await store.shelf.sweep(own[0], 10.0), await store.shelf.texts()

    assert with_store(make_store, story) == (Swept((old[0],), 0), {own[0], used[0], needed[0]})


def test_a_text_was_used_a_moment_ago(make_store: MakeStore) -> None:
    text = text_of("a")

    async def story(store: Store) -> list[int]:
        await store.shelf.keep_text(*text, 9)
        at(store, NOW + 9)
        swept = [await store.shelf.sweep(None, 10.0)]
        # A text that is uploaded again is used, too.
        await store.shelf.keep_text(*text, 9)
        for now in (NOW + 18, NOW + 19):
            at(store, now)
            swept.append(await store.shelf.sweep(None, 10.0))
        return [len(each.texts) for each in swept]

    assert with_store(make_store, story) == [0, 0, 1]


def test_a_text_stays_as_long_as_its_deploy(make_store: MakeStore, tmp_path: Path, request: Any) -> None:
    """The second announcement of a server changes nothing of it, but names what it needs."""
    text = text_of("a")

    async def first(store: Store) -> Swept:
        await store.shelf.keep_text(*text, 9)
        await store.expect((Expected("web-1", "d", 60.0),))
        await store.expect((Expected("web-1", "d", 60.0, runners=(text[0],)), Expected("web-2", "e", 60.0)))
        return await store.shelf.sweep(None, 0.0)

    async def later(store: Store) -> tuple[Swept, Swept]:
        return await store.shelf.sweep(None, 1.0), await store.shelf.sweep(None, 0.0)

    assert with_store(make_store, first) == Swept()
    kind = request.node.callspec.params["make_store"]
    forget_deploy(kind, make_store, tmp_path, request)
    # The deploy is gone, but the text was used a moment ago.
    assert with_store(make_store, later) == (Swept(), Swept((text[0],), 0))


def forget_deploy(kind: str, make_store: MakeStore, tmp_path: Path, request: Any) -> None:
    """Remove the servers of deploy `d`."""
    sql = "DELETE FROM runs WHERE deploy_id = 'd'"
    if kind == "memory":
        records = make_store()._records  # type: ignore[attr-defined]
        for key in [key for key in records if key[1] == "d"]:
            del records[key]
    elif kind == "sqlite":
        with contextlib.closing(sqlite3.connect(tmp_path / "collector.db", isolation_level=None)) as connection:
            connection.execute(sql)
    else:
        asyncio.run(run_sql(request.getfixturevalue("postgres_url"), sql))


async def run_sql(url: str, *statements: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(url)
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


# --- bundles ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, BLOCK_BYTES, 2 * BLOCK_BYTES + 7], ids=["small", "one block", "three blocks"])
def test_a_bundle_is_there_for_the_next_collector(make_store: MakeStore, size: int) -> None:
    bundle = bundle_of("one", size)

    async def first(store: Store) -> list[bool]:
        return [await keep(store, bundle) for _ in range(2)]

    async def later(store: Store) -> Any:
        return await fetched(store, bundle[0]), await fetched(store, "0" * 64)

    assert with_store(make_store, first) == [False, True]
    assert with_store(make_store, later) == (bundle[1], None)


def test_no_host_gets_a_bundle_whose_upload_has_not_ended(make_store: MakeStore) -> None:
    sha256, content = bundle_of("one", 2 * BLOCK_BYTES)

    async def story(store: Store) -> tuple[Any, ...]:
        await store.shelf.begin_bundle(sha256, len(content), END, ROOM)
        await store.shelf.keep_block(sha256, 0, content[:BLOCK_BYTES])
        before = await store.shelf.bundle(sha256)
        with pytest.raises(Refusal) as caught:
            await store.shelf.end_bundle(sha256)
        # The same upload once more goes on with what is there.
        return before, caught.value.status, await keep(store, (sha256, content)), await fetched(store, sha256)

    assert with_store(make_store, story) == (None, 503, False, content)


def test_the_same_bundle_may_come_twice_at_once(make_store: MakeStore) -> None:
    bundle = bundle_of("one", 3 * BLOCK_BYTES)

    async def story(store: Store) -> bytes | None:
        await asyncio.gather(*(keep(store, bundle) for _ in range(4)))
        return await fetched(store, bundle[0])

    assert with_store(make_store, story) == bundle[1]


def test_the_latest_end_of_a_bundle_counts(make_store: MakeStore) -> None:
    bundle = bundle_of("one")

    async def story(store: Store) -> list[int]:
        for expires in (END, END + 100, END + 50):
            await keep(store, bundle, expires)
        swept = []
        for now in (END + 99, END + 100):
            at(store, now)
            swept.append((await store.shelf.sweep(None, 1.0)).bundles)
        return [*swept, await store.shelf.bundle(bundle[0]) is None]

    assert with_store(make_store, story) == [0, 1, True]


def test_all_bundles_together_are_bounded_and_what_has_expired_makes_room(make_store: MakeStore) -> None:
    first, second, third = (bundle_of(name, 1000) for name in "abc")

    async def story(store: Store) -> tuple[Any, ...]:
        await keep(store, first, END, 2000)
        await keep(store, second, END + 60, 2000)
        with pytest.raises(Refusal) as caught:
            await keep(store, third, END, 2000)
        at(store, END)
        await keep(store, third, END + 60, 2000)
        return caught.value.code, caught.value.message, await store.shelf.bundle(first[0])

    code, message, gone = with_store(make_store, story)
    assert (code, gone) == ("no_room", None)
    assert message == (
        "the bundles of this collector have 2,000 bytes, and with 1,000 more they would exceed its 2,000 "
        "(`bootstrap serve --bundle-room`); the next of them expires at 1970-01-02 01:23 UTC"
    )


def test_an_upload_that_was_cut_off_leaves_nothing(make_store: MakeStore) -> None:
    sha256, content = bundle_of("one", 1000)

    async def story(store: Store) -> list[Any]:
        await store.shelf.begin_bundle(sha256, len(content), END, ROOM)
        await store.shelf.keep_block(sha256, 0, content)
        counts = []
        for now in (NOW + UNFINISHED_S - 1, NOW + UNFINISHED_S):
            at(store, now)
            counts.append((await store.shelf.sweep(None, 1.0)).bundles)
        return [*counts, await store.shelf.block(sha256, 0)]

    assert with_store(make_store, story) == [0, 1, None]


def test_reports_and_blocks_do_not_harm_each_other(make_store: MakeStore) -> None:
    bundle = bundle_of("one", 8 * BLOCK_BYTES)

    async def story(store: Store) -> tuple[Any, ...]:
        takes = [store.take(report(f"web-{number}")) for number in range(100)]
        there, *acked = await asyncio.gather(keep(store, bundle), *takes)
        return there, set(acked), len(await store.runs(None)), await fetched(store, bundle[0])

    assert with_store(make_store, story) == (False, {6}, 100, bundle[1])


# --- schemas ----------------------------------------------------------------------------------------------------------


async def after_migration(store: Store) -> tuple[Any, ...]:
    text = text_of("a")
    await store.shelf.keep_text(*text, 9)
    await keep(store, bundle_of("b"))
    run, events = await store.run("web-1", None), await store.events("web-1", reports.DEPLOY)
    assert run
    return run.view.state, len(events), [lease.holder for lease in await store.leases()], await store.shelf.texts()


BEFORE = ("healthy", 6, ["anna"], {text_of("a")[0]})
DROP = "DROP TABLE runner_texts; DROP TABLE runner_refs; DROP TABLE bundles; DROP TABLE bundle_blocks;"


async def with_data(store: Store) -> None:
    from bootstrap.collector.leases import LeaseRequest

    await store.take(report("web-1"))
    await store.lease(LeaseRequest("shop.web", "anna", 3600))


def test_a_sqlite_store_of_the_second_schema_keeps_its_data(tmp_path: Path) -> None:
    path = tmp_path / "c.db"

    def make() -> Store:
        return SqliteStore(path)

    with_store(make, with_data)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(DROP + "PRAGMA user_version=2")
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    # The data is that of the second schema now: the tables that its migrations made.
    assert len(MIGRATIONS) == 3 and tables == {"runs", "events", "leases", "last_fence"}
    assert with_store(make, after_migration) == BEFORE
    assert with_store(make, after_migration) == BEFORE


def test_a_postgres_store_of_the_second_schema_keeps_its_data(postgres_url: str) -> None:
    from bootstrap.collector.store_postgres import PostgresStore

    asyncio.run(empty(postgres_url))
    with_store(lambda: PostgresStore(postgres_url), with_data)
    asyncio.run(run_sql(postgres_url, DROP, "DELETE FROM initialrunner_schema WHERE version = 3"))
    assert with_store(lambda: PostgresStore(postgres_url), after_migration) == BEFORE


def test_two_replicas_of_postgres_count_the_room_together(postgres_url: str) -> None:
    from bootstrap.collector.store_postgres import PostgresStore

    asyncio.run(empty(postgres_url))

    async def whole() -> list[Any]:
        stores = [PostgresStore(postgres_url) for _ in range(2)]
        for store in stores:
            await store.open(lambda _: None)
        try:
            bundles = [bundle_of(str(number), 1000) for number in range(20)]
            keeps = (keep(stores[i % 2], bundle, 1 << 40, 5000) for i, bundle in enumerate(bundles))
            outcomes = await asyncio.gather(*keeps, return_exceptions=True)
            for sha256, content in bundles:
                here, there = [await fetched(store, sha256) for store in stores]
                assert here == there and here in (None, content)
        finally:
            for store in stores:
                await store.close()
        return [getattr(outcome, "code", outcome) for outcome in outcomes]

    outcomes = asyncio.run(whole())
    assert sorted(map(str, outcomes)) == ["False"] * 5 + ["no_room"] * 15
