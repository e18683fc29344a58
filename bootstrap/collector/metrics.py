"""GET /metrics: the numbers of one collector in Prometheus' text format, written by hand. Pure but for the route."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response

from bootstrap.collector.context import Collector, collector_of, for_readers
from bootstrap.collector.model import Run
from bootstrap.collector.reads import STATES
from bootstrap.collector.state import state_at

_PREFIX = "initialrunner_collector"


@for_readers
async def get_metrics(request: Request) -> Response:
    """GET /metrics: needs the token like every reading."""
    collector = collector_of(request)
    runs = await collector.store.runs(None)
    text = await asyncio.to_thread(metrics, collector, runs, collector.clock())
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def metrics(collector: Collector, runs: list[Run], now: float) -> str:
    """The page. Server states are counted in each server's current deploy."""
    states = Counter(state_at(run, now) for run in runs)
    reports = {code: n for (what, code), n in sorted(collector.counts.items()) if what == "reports"}
    lines = [
        *_family(
            "reports_total", "counter", "Reports by what became of them.", "result", {"taken": 0, **reports}.items()
        ),
        *_family(
            "events_total", "counter", "Events in accepted reports.", "", [("", collector.counts["events", "taken"])]
        ),
        *_family("servers", "gauge", "Servers by state.", "state", [(state, states[state]) for state in STATES]),
        *_family(
            "conflicts", "gauge", "Servers that two hosts report as.", "", [("", sum(bool(r.conflict) for r in runs))]
        ),
        *_family("late_events", "gauge", "Events kept after the end.", "", [("", sum(run.late for run in runs))]),
        *_family("waiters", "gauge", "Long polls and streams.", "", [("", collector.hub.waiting)]),
        *_family("held_bytes", "gauge", "Bodies being read.", "", [("", collector.held_bytes)]),
        *_process(),
    ]
    return "\n".join(lines) + "\n"


def _process() -> list[str]:
    """What this process uses, under the names that every Prometheus client gives them."""
    import psutil

    process = psutil.Process()
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
