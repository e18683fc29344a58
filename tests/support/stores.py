"""Stores of the collector for tests: what makes one, empties one, and runs a story on one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from bootstrap.collector.store import Store

NOW = 5000.0
MakeStore = Callable[[], Store]


async def empty(url: str) -> None:
    """Remove all that a store has made in this PostgreSQL."""
    import asyncpg

    connection = await asyncpg.connect(url)
    await connection.execute(
        "DROP TABLE IF EXISTS runs, events, leases, last_fence, runner_texts, runner_refs, bundles, bundle_blocks, "
        "initialrunner_schema"
    )
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
