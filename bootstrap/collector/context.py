"""What every route works with, and the small things they share: reading a body, judging a reader, answering JSON."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Scope

from bootstrap.collector.body import MAX_BODY_BYTES
from bootstrap.collector.body import name as name_check
from bootstrap.collector.hub import Hub
from bootstrap.collector.model import Run
from bootstrap.collector.refusal import Refusal
from bootstrap.collector.refused import Refusals
from bootstrap.collector.store import Clock, Store
from bootstrap.collector.tokens import COOKIE, Readers

MAX_HELD_BYTES = 64 << 20  # bodies in memory at once; a burst of 3,000 usual reports is 3 MB
BODY_TIMEOUT_S = 20.0

Route = Callable[[Request], Awaitable[Response]]


@dataclass
class Collector:
    """The parts of one running collector. counts: what /metrics shows, by (name, label)."""

    store: Store
    secret: bytes = field(repr=False)
    readers: Readers
    hub: Hub
    clock: Clock
    is_tls: bool = False
    held_bytes: int = 0
    refusals: Refusals = field(default_factory=Refusals)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)


def collector_of(request: Request) -> Collector:
    """The collector that a request came to."""
    found: Collector = request.app.state.collector
    return found


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer, in ASCII: what a host wrote can then break no reader."""
    content = json.dumps(value, separators=(",", ":")).encode()
    return Response(content, status, {"cache-control": "no-store", **(headers or {})}, "application/json")


def refuse(refusal: Refusal) -> Response:
    """The one error shape."""
    return answer(refusal.shape, refusal.status, refusal.headers)


async def body_of(request: Request) -> bytes:
    """The body, bounded in size, in time, and in what all requests together hold. Raises Refusal 408, 413, 429."""
    collector = collector_of(request)
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and (len(announced) > 12 or int(announced) > MAX_BODY_BYTES):
        raise _too_large()
    parts: list[bytes] = []
    held = 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for part in request.stream():
                held += len(part)
                collector.held_bytes += len(part)
                if held > MAX_BODY_BYTES:
                    raise _too_large()
                if collector.held_bytes > MAX_HELD_BYTES:
                    raise Refusal(429, "full", "too many reports at once", retry_after_s=2)
                parts.append(part)
    except TimeoutError as error:
        raise Refusal(408, "slow", f"the body did not come within {BODY_TIMEOUT_S:.0f} s") from error
    except ClientDisconnect as error:
        raise Refusal(400, "cut", "the connection ended before the body did") from error
    finally:
        collector.held_bytes -= held
    return b"".join(parts)


def _too_large() -> Refusal:
    # The rest of the body is not read, so the connection cannot be used again.
    return Refusal(413, "too_large", f"the body is larger than {MAX_BODY_BYTES} bytes")


def may_read(request: Request, *, cookie: bool = True) -> bool:
    """Whether the request carries the token, or (cookie) a browser's proof of it."""
    collector = collector_of(request)
    if collector.readers.bearer(request.headers.get("authorization")):
        return True
    return cookie and collector.readers.cookie_holds(request.cookies.get(COOKIE), collector.clock())


def unauthorised() -> Refusal:
    """401 for a reader."""
    return Refusal(401, "unauthorised", "reading needs the token of the token file: Authorization: Bearer TOKEN")


def for_readers(route: Route) -> Route:
    """Let only requests with the token (or a browser's cookie) through."""

    @wraps(route)
    async def guarded(request: Request) -> Response:
        if not may_read(request):
            raise unauthorised()
        return await route(request)

    return guarded


def peer_of(scope: Scope) -> str:
    """The address that a request came from."""
    return (scope.get("client") or ("somewhere",))[0]


def server_of(request: Request) -> str:
    """The server that a path names. Raises Refusal 404 when it can be none: not every store could even look for it."""
    server: str = request.path_params["name"]
    if name_check(server):
        raise Refusal(404, "not_found", f"{server[:60]!r} is no server's name")
    return server


async def run_of(request: Request, deploy_id: str | None) -> Run:
    """The run that a path names. Raises Refusal 404 when nothing is known of it."""
    server = server_of(request)
    run = await collector_of(request).store.run(server, deploy_id)
    if run is None:
        where = f" in deploy {deploy_id}" if deploy_id else ""
        raise Refusal(404, "not_found", f"nothing has been heard of server {server}{where}")
    return run
