"""The parts that every route shares: the running collector, reading a body, judging a reader, answering JSON."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Scope

from bootstrap.collector.body import MAX_BODY_BYTES
from bootstrap.collector.fields import NAME
from bootstrap.collector.hub import Hub
from bootstrap.collector.model import Run
from bootstrap.collector.refusal import Refusal
from bootstrap.collector.refused import Refusals
from bootstrap.collector.shelf import BUNDLE_ROOM_BYTES
from bootstrap.collector.store import Clock, Store
from bootstrap.collector.texts import Texts
from bootstrap.collector.tokens import COOKIE, Readers

MAX_HELD_BYTES = 64 << 20  # bodies in memory at once; a burst of 3,000 usual reports is 3 MB
BODY_TIMEOUT_S = 20.0  # for MAX_BODY_BYTES; more for a bundle, which may be larger
MAX_UPLOADS = 3  # bundles of up to 16 MiB, so that they leave room for reports


@dataclass
class Collector:
    """The parts of one running collector. counts: the counters of /metrics, by (name, label).

    bundle_room: bytes that all bundles may have together; uploads: the bundles that are on their way.
    """

    store: Store
    secret: bytes = field(repr=False)
    readers: Readers
    hub: Hub
    clock: Clock
    texts: Texts
    bundle_room: int = BUNDLE_ROOM_BYTES
    is_tls: bool = False
    held_bytes: int = 0
    refusals: Refusals = field(default_factory=Refusals)
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    uploads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_UPLOADS))


def collector_of(request: Request) -> Collector:
    """The collector that a request came to."""
    collector: Collector = request.app.state.collector
    return collector


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer, in ASCII: a host's text in it can then break no reader."""
    content = json.dumps(value, separators=(",", ":")).encode()
    return Response(content, status, {"cache-control": "no-store", **(headers or {})}, "application/json")


def refuse(refusal: Refusal) -> Response:
    """The one error shape."""
    return answer(refusal.shape, refusal.status, refusal.headers)


async def body_of(request: Request, most: int = MAX_BODY_BYTES) -> bytes:
    """The body. Its size, its time and the bytes of all requests are bounded. Raises Refusal 400, 408, 413, 429."""
    timeout_s = BODY_TIMEOUT_S * most / MAX_BODY_BYTES
    collector = collector_of(request)
    # A length that is announced is judged before a byte is read; a body without one is bounded while it comes.
    announced = request.headers.get("content-length", "")
    # isdigit() also accepts digits of other scripts, which int() need not read.
    if announced.isascii() and announced.isdigit() and (len(announced) > 12 or int(announced) > most):
        raise _too_large(most)
    parts: list[bytes] = []
    held = 0
    try:
        async with asyncio.timeout(timeout_s):
            async for part in request.stream():
                # Also counted over all requests: a thousand slow senders of a megabyte each would fill the memory.
                held += len(part)
                collector.held_bytes += len(part)
                if held > most:
                    raise _too_large(most)
                if collector.held_bytes > MAX_HELD_BYTES:
                    raise Refusal("full", "too many bodies at once", retry_after_s=2)
                parts.append(part)
    except TimeoutError as error:
        raise Refusal("slow", f"the body did not arrive within {timeout_s:.0f} s") from error
    except ClientDisconnect as error:
        raise Refusal("cut", "the connection ended before the whole body had arrived") from error
    finally:
        collector.held_bytes -= held
    return b"".join(parts)


def _too_large(most: int) -> Refusal:
    # The rest of the body is not read, so the connection cannot be used again.
    return Refusal("too_large", f"the body is larger than {most} bytes")


def may_read(request: Request, *, cookie: bool = True) -> bool:
    """Whether the request carries the token, or (cookie) a browser's proof of it."""
    collector = collector_of(request)
    if collector.readers.bearer(request.headers.get("authorization")):
        return True
    return cookie and collector.readers.cookie_holds(request.cookies.get(COOKIE), collector.clock())


def unauthorised() -> Refusal:
    """401 for a reader."""
    return Refusal("unauthorised", "reading needs the token of the token file: Authorization: Bearer TOKEN")


def require_deployer(request: Request) -> None:
    """Let only the token with the right to deploy pass. Raises Refusal 401, or 403 for a token that may only read."""
    readers = collector_of(request).readers
    authorization = request.headers.get("authorization")
    if readers.deployer(authorization):
        return
    # The page of another site can make a browser send its cookie along, so a cookie proves nothing here.
    if not readers.bearer(authorization):
        raise unauthorised()
    if readers.has_deployers:
        raise Refusal(
            "forbidden",
            "this token may read, but has no right to deploy; use the token of the file that "
            "`bootstrap serve --deploy-token-file` names",
        )
    raise Refusal(
        "forbidden",
        "no token has the right to deploy here: start the collector with `bootstrap serve --deploy-token-file FILE`",
    )


def peer_of(scope: Scope) -> str:
    """The address that a request came from."""
    # A server behind a Unix socket does not know the address of its clients.
    return (scope.get("client") or ("somewhere",))[0]


def server_of(request: Request) -> str:
    """The server that a path names. Raises Refusal 404 when no server can have that name."""
    server: str = request.path_params["name"]
    # PostgreSQL refuses a question with a NUL in it, so only a possible name may reach a store.
    if not NAME.holds(server):
        raise Refusal("not_found", f"{server[:60]!r} is not a server's name")
    return server


async def run_of(request: Request, deploy_id: str | None) -> Run:
    """The run that a path names. Raises Refusal 404 when nothing is known of it."""
    server = server_of(request)
    run = await collector_of(request).store.run(server, deploy_id)
    if run is None:
        where = f" in deploy {deploy_id}" if deploy_id else ""
        raise Refusal("not_found", f"nothing has been heard of server {server}{where}")
    return run
