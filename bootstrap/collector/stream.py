"""Server-sent events: what has changed, as it changes. A reader that is slow gets fewer events, never older ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from bootstrap.collector.context import Collector, collector_of, for_readers
from bootstrap.collector.model import Run
from bootstrap.collector.reads import deploy_of
from bootstrap.collector.state import server_json

KEEP_ALIVE_S = 15.0  # under the silence after which usual proxies cut a connection
GATHER_S = 0.1  # several changes of one server within it are one event

Shown = Callable[[Run, float], dict[str, Any]]


@for_readers
async def get_stream(request: Request) -> Response:
    """GET /v1/stream[?deploy_id=]: an event `server` with the server's JSON after each change.

    It tells changes from now on; ask for the present state once it has been opened (its first event, `ready`).
    """
    return streamed(request, server_json)


def streamed(request: Request, shown: Shown) -> Response:
    """The stream whose data `shown` makes of a run."""
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    changes = _changes(collector_of(request), deploy_of(request), shown)
    return StreamingResponse(changes, media_type="text/event-stream", headers=headers)


async def _changes(collector: Collector, deploy_id: str | None, shown: Shown) -> AsyncIterator[str]:
    with collector.hub.watch(deploy_id=deploy_id) as watch:
        yield "retry: 2000\nevent: ready\ndata: {}\n\n"
        while not collector.hub.closing:
            keys = await watch.next(KEEP_ALIVE_S)
            if not keys:
                yield ": still here\n\n"
                continue
            await asyncio.sleep(GATHER_S)
            keys |= await watch.next(0)
            for server in sorted({server for server, _ in keys}):
                run = await collector.store.run(server, deploy_id)
                if run is not None:
                    data = json.dumps(shown(run, collector.clock()), separators=(",", ":"))
                    yield f"event: server\ndata: {data}\n\n"
