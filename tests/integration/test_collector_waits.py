"""Long polls and the stream: they answer when something happens, and not before."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from queue import Queue
from typing import Any

import pytest
from collector_process import CollectorProcess, until
from reports import failed_story, healthy_story, numbered


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    with CollectorProcess(tmp_path_factory.mktemp("collector")) as running:
        yield running


def in_background(collector: CollectorProcess, path: str) -> Queue[dict[str, Any]]:
    """Ask for something that takes a while, and return once the collector has it."""
    answers: Queue[dict[str, Any]] = Queue()
    before = collector.waiters()
    threading.Thread(target=lambda: answers.put(collector.get(path)), daemon=True).start()
    until(lambda: collector.waiters() > before)
    return answers


@pytest.mark.parametrize(("story", "state"), [(healthy_story("a"), "healthy"), (failed_story(), "failed")])
def test_a_wait_ends_when_the_server_does(collector: CollectorProcess, story: Any, state: str) -> None:
    server = f"ends-{state}"
    answers = in_background(collector, f"/v1/servers/{server}/wait?for=healthy&timeout_s=120")
    collector.report(story[:-2], server=server)
    assert answers.empty()
    collector.report(story[-2:], server=server)
    answer = answers.get(timeout=20)
    assert (answer["server"], answer["state"], answer["final"]) == (server, state, True)


@pytest.mark.parametrize(("story", "state"), [(healthy_story("a"), "healthy"), (failed_story(), "failed")])
def test_a_server_that_has_ended_is_answered_at_once(collector: CollectorProcess, story: Any, state: str) -> None:
    server = f"ended-{state}"
    collector.report(story, server=server)
    assert collector.get(f"/v1/servers/{server}/wait?for=healthy&timeout_s=120")["state"] == state


def test_when_time_is_out_the_state_reached_is_answered(collector: CollectorProcess) -> None:
    unheard = collector.get("/v1/servers/slow/wait?for=healthy&timeout_s=0.05")
    assert (unheard["server"], unheard["state"], unheard["heard"]) == ("slow", "waiting", False)
    collector.report(healthy_story("a")[:2], server="slow")
    heard = collector.get("/v1/servers/slow/wait?for=healthy&timeout_s=0.05")
    assert (heard["state"], heard["heard"]) == ("running", True)
    collector.report(numbered({"type": "state", "state": "checking"}, first=3), server="slow", deadline_s=0)
    assert collector.get("/v1/servers/slow/wait?for=healthy&timeout_s=0.05")["state"] == "overdue"


def test_yesterdays_healthy_is_not_todays_answer(collector: CollectorProcess) -> None:
    collector.report(healthy_story("a"), server="daily", deploy_id="2026-11-19")
    answers = in_background(collector, "/v1/servers/daily/wait?for=healthy&timeout_s=120&deploy_id=2026-11-20")
    collector.report(healthy_story("a"), server="daily", deploy_id="2026-11-18")
    assert answers.empty()
    collector.report(healthy_story("a"), server="daily", deploy_id="2026-11-20")
    assert answers.get(timeout=20)["deploy_id"] == "2026-11-20"


def test_one_wait_for_a_whole_roll_out(collector: CollectorProcess) -> None:
    answers = in_background(collector, "/v1/deploys/roll-1/wait?for=healthy&count=3&timeout_s=120")
    for i in range(3):
        assert answers.empty()
        collector.report(healthy_story("a"), server=f"roll-{i}", deploy_id="roll-1")
    answer = answers.get(timeout=20)
    assert (answer["state"], answer["healthy"], answer["count"]) == ("healthy", 3, 3)


def test_a_roll_out_ends_with_its_first_failure(collector: CollectorProcess) -> None:
    answers = in_background(collector, "/v1/deploys/roll-2/wait?for=healthy&count=50&timeout_s=120")
    collector.report(healthy_story("a"), server="good", deploy_id="roll-2")
    collector.report(failed_story(), server="bad", deploy_id="roll-2")
    answer = answers.get(timeout=20)
    assert (answer["state"], answer["failed"], answer["healthy"]) == ("failed", ["bad"], 1)


def test_without_a_count_a_roll_out_is_all_that_were_announced(collector: CollectorProcess) -> None:
    manifests = [{"server": f"all-{i}", "deploy_id": "roll-3", "deadline_s": 600} for i in range(2)]
    collector.ask("POST", "/v1/expect", json=manifests)
    collector.report(healthy_story("a"), server="all-0", deploy_id="roll-3")
    now = collector.get("/v1/deploys/roll-3/wait?for=healthy&timeout_s=0.05")
    assert (now["state"], now["awaited"], now["states"]) == ("running", ["all-1"], {"healthy": 1, "waiting": 1})
    collector.report(healthy_story("a"), server="all-1", deploy_id="roll-3")
    assert collector.get("/v1/deploys/roll-3/wait?for=healthy&timeout_s=60")["state"] == "healthy"


def test_the_stream_reports_each_change(collector: CollectorProcess) -> None:
    stream = collector.ask("GET", "/v1/stream?deploy_id=streamed", stream=True)
    assert stream.headers["content-type"].startswith("text/event-stream")
    lines = stream.iter_lines(chunk_size=1)
    assert [next(lines) for _ in range(3)] == [b"retry: 2000", b"event: ready", b"data: {}"]
    collector.report(healthy_story("a"), server="silent", deploy_id="another")
    collector.report(healthy_story("a")[:2], server="told", deploy_id="streamed")
    event = [next(lines) for _ in range(3)]
    assert event[:2] == [b"", b"event: server"]
    server = json.loads(event[2].removeprefix(b"data: "))
    assert (server["server"], server["deploy_id"], server["state"]) == ("told", "streamed", "running")
    assert server == collector.get("/v1/servers/told")
    stream.close()


def test_closed_connections_are_forgotten(collector: CollectorProcess) -> None:
    before = collector.waiters()
    for _ in range(5):
        collector.ask("GET", "/v1/stream", stream=True).close()
    until(lambda: collector.waiters() == before)


def test_a_log_is_one_line_of_the_stream(collector: CollectorProcess) -> None:
    """A line feed in a host's words must not begin an event of its own."""
    stream = collector.ask("GET", "/v1/stream?deploy_id=lines", stream=True)
    lines = stream.iter_lines(chunk_size=1)
    tail = "\n\nevent: server\ndata: {}\n\n\r\r\u2028"
    collector.report(failed_story(tail=tail), server="lines", deploy_id="lines")
    event = [next(lines) for _ in range(6)]
    assert event[3:5] == [b"", b"event: server"]
    assert json.loads(event[5].removeprefix(b"data: "))["failure"]["tail"] == tail
    stream.close()
