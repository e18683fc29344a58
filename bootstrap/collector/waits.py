"""Long polls: requests that are answered when a server, or a whole roll-out, has come to an end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bootstrap.collector.context import Collector, answer, collector_of, server_of
from bootstrap.collector.endpoint import Access, Answer, endpoint
from bootstrap.collector.hub import Watch
from bootstrap.collector.model import Run
from bootstrap.collector.parameters import AFTER, COUNT, DEPLOY, FAILURES, GROUP, TIMEOUT_S, WAIT_FOR, checked_name
from bootstrap.collector.schemas import ref
from bootstrap.collector.state import ENDED, state_at

MAX_NAMED = 100  # servers in one answer: enough to act on, however large the roll-out is
_PAUSE_S = 0.2  # between two looks at a whole roll-out, however fast its servers report

# A look at the store. It returns whether the wait is over, and the body of the answer.
Look = Callable[[], Awaitable[tuple[bool, dict[str, Any]]]]


def _timeout(request: Request) -> float:
    """The seconds that a wait may take. Raises Refusal 422, for another state than healthy too."""
    WAIT_FOR.of(request)
    return TIMEOUT_S.of(request)


async def until(collector: Collector, watch: Watch, timeout_s: float, look: Look, pause_s: float = 0.0) -> Response:
    """Look after every change until the wait is over, its time is out, or the collector stops.

    pause_s: the least time between two looks; it grows where a look itself takes long.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout_s
    while True:
        began = loop.time()
        over, body = await look()
        remaining_s = end - loop.time()
        # Four fifths of the time at least are then free for reports, however large the roll-out is.
        pause_s = max(pause_s, 4 * (loop.time() - began)) if pause_s else 0.0
        if over or remaining_s <= 0 or collector.hub.closing:
            return answer(body)
        # With several collectors a notification can be lost, so a look follows after recheck_s in any case.
        await watch.next(min(remaining_s, collector.store.recheck_s))
        if pause_s and not collector.hub.closing:
            await asyncio.sleep(min(pause_s, max(0.0, end - loop.time())))


@endpoint(
    "GET",
    "/v1/servers/{name}/wait",
    Access.READER,
    {200: Answer("The state that was reached; `healthy` or `failed` unless the time was out.", ref("ServerWait"))},
    query=(WAIT_FOR, TIMEOUT_S, DEPLOY, AFTER),
    refuses=("malformed", "not_found"),
)
async def wait_server(request: Request) -> Response:
    """Wait for the end of one server: a long poll, answered at once on `healthy` or `failed`.

    A server that has never reported is waited for too. When the time is out, or the collector stops, the answer is 200
    with the state reached: ask again until it is `healthy` or `failed`. Let your client's own timeout be longer than
    `timeout_s`. Without `deploy_id` yesterday's end is an answer; name the deploy, or the last one with `after`.
    """
    collector, timeout_s, deploy_id = collector_of(request), _timeout(request), DEPLOY.of(request)
    after = AFTER.of(request) or ""
    server = server_of(request)

    async def look() -> tuple[bool, dict[str, Any]]:
        run = await collector.store.run(server, deploy_id)
        if run is None:
            return False, {"server": server, "deploy_id": deploy_id, "state": "waiting", "final": False, "heard": False}
        state = state_at(run, collector.clock())
        body = {"server": server, "deploy_id": run.deploy_id, "state": state, "final": run.closed}
        return state in ENDED and run.deploy_id > after, {**body, "heard": run.current is not None}

    # The watch is opened before the first look: a change between the two would otherwise be missed.
    with collector.hub.watch(server=server) as watch:
        return await until(collector, watch, timeout_s, look)


@endpoint(
    "GET",
    "/v1/deploys/{id}/wait",
    Access.READER,
    {200: Answer("The state of the roll-out; `healthy` or `failed` unless the time was out.", ref("DeployWait"))},
    query=(WAIT_FOR, TIMEOUT_S, COUNT, FAILURES, GROUP),
    refuses=("malformed",),
)
async def wait_deploy(request: Request) -> Response:
    """Wait for a whole roll-out: answered when `count` servers are healthy, or when too many have failed.

    A deploy that nothing is known of yet is waited for. When the time is out the answer is 200 with the state reached:
    ask again. With `group`, only its members count.
    """
    collector, timeout_s = collector_of(request), _timeout(request)
    deploy_id = checked_name("deploy_id", request.path_params["id"])
    count, failures, group = COUNT.of(request), FAILURES.of(request), GROUP.of(request)

    async def look() -> tuple[bool, dict[str, Any]]:
        runs = [run for run in await collector.store.runs(deploy_id) if group in (None, run.group)]
        body = roll_out(deploy_id, runs, count, collector.clock(), failures)
        return body["state"] in ENDED, body

    with collector.hub.watch(deploy_id=deploy_id) as watch:
        return await until(collector, watch, timeout_s, look, _PAUSE_S)


def roll_out(deploy_id: str, runs: list[Run], count: int | None, now: float, failures: int = 0) -> dict[str, Any]:
    """The answer for a whole roll-out, which has failed when more than `failures` servers have.

    It names at most MAX_NAMED of the servers that failed and of those that are still awaited.
    """
    states = {run.server: state_at(run, now) for run in runs}
    # Without servers a roll-out is not healthy: it has not begun.
    target = count or max(1, len(states))
    healthy = sum(state == "healthy" for state in states.values())
    failed = sorted(server for server, state in states.items() if state == "failed")
    awaited = sorted(server for server, state in states.items() if state not in ENDED)
    running = any(state != "waiting" for state in states.values())
    # Failure comes first: enough healthy servers do not make up for too many failed ones.
    over = "failed" if len(failed) > failures else "healthy" if healthy >= target else None
    state = over or ("running" if running else "waiting")
    return {
        "deploy_id": deploy_id,
        "state": state,
        "count": target,
        "healthy": healthy,
        "states": dict(Counter(states.values())),
        "failed": failed[:MAX_NAMED],
        "awaited": awaited[:MAX_NAMED],
    }
