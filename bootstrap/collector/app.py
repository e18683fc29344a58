"""The collector's ASGI app: its routes, the Host headers that it accepts, and the shape of every error."""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from email.utils import formatdate

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bootstrap.collector import dashboard, lease_routes, metrics, openapi, reads, reports, shelf_routes, stream, waits
from bootstrap.collector.context import Collector, answer, collector_of, peer_of, refuse
from bootstrap.collector.endpoint import Access, Answer, Endpoint, endpoint
from bootstrap.collector.hub import Hub
from bootstrap.collector.ingest import read_headers
from bootstrap.collector.refusal import Refusal, error_shape
from bootstrap.collector.refused import MAX_QUOTED_HOST, RefusedReport, unknown_name
from bootstrap.collector.schemas import ref
from bootstrap.collector.shelf import BUNDLE_ROOM_BYTES
from bootstrap.collector.store import Clock, Store
from bootstrap.collector.texts import Texts
from bootstrap.collector.tokens import Readers

logger = logging.getLogger(__name__)

LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")


def create_app(
    store: Store,
    *,
    secret: bytes,
    token: str,
    deploy_token: str | None = None,
    allowed_hosts: tuple[str, ...] = (),
    runner: bytes | None = None,
    bundle_room: int = BUNDLE_ROOM_BYTES,
    is_tls: bool = False,
    clock: Clock = time.time,
) -> Starlette:
    """The app over a store. The server that runs the app opens and closes the store.

    deploy_token: the one with the right to deploy, None: nobody has it.
    allowed_hosts: names, without port, under which hosts and people reach it besides localhost.
    runner: the runner's text of this toolkit; bundle_room: bytes that all stored bundles may have together.
    """
    texts = Texts(store.shelf, runner, clock)
    collector = Collector(store, secret, Readers(token, deploy_token), Hub(), clock, texts, bundle_room, is_tls)
    app = Starlette(
        routes=[Route(route.path, route.handler, methods=[route.method]) for route in ENDPOINTS],
        exception_handlers={Refusal: _refused, HTTPException: _http_error, Exception: _bug},
    )
    # A redirect would tell strangers which paths exist, and hosts follow none.
    app.router.redirect_slashes = False
    app.state.collector = collector
    app.state.endpoints = ENDPOINTS
    hosts = frozenset(host.lower() for host in (*LOCAL_HOSTS, *allowed_hosts))
    app.add_middleware(HostCheck, allowed=hosts, collector=collector)
    return app


@endpoint(
    "GET",
    "/healthz",
    Access.NONE,
    {200: Answer("The process answers.", ref("Status"), headers={"date": "The collector's time, as HTTP writes it."})},
    reads_store=False,
)
async def healthz(request: Request) -> Response:
    """Say that the process is alive, for a load balancer.

    The `date` header is the collector's clock. `initialrunner doctor` compares a host's clock with it.
    """
    # No other answer has a date: it costs time at every request, and only the clocks of hosts are compared with it.
    return answer({"status": "ok"}, headers={"date": formatdate(usegmt=True)})


@endpoint("GET", "/readyz", Access.NONE, {200: Answer("The store answers.", ref("Status"))}, refuses=("stopping",))
async def readyz(request: Request) -> Response:
    """Say whether requests can be served: the store answers, and the collector is not stopping."""
    collector = collector_of(request)
    if collector.hub.closing:
        raise Refusal("stopping", "the collector is stopping", retry_after_s=2)
    # The row need not exist: the question alone shows that the store answers.
    await collector.store.run("readyz", "readyz")
    return answer({"status": "ok"})


# The modules that have routes, in the order of the reference page: every function with @endpoint in them is one. The
# app, the OpenAPI file and docs/reference/http.md are made from this list.
_MODULES = (
    reports, reads, waits, stream, shelf_routes, lease_routes, openapi, metrics, sys.modules[__name__], dashboard,
)  # fmt: skip
ENDPOINTS: tuple[Endpoint, ...] = tuple(
    route for module in _MODULES for route in vars(module).values() if isinstance(route, Endpoint)
)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # Starlette's signature is wider than its calls
    return refuse(error)


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "error")
    return answer(error_shape(code, error.detail), error.status_code, dict(error.headers or {}))


async def _bug(request: Request, error: Exception) -> Response:
    # The answer names the type alone: the text of an exception may hold parts of a report.
    logger.error("path=%a result=bug error=%s", request.url.path, type(error).__name__)
    return refuse(Refusal("bug", f"the collector has a bug: {type(error).__name__}; its log has the details"))


class HostCheck:
    """Refuses a Host header that is no name of this collector.

    A page of another site, whose name was made to resolve to this collector, must not read anything.
    """

    def __init__(self, app: ASGIApp, allowed: frozenset[str], collector: Collector) -> None:
        self._app, self._allowed, self._collector = app, allowed, collector

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_allowed(scope):
            await self._app(scope, receive, send)
            return
        self._remember(scope)
        message = "the Host header is not a name of this collector; start it with --allow-host NAME"
        await refuse(Refusal("wrong_host", message))(scope, receive, send)

    def _is_allowed(self, scope: Scope) -> bool:
        names = _names(scope)
        if not names:
            # Browsers always send a Host header. Load balancers that ask /healthz with HTTP/1.0 send none.
            return bool(scope["http_version"] == "1.0")
        address = (scope.get("server") or ("",))[0]
        return len(names) == 1 and (names[0] in self._allowed or names[0].strip("[]") == address)

    def _remember(self, scope: Scope) -> None:
        """Log the name once for the admin, and keep a refused report for those who wait for its server."""
        host, peer = ", ".join(_names(scope)), peer_of(scope)
        claims = None
        if scope["path"] == "/v1/events":
            with contextlib.suppress(Refusal):
                claims = read_headers(Headers(scope=scope))
        if claims is not None:
            reason = f"they come under the name {host[:MAX_QUOTED_HOST]!a}, {unknown_name(host)}"
            report = RefusedReport(claims.server, claims.deploy_id, "wrong_host", reason, peer)
            self._collector.refusals.note(report, self._collector.clock())
            self._collector.counts["reports", "wrong_host"] += 1
        line = self._collector.refusals.name_warning(host, peer, claims.server if claims else None)
        if line is not None:
            logger.warning("%s", line)


def _names(scope: Scope) -> list[str]:
    """Every Host header, without its port."""
    hosts = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"]
    # An IPv6 address has colons of its own, so its brackets decide where the port begins.
    return [host[: host.rfind("]") + 1] if host.startswith("[") else host.partition(":")[0] for host in hosts]
