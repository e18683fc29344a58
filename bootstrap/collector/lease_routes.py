"""The routes of leases: a deployer takes, renews and ends the right to change a pool, and everybody sees who has it."""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import Response

from bootstrap.collector.body import read_lease
from bootstrap.collector.context import answer, body_of, collector_of
from bootstrap.collector.endpoint import Access, Answer, Body, endpoint
from bootstrap.collector.fields import LEASE, object_schema
from bootstrap.collector.refusal import Refusal
from bootstrap.collector.schemas import ref

logger = logging.getLogger(__name__)


@endpoint(
    "POST",
    "/v1/leases/{pool}",
    Access.DEPLOYER,
    {200: Answer("The lease, as it is on disk.", ref("Lease"))},
    body=Body(
        "`holder`: who asks, for people; `ttl_s`: seconds until the lease ends, 0 ends it now; `fence`: of the lease "
        "to renew or to end, left out for a new one.",
        object_schema(LEASE),
    ),
    refuses=("malformed", "held", "lost", "full", "stopping"),
)
async def post_lease(request: Request) -> Response:
    """Take, renew or end the right to change one pool, which one holder has at a time.

    Without `fence` a new lease begins, unless the pool has one that has not ended. A request with the `fence` and the
    `holder` of a lease renews it. That is possible after its time too, until another holder takes the pool; from then
    on the answer is `lost`. A fence is greater than every earlier one of the store, also after the collector was
    started again. Where several collectors share a PostgreSQL store, the clock of the database decides.
    """
    wanted = read_lease(request.path_params["pool"], await body_of(request))
    try:
        lease = await collector_of(request).store.lease(wanted)
    except Refusal as refusal:
        logger.info("route=leases result=%s pool=%s holder=%a", refusal.code, wanted.pool, wanted.holder)
        raise
    # A renewal comes every few seconds and tells nobody anything.
    if wanted.fence is None or wanted.ttl_s == 0:
        result = "ended" if wanted.ttl_s == 0 else "taken"
        logger.info("route=leases result=%s pool=%s fence=%d holder=%a", result, lease.pool, lease.fence, lease.holder)
    return answer({"fence": lease.fence, "holder": lease.holder, "until": lease.until})


@endpoint(
    "GET",
    "/v1/leases",
    Access.READER,
    {200: Answer("The leases that have not ended.", ref("Leases"))},
)
async def get_leases(request: Request) -> Response:
    """List the leases that have not ended, with their holders."""
    leases = await collector_of(request).store.leases()
    return answer({"leases": [vars(lease) for lease in leases]})
