"""The routes that write: the events of a host, and the servers that a roll-out announces."""

from __future__ import annotations

import logging
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from bootstrap.collector.body import read_expect, read_report
from bootstrap.collector.context import answer, body_of, collector_of, peer_of
from bootstrap.collector.endpoint import Access, Answer, Body, endpoint
from bootstrap.collector.fields import manifests_schema, report_schema
from bootstrap.collector.ingest import authenticate, read_headers
from bootstrap.collector.refusal import Refusal
from bootstrap.collector.refused import RefusedReport
from bootstrap.collector.schemas import ref

MAX_MESSAGE = 300

logger = logging.getLogger(__name__)


@endpoint(
    "POST",
    "/v1/events",
    Access.SIGNED,
    {200: Answer("The events are on disk.", ref("Acked"))},
    body=Body("A report. `server`, `deploy_id` and `journal` are those of `webhook-id`.", report_schema()),
    refuses=("malformed", "stopping"),
)
async def post_events(request: Request) -> Response:
    """Store the events of a signed report. The answer comes when they are on disk.

    Sending a report again changes nothing. Events may come in any order: one that stands beyond a gap takes effect
    when the gap is closed. After a final state, later events are stored as `late` and change nothing.
    """
    collector, claims = collector_of(request), None
    try:
        # The headers are judged before the body is read: a stranger must not make the collector hold a megabyte.
        claims = read_headers(request.headers)
        body = await body_of(request)
        signed = authenticate(collector.secret, request.headers, body)
        report = read_report(body, signed.server, signed.deploy_id, signed.journal, signed.first)
        # The key that verified the report decides the group, not what the server claims.
        report = replace(report, group=signed.group)
        acked = await collector.store.take(report)
    except Refusal as refusal:
        collector.counts["reports", refusal.code] += 1
        # A refusal that goes away by itself (429, 503) needs nobody's attention, so it is not listed. Without readable
        # headers there is no server to list it under.
        if claims is not None and refusal.status in (401, 413, 422):
            reason, peer = refusal.message[:MAX_MESSAGE], peer_of(request.scope)
            refused = RefusedReport(claims.server, claims.deploy_id, refusal.code, reason, peer)
            collector.refusals.note(refused, collector.clock())
        logger.info("route=events result=%s status=%d reason=%s", refusal.code, refusal.status, refusal.message)
        raise
    collector.counts["reports", "taken"] += 1
    collector.counts["events", "taken"] += len(report.events)
    return answer({"acked": acked})


@endpoint(
    "POST",
    "/v1/expect",
    Access.BEARER,
    {200: Answer("The servers are registered.", ref("Expected"))},
    body=Body("A list of the servers to expect, or an object with this list as `manifests`.", manifests_schema()),
    refuses=("malformed", "full", "stopping"),
)
async def post_expect(request: Request) -> Response:
    """Announce servers that should report, so that one which never reports becomes overdue too.

    `deadline_s` counts from now. The first announcement of a server in a deploy stands. `targets` are those of a
    manifest: the runner texts that they need (`bundle.runner`) stay stored as long as the deploy.
    """
    manifests = read_expect(await body_of(request))
    await collector_of(request).store.expect(manifests)
    return answer({"expected": len(manifests)})
