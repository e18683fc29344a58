"""The routes that read servers: one, many, their events, and the signed question of a host that needs another host."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from bootstrap.collector.context import answer, collector_of, may_read, run_of, unauthorised
from bootstrap.collector.endpoint import Access, Answer, endpoint
from bootstrap.collector.ingest import in_group, read_headers
from bootstrap.collector.parameters import BRIEF, DEPLOY, GROUP, GROUP_OF_ASKER, STATE
from bootstrap.collector.refusal import Refusal
from bootstrap.collector.schemas import ref
from bootstrap.collector.state import server_json, state_at


@endpoint(
    "GET",
    "/v1/servers",
    Access.READER,
    {200: Answer("The servers, by name.", ref("Servers"))},
    query=(DEPLOY, STATE, GROUP, BRIEF),
    refuses=("malformed",),
)
async def get_servers(request: Request) -> Response:
    """List every server in its current deploy, or all servers of one deploy."""
    collector = collector_of(request)
    state, group, brief = STATE.of(request), GROUP.of(request), BRIEF.of(request)
    now = collector.clock()
    runs = [run for run in await collector.store.runs(DEPLOY.of(request)) if group in (None, run.group)]

    def list_answer() -> Response:
        servers = [server_json(run, now, brief=brief) for run in runs if state in (None, state_at(run, now))]
        return answer({"servers": servers})

    # Thousands of servers take a while to write down, and reports must not wait for it.
    return await asyncio.to_thread(list_answer)


@endpoint(
    "GET",
    "/v1/servers/{name}",
    Access.READER_OR_SIGNED,
    {200: Answer("The server; for a host only its state.", {"anyOf": [ref("Server"), ref("ServerState")]})},
    query=(DEPLOY, GROUP_OF_ASKER),
    refuses=("malformed", "not_found"),
)
async def get_server(request: Request) -> Response:
    """Show one server.

    A host that needs another one (`needs: [{server: db-1}]`) asks with a signature over an empty body, and gets only
    the state. It may ask only about its own deploy, which `deploy_id` must name.
    """
    collector = collector_of(request)
    if may_read(request):
        run = await run_of(request, DEPLOY.of(request))
        return answer(server_json(run, collector.clock()))
    if "webhook-signature" in request.headers:
        deploy_id = await _deploy_of_asker(request)
        run = await run_of(request, deploy_id)
        return answer({"server": run.server, "deploy_id": run.deploy_id, "state": state_at(run, collector.clock())})
    raise unauthorised()


async def _deploy_of_asker(request: Request) -> str:
    """The deploy that a signed question is about. Raises Refusal 401 unless a server of that very deploy signed it."""
    collector = collector_of(request)
    claims = read_headers(request.headers)
    if DEPLOY.of(request) == claims.deploy_id:
        # The signature covers an empty body: a question has nothing but its path.
        if claims.by(collector.secret, claims.server, b""):
            return claims.deploy_id
        # A member of a group signs with the group's key. The question names the group, or an earlier report did.
        group = GROUP_OF_ASKER.of(request)
        if not group and (asker := await collector.store.run(claims.server, claims.deploy_id)):
            group = asker.group
        if group and in_group(claims.server, group) and claims.by(collector.secret, group, b""):
            return claims.deploy_id
    raise Refusal("forged", f"the question is not signed by {claims.server} for its own deploy")


@endpoint(
    "GET",
    "/v1/refused",
    Access.READER,
    {200: Answer("The reports, the last one first.", ref("RefusedReports"))},
    reads_store=False,
)
async def get_refused(request: Request) -> Response:
    """List the reports that this collector has refused since it was started, with the reasons.

    Alike reports are one entry; at most 200 entries are remembered. Behind a load balancer each collector lists its
    own. Nothing in an entry is proven: it is what the sender claimed.
    """
    return answer({"refused": collector_of(request).refusals.newest_first()})


@endpoint(
    "GET",
    "/v1/servers/{name}/events",
    Access.READER,
    {200: Answer("The events.", ref("Events"))},
    query=(DEPLOY,),
    refuses=("malformed", "not_found"),
)
async def get_events(request: Request) -> Response:
    """List the events that one host has reported in one deploy, in the order of their effect.

    Each event has the keys that the host sent, and `journal`, `received_at` and `late`, which the collector adds.
    """
    run = await run_of(request, DEPLOY.of(request))
    return answer({"events": await collector_of(request).store.events(*run.key)})
