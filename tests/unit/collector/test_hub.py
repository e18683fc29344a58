"""Waking those who wait."""

from __future__ import annotations

import asyncio

from bootstrap.collector.hub import Hub


def test_each_waiter_gets_its_own_changes() -> None:
    async def story() -> None:
        hub = Hub()
        with hub.watch(server="a") as server, hub.watch(deploy_id="d") as roll_out, hub.watch() as every:
            hub.changed([("a", "d"), ("b", "e"), ("a", "d")])
            assert await server.next(0.01) == {("a", "d")}
            assert await roll_out.next(0.01) == {("a", "d")}
            assert await every.next(0.01) == {("a", "d"), ("b", "e")}
            assert await every.next(0.01) == set()
            assert hub.waiting == 3
        assert hub.waiting == 0

    asyncio.run(story())


def test_a_change_between_two_looks_is_not_missed() -> None:
    async def story() -> None:
        hub = Hub()
        with hub.watch(server="a") as watch:
            hub.changed([("a", "d")])
            assert await watch.next(60) == {("a", "d")}

    asyncio.run(story())


def test_closing_wakes_everyone() -> None:
    async def story() -> None:
        hub = Hub()
        with hub.watch(server="a") as server, hub.watch() as every:
            waits = asyncio.gather(server.next(60), every.next(60))
            await asyncio.sleep(0)
            hub.close()
            async with asyncio.timeout(5):
                assert await waits == [set(), set()]

    asyncio.run(story())
