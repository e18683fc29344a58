"""The routes that read servers: one, many, their events, and the signed question of a host that needs another one."""

from __future__ import annotations

import asyncio
import re

from starlette.requests import Request
from starlette.responses import Response

from bootstrap.collector.body import name as name_check
from bootstrap.collector.context import answer, collector_of, for_readers, may_read, run_of, unauthorised
from bootstrap.collector.ingest import in_group, read_headers
from bootstrap.collector.refusal import Refusal, malformed
from bootstrap.collector.state import server_json, state_at
from bootstrap.runner.contract import SERVER_STATES

STATES = (*SERVER_STATES, "overdue")


def deploy_of(request: Request) -> str | None:
    """The deploy_id of the query, None when it names none. Raises Refusal 422."""
    return checked_deploy(request.query_params.get("deploy_id"))


def checked_deploy(deploy_id: str | None) -> str | None:
    """A deploy id of a query or a path. Raises Refusal 422 when it cannot be one."""
    if deploy_id is not None and (wanted := name_check(deploy_id)):
        raise malformed(f"deploy_id: {deploy_id[:60]!r} is not {wanted}")
    return deploy_id


def number_of(request: Request, key: str, default: float | None, *, low: float, high: float) -> float | None:
    """A number of the query, brought under `high`. Raises Refusal 422 when it is no number from `low`."""
    text = request.query_params.get(key)
    if text is None:
        return default
    if re.fullmatch(r"\d{1,9}(\.\d{1,6})?", text, re.ASCII) is None or float(text) < low:
        raise malformed(f"{key}: {text[:60]!r} is not a number from {low:g}")
    return min(float(text), high)


@for_readers
async def get_servers(request: Request) -> Response:
    """GET /v1/servers: every server in its current deploy, or all of one deploy; state, group and brief narrow it."""
    collector = collector_of(request)
    state = request.query_params.get("state")
    if state is not None and state not in STATES:
        raise malformed(f"state: {state[:60]!r} is not one of {', '.join(STATES)}")
    group = request.query_params.get("group")
    brief = request.query_params.get("brief") in ("1", "true")
    now = collector.clock()
    runs = [run for run in await collector.store.runs(deploy_of(request)) if group in (None, run.group)]

    def shown() -> Response:
        every = [server_json(run, now, brief=brief) for run in runs if state in (None, state_at(run, now))]
        return answer({"servers": every})

    # Thousands of servers take a while to write down, and reports must not wait for it.
    return await asyncio.to_thread(shown)


async def get_server(request: Request) -> Response:
    """GET /v1/servers/{name}: all of one server; to another host of the same deploy, only its state."""
    collector = collector_of(request)
    if may_read(request):
        run = await run_of(request, deploy_of(request))
        return answer(server_json(run, collector.clock()))
    if "webhook-signature" in request.headers:
        deploy_id = await _asked_by_a_host(request)
        run = await run_of(request, deploy_id)
        return answer({"server": run.server, "deploy_id": run.deploy_id, "state": state_at(run, collector.clock())})
    raise unauthorised()


async def _asked_by_a_host(request: Request) -> str:
    """The deploy that a signed question is about. Raises Refusal 401 unless a server of that very deploy signed it."""
    collector = collector_of(request)
    claims = read_headers(request.headers)
    if deploy_of(request) == claims.deploy_id:
        if claims.by(collector.secret, claims.server, b""):
            return claims.deploy_id
        # A member of a group signs with the group's key. It names the group, or its reports have.
        group = request.query_params.get("group")
        if not group and (asker := await collector.store.run(claims.server, claims.deploy_id)):
            group = asker.group
        if group and in_group(claims.server, group) and claims.by(collector.secret, group, b""):
            return claims.deploy_id
    raise Refusal(401, "forged", f"the question is not signed by {claims.server} for its own deploy")


@for_readers
async def get_refused(request: Request) -> Response:
    """GET /v1/refused: whose reports this collector has refused since it started, and why; the last one first."""
    return answer({"refused": collector_of(request).refusals.shown()})


@for_readers
async def get_events(request: Request) -> Response:
    """GET /v1/servers/{name}/events: what the host reported, in order, late events marked."""
    run = await run_of(request, deploy_of(request))
    return answer({"events": await collector_of(request).store.events(*run.key)})
