"""Server-sent events: each change as it happens. A reader that is slow gets fewer events, never older ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from bootstrap.collector.context import Collector, collector_of
from bootstrap.collector.endpoint import STREAM, Access, Answer, endpoint
from bootstrap.collector.model import Run
from bootstrap.collector.parameters import STREAM_DEPLOY
from bootstrap.collector.state import server_json

KEEP_ALIVE_S = 15.0  # under the silence after which usual proxies cut a connection
GATHER_S = 0.1  # several changes of one server within it are one event

# Makes the data of an event from a run and the present time.
ToData = Callable[[Run, float], dict[str, Any]]


@endpoint(
    "GET",
    "/v1/stream",
    Access.READER,
    {200: Answer("Events until one side closes the connection.", media=STREAM)},
    query=(STREAM_DEPLOY,),
    refuses=("malformed",),
    reads_store=False,
)
async def get_stream(request: Request) -> Response:
    """Stream server-sent events: an event `server` with the JSON of a server after each of its changes.

    The first event, `ready`, says that changes are reported from now on: read the present state with `GET /v1/servers`
    after it. Several changes of a server within a tenth of a second are one event. A comment every 15 seconds keeps
    proxies from cutting the connection. A client that was cut off connects again and reads the present state again.
    """
    return streamed(request, server_json)


def streamed(request: Request, to_data: ToData) -> Response:
    """An endless answer whose events hold what `to_data` makes of each changed run."""
    # nginx gathers an answer before it passes it on, unless this header forbids it.
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    changes = _changes(collector_of(request), STREAM_DEPLOY.of(request), to_data)
    return StreamingResponse(changes, media_type=STREAM, headers=headers)


async def _changes(collector: Collector, deploy_id: str | None, to_data: ToData) -> AsyncIterator[str]:
    with collector.hub.watch(deploy_id=deploy_id) as watch:
        yield "retry: 2000\nevent: ready\ndata: {}\n\n"
        while not collector.hub.closing:
            keys = await watch.next(KEEP_ALIVE_S)
            # A comment line: it keeps the connection alive, and clients ignore it.
            if not keys:
                yield ": still here\n\n"
                continue
            # A host that reports five events at once makes one change for readers.
            await asyncio.sleep(GATHER_S)
            keys |= await watch.next(0)
            for server in sorted({server for server, _ in keys}):
                run = await collector.store.run(server, deploy_id)
                if run is not None:
                    data = json.dumps(to_data(run, collector.clock()), separators=(",", ":"))
                    yield f"event: server\ndata: {data}\n\n"
