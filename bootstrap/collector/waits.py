"""Long polls: a question that is answered when a server, or a whole roll-out, has come to an end."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from bootstrap.collector.context import Collector, answer, collector_of, for_readers, server_of
from bootstrap.collector.hub import Watch
from bootstrap.collector.model import Run
from bootstrap.collector.reads import checked_deploy, deploy_of, number_of
from bootstrap.collector.refusal import malformed
from bootstrap.collector.state import ENDED, state_at

DEFAULT_WAIT_S = 30.0
MAX_WAIT_S = 300.0  # proxies cut longer silences; a caller asks again
MAX_NAMED = 100
_PAUSE_S = 0.2  # between two looks at a whole roll-out, however fast its servers report

Look = Callable[[], Awaitable[tuple[bool, dict[str, Any]]]]  # -> (is it over, what to answer)


def _timeout(request: Request) -> float:
    wanted = request.query_params.get("for", "healthy")
    if wanted != "healthy":
        raise malformed(f"for: {wanted[:60]!r} is not healthy")
    return number_of(request, "timeout_s", DEFAULT_WAIT_S, low=0, high=MAX_WAIT_S) or 0.0


async def until(collector: Collector, watch: Watch, timeout_s: float, look: Look, pause_s: float = 0.0) -> Response:
    """Look, and look again after every change, until it is over, time is out, or the collector stops.

    pause_s: between two looks at least; longer where a look itself takes long.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout_s
    while True:
        began = loop.time()
        over, shown = await look()
        left = end - loop.time()
        pause_s = max(pause_s, 4 * (loop.time() - began)) if pause_s else 0.0
        if over or left <= 0 or collector.hub.closing:
            return answer(shown)
        await watch.next(min(left, collector.store.recheck_s))
        if pause_s and not collector.hub.closing:
            await asyncio.sleep(min(pause_s, max(0.0, end - loop.time())))


@for_readers
async def wait_server(request: Request) -> Response:
    """GET /v1/servers/{name}/wait: answers at once on healthy or failed; a server not heard of yet is waited for.

    after: a deploy id; only the end of a deploy after it is an answer.
    """
    collector, timeout_s, deploy_id = collector_of(request), _timeout(request), deploy_of(request)
    after = checked_deploy(request.query_params.get("after")) or ""
    server = server_of(request)

    async def look() -> tuple[bool, dict[str, Any]]:
        run = await collector.store.run(server, deploy_id)
        if run is None:
            return False, {"server": server, "deploy_id": deploy_id, "state": "waiting", "final": False, "heard": False}
        state = state_at(run, collector.clock())
        shown = {"server": server, "deploy_id": run.deploy_id, "state": state, "final": run.closed}
        return state in ENDED and run.deploy_id > after, {**shown, "heard": run.current is not None}

    with collector.hub.watch(server=server) as watch:
        return await until(collector, watch, timeout_s, look)


@for_readers
async def wait_deploy(request: Request) -> Response:
    """GET /v1/deploys/{id}/wait: answers when `count` servers are healthy, or at once when one has failed.

    Without count: all that were announced or heard of. group: only its members count. failures: how many may fail
    before it is over, 0 unless given.
    """
    collector, timeout_s = collector_of(request), _timeout(request)
    deploy_id = checked_deploy(request.path_params["id"]) or ""
    given = number_of(request, "count", None, low=1, high=1e9)
    count = None if given is None else int(given)
    failures = int(number_of(request, "failures", 0, low=0, high=1e9) or 0)
    group = request.query_params.get("group")

    async def look() -> tuple[bool, dict[str, Any]]:
        runs = [run for run in await collector.store.runs(deploy_id) if group in (None, run.group)]
        shown = roll_out(deploy_id, runs, count, collector.clock(), failures)
        return shown["state"] in ENDED, shown

    with collector.hub.watch(deploy_id=deploy_id) as watch:
        return await until(collector, watch, timeout_s, look, _PAUSE_S)


def roll_out(deploy_id: str, runs: list[Run], count: int | None, now: float, failures: int = 0) -> dict[str, Any]:
    """One answer for a whole roll-out, which has failed when more than `failures` servers have.

    It names at most MAX_NAMED of those that failed and of those still awaited.
    """
    states = {run.server: state_at(run, now) for run in runs}
    wanted = count or max(1, len(states))
    healthy = sum(state == "healthy" for state in states.values())
    failed = sorted(server for server, state in states.items() if state == "failed")
    awaited = sorted(server for server, state in states.items() if state not in ENDED)
    running = any(state != "waiting" for state in states.values())
    over = "failed" if len(failed) > failures else "healthy" if healthy >= wanted else None
    state = over or ("running" if running else "waiting")
    return {
        "deploy_id": deploy_id,
        "state": state,
        "count": wanted,
        "healthy": healthy,
        "states": dict(Counter(states.values())),
        "failed": failed[:MAX_NAMED],
        "awaited": awaited[:MAX_NAMED],
    }
