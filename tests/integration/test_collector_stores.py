"""One suite for every store: SQLite, PostgreSQL, and the fake that other tests use."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import reports
from stores import NOW, MakeStore, empty, with_store

from bootstrap.collector.body import read_report
from bootstrap.collector.model import Expected, Report
from bootstrap.collector.refusal import Refusal
from bootstrap.collector.store import Store
from bootstrap.collector.store_sqlite import MIGRATIONS, SqliteStore
from bootstrap.errors import CollectorError


def report(events: list[dict[str, Any]], **more: Any) -> Report:
    raw = reports.body(events, **more)
    ids = (raw["server"], raw["deploy_id"], raw["journal"])
    return read_report(json.dumps(raw).encode(), *ids, events[0]["seq"] if events else 1)


def test_a_member_stays_in_its_group_and_no_other_key_reports_for_it(make_store: MakeStore) -> None:
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

    with_store(make_store, first)
    run = with_store(make_store, later)
    assert (run.group, run.view.state) == ("web-*", "healthy")


def test_acknowledged_events_are_there_for_the_next_collector(make_store: MakeStore) -> None:
    events = reports.healthy_story("packages")
    assert with_store(make_store, lambda s: s.take(report(events))) == len(events)

    async def look(store: Store) -> tuple[Any, Any]:
        return await store.run("web-1", None), await store.events("web-1", reports.DEPLOY)

    run, stored = with_store(make_store, look)
    assert (run.view.state, run.closed, run.last_seen) == ("healthy", True, NOW)
    assert stored == [{**e, "journal": reports.JOURNAL, "received_at": NOW, "late": False} for e in events]


def test_a_replay_changes_nothing(make_store: MakeStore) -> None:
    events = reports.healthy_story("packages")

    async def story(store: Store) -> list[int]:
        return [await store.take(report(events)) for _ in range(3)] + [len(await store.events("web-1", reports.DEPLOY))]

    assert with_store(make_store, story) == [len(events)] * 4


def test_a_gap_is_remembered_across_a_restart(make_store: MakeStore) -> None:
    events = reports.healthy_story("packages")
    assert with_store(make_store, lambda s: s.take(report(events[:2]))) == 2
    assert with_store(make_store, lambda s: s.take(report(events[3:]))) == 2
    assert with_store(make_store, lambda s: s.take(report(events[2:3]))) == len(events)
    stored = with_store(make_store, lambda s: s.events("web-1", reports.DEPLOY))
    assert [e["seq"] for e in stored] == [e["seq"] for e in events]


def test_many_reports_at_once_are_each_answered(make_store: MakeStore) -> None:
    """They share commits; each of them must still get its own number, and every event must be kept."""

    async def story(store: Store) -> tuple[list[int], int]:
        every = [report(reports.healthy_story("a")[:3], server=f"web-{i}") for i in range(300)]
        acked = await asyncio.gather(*(store.take(single) for single in every))
        return list(acked), len(await store.runs(None))

    assert with_store(make_store, story) == ([3] * 300, 300)


def test_the_reports_of_one_server_in_one_commit_follow_each_other(make_store: MakeStore) -> None:
    events = reports.healthy_story("a", "b")

    async def story(store: Store) -> list[int]:
        return list(await asyncio.gather(*(store.take(report([event])) for event in events)))

    assert with_store(make_store, story) == list(range(1, len(events) + 1))


def test_the_current_deploy_is_the_greatest(make_store: MakeStore) -> None:
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
    of_a = [("web-1", "A"), ("web-2", "A")]
    assert with_store(make_store, story) == ("a", "A", [("web-1", "a"), ("web-2", "A")], of_a)


def test_an_unknown_server_is_none_orempty(make_store: MakeStore) -> None:
    async def story(store: Store) -> tuple[Any, ...]:
        return (
            await store.run("x", None),
            await store.run("x", "y"),
            await store.runs("y"),
            await store.events("x", "y"),
        )

    assert with_store(make_store, story) == (None, None, [], [])


def test_a_refused_report_leaves_nothing_and_harms_no_other(make_store: MakeStore) -> None:
    async def story(store: Store) -> tuple[Any, ...]:
        good = report(reports.healthy_story(), server="web-1")
        bad = report([reports.event(999_999, "fixed")], server="web-2")
        outcomes = await asyncio.gather(store.take(bad), store.take(good), return_exceptions=True)
        return (*outcomes, await store.run("web-2", None))

    refused, acked, run = with_store(make_store, story)
    assert isinstance(refused, Refusal) and refused.status == 429
    assert (acked, run) == (len(reports.healthy_story()), None)


def test_an_announced_server_is_known_before_it_speaks(make_store: MakeStore) -> None:
    async def story(store: Store) -> tuple[Any, ...]:
        await store.expect((Expected("web-1", "d", 60.0, "rev"), Expected("web-2", "d", 60.0)))
        await store.expect((Expected("web-1", "d", 9000.0),))
        run = await store.run("web-1", "d")
        assert run
        return run.expected_at, run.deadline_at, run.revision, run.current, len(await store.runs("d"))

    assert with_store(make_store, story) == (NOW, NOW + 60, "rev", None, 2)


def test_text_that_databases_refuse_comes_back_unchanged(make_store: MakeStore) -> None:
    odd = "nul \0, surrogate \ufffd, quote ' \" \\, emoji \N{ROCKET}, \u2028"
    events = [reports.event(1, "fixed", path=odd)]
    with_store(make_store, lambda s: s.take(report(events)))
    assert with_store(make_store, lambda s: s.events("web-1", reports.DEPLOY))[0]["path"] == odd


def test_changes_are_announced_after_the_commit(make_store: MakeStore) -> None:
    async def whole() -> list[tuple[str, str]]:
        store, announced, bell = make_store(), [], asyncio.Event()

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


def test_two_replicas_of_postgres_share_one_server(postgres_url: str) -> None:
    from bootstrap.collector.store_postgres import PostgresStore

    asyncio.run(empty(postgres_url))

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

    asyncio.run(empty(postgres_url))
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
    with pytest.raises(CollectorError, match=r"has schema 4; this release reads up to 3"):
        with_store(lambda: SqliteStore(path), lambda s: s.run("web-1", None))


def test_sqlite_that_is_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "c.db").write_text("this is not a database, and much longer than a header of one would be" * 9)
    with pytest.raises(CollectorError, match=r"c\.db cannot be used as a store: file is not a database"):
        with_store(lambda: SqliteStore(tmp_path / "c.db"), lambda s: s.run("web-1", None))
