"""The collector's ASGI app: which path goes to which route, whose Host is taken, and how every error looks."""

from __future__ import annotations

import contextlib
import logging
import time
from email.utils import formatdate

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bootstrap.collector import dashboard, metrics, reads, reports, stream, waits
from bootstrap.collector.context import Collector, answer, collector_of, peer_of, refuse
from bootstrap.collector.hub import Hub
from bootstrap.collector.ingest import read_headers
from bootstrap.collector.refusal import Refusal
from bootstrap.collector.refused import LONGEST, RefusedReport, not_ours
from bootstrap.collector.store import Clock, Store
from bootstrap.collector.tokens import Readers

logger = logging.getLogger(__name__)

LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")


def create_app(
    store: Store,
    *,
    secret: bytes,
    token: str,
    allowed_hosts: tuple[str, ...] = (),
    is_tls: bool = False,
    clock: Clock = time.time,
) -> Starlette:
    """The app over a store, which its server opens and closes.

    allowed_hosts: names, without port, under which hosts and people reach it besides localhost.
    """
    collector = Collector(store, secret, Readers(token), Hub(), clock, is_tls)
    app = Starlette(
        routes=_routes(),
        exception_handlers={Refusal: _refused, HTTPException: _http_error, Exception: _bug},
    )
    app.router.redirect_slashes = False
    app.state.collector = collector
    hosts = frozenset(host.lower() for host in (*LOCAL_HOSTS, *allowed_hosts))
    app.add_middleware(HostCheck, allowed=hosts, collector=collector)
    return app


def _routes() -> list[BaseRoute]:
    return [
        Route("/v1/events", reports.post_events, methods=["POST"]),
        Route("/v1/expect", reports.post_expect, methods=["POST"]),
        Route("/v1/refused", reads.get_refused),
        Route("/v1/servers", reads.get_servers),
        Route("/v1/servers/{name}", reads.get_server),
        Route("/v1/servers/{name}/events", reads.get_events),
        Route("/v1/servers/{name}/wait", waits.wait_server),
        Route("/v1/deploys/{id}/wait", waits.wait_deploy),
        Route("/v1/stream", stream.get_stream),
        Route("/", dashboard.get_dashboard),
        Route("/rows", dashboard.get_rows),
        Route("/login", dashboard.login_page),
        Route("/login", dashboard.login, methods=["POST"]),
        Route("/assets/{name}", dashboard.get_asset),
        Route("/metrics", metrics.get_metrics),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
    ]


async def healthz(request: Request) -> Response:
    """GET /healthz: the process answers, and says what time it has. Says nothing else, so it needs no token."""
    # Only here: hosts compare their clocks with it (`initialrunner doctor`), and a date on every answer costs time.
    return answer({"status": "ok"}, headers={"date": formatdate(usegmt=True)})


async def readyz(request: Request) -> Response:
    """GET /readyz: the store answers and the collector is not stopping."""
    collector = collector_of(request)
    if collector.hub.closing:
        raise Refusal(503, "stopping", "the collector is stopping", retry_after_s=2)
    await collector.store.run("readyz", "readyz")
    return answer({"status": "ok"})


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # Starlette's signature is wider than its calls
    return refuse(error)


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "error")
    shape = Refusal(error.status_code, code, error.detail).shape
    return answer(shape, error.status_code, dict(error.headers or {}))


async def _bug(request: Request, error: Exception) -> Response:
    logger.error("path=%a result=bug error=%s", request.url.path, type(error).__name__)
    return refuse(Refusal(500, "bug", f"the collector has a bug: {type(error).__name__}; its log says more"))


class HostCheck:
    """Refuses a Host header that is not ours: a page of another site, made to resolve to us, must not read anything."""

    def __init__(self, app: ASGIApp, allowed: frozenset[str], collector: Collector) -> None:
        self._app, self._allowed, self._collector = app, allowed, collector

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._is_ours(scope):
            await self._app(scope, receive, send)
            return
        self._remember(scope)
        message = "this name is not one of the collector's; start it with --allow-host NAME"
        await refuse(Refusal(421, "wrong_host", message))(scope, receive, send)

    def _is_ours(self, scope: Scope) -> bool:
        names = _names(scope)
        if not names:
            # Browsers always send one; load balancers that ask /healthz with HTTP/1.0 do not.
            return bool(scope["http_version"] == "1.0")
        address = (scope.get("server") or ("",))[0]
        return len(names) == 1 and (names[0] in self._allowed or names[0].strip("[]") == address)

    def _remember(self, scope: Scope) -> None:
        """Say it to the admin, once a name, and keep it for those who wait for the server whose report this is."""
        host, peer = ", ".join(_names(scope)), peer_of(scope)
        claims = None
        if scope["path"] == "/v1/events":
            with contextlib.suppress(Refusal):
                claims = read_headers(Headers(scope=scope))
        if claims is not None:
            reason = f"they come under the name {host[:LONGEST]!a}, {not_ours(host)}"
            report = RefusedReport(claims.server, claims.deploy_id, "wrong_host", reason, peer)
            self._collector.refusals.note(report, self._collector.clock())
            self._collector.counts["reports", "wrong_host"] += 1
        line = self._collector.refusals.name(host, peer, claims.server if claims else None)
        if line is not None:
            logger.warning("%s", line)


def _names(scope: Scope) -> list[str]:
    """Every Host header, without its port."""
    given = [value.decode("latin-1").lower() for name, value in scope["headers"] if name == b"host"]
    return [host[: host.rfind("]") + 1] if host.startswith("[") else host.partition(":")[0] for host in given]
