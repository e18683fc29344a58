"""GET /metrics: the numbers of one collector in the text format of Prometheus. Pure but for the route."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response

from bootstrap.collector.context import Collector, collector_of
from bootstrap.collector.endpoint import Access, Answer, endpoint
from bootstrap.collector.model import Run
from bootstrap.collector.state import STATES, state_at

_PREFIX = "initialrunner_collector"


@endpoint(
    "GET",
    "/metrics",
    Access.READER,
    {200: Answer("Text in the format of Prometheus, version 0.0.4.", media="text/plain")},
)
async def get_metrics(request: Request) -> Response:
    """Show the numbers of this collector for Prometheus: servers by state, reports by result, memory, processor time.

    Reports are counted since the start of this collector, servers over the whole store.
    """
    collector = collector_of(request)
    runs = await collector.store.runs(None)
    # Counting 100,000 servers takes a while, and reports must not wait for it.
    text = await asyncio.to_thread(metrics, collector, runs, collector.clock())
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def metrics(collector: Collector, runs: list[Run], now: float) -> str:
    """The page. Server states are counted in each server's current deploy."""
    states = Counter(state_at(run, now) for run in runs)
    # A family without a sample would be missing in a graph, so `taken` is there from the start.
    reports = {code: n for (family, code), n in sorted(collector.counts.items()) if family == "reports"}
    lines = [
        *_family(
            "reports_total",
            "counter",
            "Reports by result: taken, or the code of the error.",
            "result",
            {"taken": 0, **reports}.items(),
        ),
        *_family(
            "events_total", "counter", "Events in accepted reports.", "", [("", collector.counts["events", "taken"])]
        ),
        *_family(
            "objects_served_total",
            "counter",
            "Runner texts and bundles that were fetched.",
            "kind",
            [(kind, collector.counts["objects", kind]) for kind in ("bundle", "runner")],
        ),
        *_family("servers", "gauge", "Servers by state.", "state", [(state, states[state]) for state in STATES]),
        *_family(
            "conflicts", "gauge", "Servers as which two hosts report.", "", [("", sum(bool(r.conflict) for r in runs))]
        ),
        *_family("late_events", "gauge", "Events after the end.", "", [("", sum(run.late for run in runs))]),
        *_family("waiters", "gauge", "Long polls and streams that are open.", "", [("", collector.hub.waiting)]),
        *_family("held_bytes", "gauge", "Bytes of the bodies that are being read.", "", [("", collector.held_bytes)]),
        *_process(),
    ]
    return "\n".join(lines) + "\n"


def _process() -> list[str]:
    """The use of memory and processor by this process, under the names that Prometheus clients agree on."""
    # Imported by the first scrape: it takes 40 ms, and a collector that nobody scrapes does without.
    import psutil

    process = psutil.Process()
    # One read of /proc serves all values.
    with process.oneshot():
        used, cpu = process.memory_info(), process.cpu_times()
        values = {
            "process_resident_memory_bytes": ("gauge", "Memory held.", used.rss),
            "process_cpu_seconds_total": ("counter", "User and system time.", round(cpu.user + cpu.system, 2)),
            "process_open_fds": ("gauge", "Open descriptors.", process.num_fds()),
            "process_start_time_seconds": ("gauge", "Since 1970.", round(process.create_time(), 2)),
        }
    return [
        line
        for name, (kind, text, value) in values.items()
        for line in (f"# HELP {name} {text}", f"# TYPE {name} {kind}", f"{name} {value}")
    ]


def _family(name: str, kind: str, text: str, label: str, values: Iterable[tuple[str, int]]) -> list[str]:
    full = f"{_PREFIX}_{name}"
    # Label values are words of this program, so nothing needs escaping.
    rows = [f'{full}{{{label}="{value}"}} {n}' if label else f"{full} {n}" for value, n in values]
    return [f"# HELP {full} {text}", f"# TYPE {full} {kind}", *rows]
