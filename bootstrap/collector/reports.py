"""The routes that write: a host's events, and the servers that a roll-out announces."""

from __future__ import annotations

import logging
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from bootstrap.collector.body import read_expect, read_report
from bootstrap.collector.context import answer, body_of, collector_of, may_read, peer_of, unauthorised
from bootstrap.collector.ingest import authenticate, read_headers
from bootstrap.collector.refusal import Refusal
from bootstrap.collector.refused import RefusedReport

MAX_MESSAGE = 300

logger = logging.getLogger(__name__)


async def post_events(request: Request) -> Response:
    """POST /v1/events: a signed report; answers how far the journal is known, once that is on disk."""
    collector, claims = collector_of(request), None
    try:
        claims = read_headers(request.headers)  # before the body: strangers must not make us hold a megabyte
        body = await body_of(request)
        signed = authenticate(collector.secret, request.headers, body)
        report = read_report(body, signed.server, signed.deploy_id, signed.journal, signed.first)
        # Whose member a server is, the key says, not the server.
        report = replace(report, group=signed.group)
        acked = await collector.store.take(report)
    except Refusal as refusal:
        collector.counts["reports", refusal.code] += 1
        # What time mends (429, 503) is nothing that anybody has to know of.
        if claims is not None and refusal.status in (401, 413, 422):
            reason, peer = refusal.message[:MAX_MESSAGE], peer_of(request.scope)
            refused = RefusedReport(claims.server, claims.deploy_id, refusal.code, reason, peer)
            collector.refusals.note(refused, collector.clock())
        logger.info("route=events result=%s status=%d reason=%s", refusal.code, refusal.status, refusal.message)
        raise
    collector.counts["reports", "taken"] += 1
    collector.counts["events", "taken"] += len(report.events)
    return answer({"acked": acked})


async def post_expect(request: Request) -> Response:
    """POST /v1/expect: servers that should report, so that one which never speaks becomes overdue too."""
    # No cookie here: another site's page may send one along, but never the header.
    if not may_read(request, cookie=False):
        raise unauthorised()
    manifests = read_expect(await body_of(request))
    await collector_of(request).store.expect(manifests)
    return answer({"expected": len(manifests)})
