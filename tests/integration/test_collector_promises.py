"""The promises of the collector: an acknowledged event is on disk, once in effect, in order, and the end is the end."""

from __future__ import annotations

import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import reports
import requests
from collector_process import CollectorProcess, assert_error, until
from reports import event, failed_story, healthy_story, numbered


@pytest.fixture
def collector(tmp_path: Path) -> Iterator[CollectorProcess]:
    with CollectorProcess(tmp_path) as running:
        yield running


def seqs(collector: CollectorProcess, server: str = "web-1", deploy_id: str = reports.DEPLOY) -> list[int]:
    return [e["seq"] for e in collector.get(f"/v1/servers/{server}/events?deploy_id={deploy_id}")["events"]]


def test_acknowledged_events_survive_a_kill(collector: CollectorProcess) -> None:
    events = healthy_story("packages", "site")
    for sent in events:
        acked = collector.report([sent])
        collector.kill()
        # Not even the write-ahead log may be needed by the same process.
        collector.start()
        assert (acked, seqs(collector)) == (sent["seq"], list(range(1, acked + 1)))
    assert collector.get("/v1/servers/web-1")["state"] == "healthy"


def test_no_acknowledged_event_is_lost_when_it_dies_under_load(collector: CollectorProcess) -> None:
    acknowledged: dict[str, int] = {}
    enough = threading.Event()

    def speak(server: str) -> None:
        seq = 0
        while True:
            try:
                acked = collector.send(*reports.signed([event(seq + 1, "fixed", path="/x")], server=server))
            except requests.RequestException:
                return
            if acked.status_code != 200:
                return
            seq = acked.json()["acked"]
            acknowledged[server] = seq
            if sum(acknowledged.values()) > 300:
                enough.set()

    threads = [threading.Thread(target=speak, args=(f"web-{i}",)) for i in range(8)]
    for thread in threads:
        thread.start()
    assert enough.wait(60)
    collector.kill()
    for thread in threads:
        thread.join()
    collector.start()
    for server, acked in acknowledged.items():
        stored = seqs(collector, server)
        # An event that was written but not answered may be there too, in order.
        assert stored == list(range(1, len(stored) + 1)) and len(stored) >= acked


def test_after_a_lost_answer_the_report_can_be_sent_again(collector: CollectorProcess) -> None:
    events = healthy_story("packages")
    content, headers = reports.signed(events)
    first = collector.send(content, headers).json()
    before = collector.get("/v1/servers/web-1"), seqs(collector)
    for _ in range(3):
        assert collector.send(content, headers).json() == first
    # Part of it again, with something new behind it, as after a crash of the host.
    assert collector.report(events[3:]) == len(events)
    assert (collector.get("/v1/servers/web-1"), seqs(collector)) == before


def test_a_captured_report_does_not_keep_a_dead_server_alive(collector: CollectorProcess) -> None:
    content, headers = reports.signed(healthy_story("a")[:2], deadline_s=0)
    collector.send(content, headers)
    before = collector.get("/v1/servers/web-1")
    assert before["state"] == "overdue"
    collector.send(content, headers)
    assert collector.get("/v1/servers/web-1") == before


def test_events_out_of_order_have_their_effect_in_order(collector: CollectorProcess) -> None:
    events = failed_story()
    assert collector.report(events[:2]) == 2
    assert collector.report(events[4:]) == 2
    # The events beyond the gap are neither acknowledged nor in effect.
    assert collector.get("/v1/servers/web-1")["state"] == "running"
    assert seqs(collector) == [1, 2]
    assert collector.report(events[3:4]) == 2
    assert collector.report(events[2:3]) == 6
    assert seqs(collector) == [1, 2, 3, 4, 5, 6]
    server = collector.get("/v1/servers/web-1")
    assert (server["state"], server["late"], server["stages"][0]["attempts"]) == ("failed", 0, 2)


def test_events_after_the_end_are_stored_and_change_nothing(collector: CollectorProcess) -> None:
    collector.report(failed_story())
    before = collector.get("/v1/servers/web-1")
    # The same journal goes on, and somebody who has read old user-data begins one of his own.
    forged = numbered({"type": "started", "stages": ["x"]}, {"type": "state", "state": "healthy", "final": True})
    assert collector.report([event(7, "state", state="healthy", final=True)]) == 7
    assert collector.report(forged, journal="another") == 2
    after = collector.get("/v1/servers/web-1")
    assert after == {**before, "late": 3}
    events = collector.get("/v1/servers/web-1/events")["events"]
    assert [(e["journal"], e["seq"]) for e in events if e["late"]] == [
        (reports.JOURNAL, 7),
        ("another", 1),
        ("another", 2),
    ]


def test_events_behind_the_end_in_one_report_are_late(collector: CollectorProcess) -> None:
    events = [*failed_story(), event(7, "state", state="healthy", final=True)]
    assert collector.report(events) == 7
    server = collector.get("/v1/servers/web-1")
    assert (server["state"], server["late"]) == ("failed", 1)


def test_a_failure_without_an_end_can_heal(collector: CollectorProcess) -> None:
    """A file that comes after its deadline: the later state wins."""
    collector.report(
        numbered({"type": "started", "stages": ["a"]}, {"type": "state", "state": "failed", "reason": "/x is absent"})
    )
    assert collector.get("/v1/servers/web-1")["state"] == "failed"
    assert collector.report(numbered({"type": "state", "state": "running"}, first=3)) == 3
    server = collector.get("/v1/servers/web-1")
    assert (server["state"], server["final"], server["failure"]) == ("running", False, None)


def test_a_new_deploy_is_a_new_story(collector: CollectorProcess) -> None:
    collector.report(failed_story(), deploy_id="20260101T000000-aa")
    collector.report(healthy_story("a")[:2], deploy_id="20260102T000000-bb", journal="second")
    current = collector.get("/v1/servers/web-1")
    assert (current["deploy_id"], current["state"]) == ("20260102T000000-bb", "running")
    # The earlier one still has something to say: taken, and nothing of the current one changes.
    collector.report([event(7, "fixed")], deploy_id="20260101T000000-aa")
    assert collector.get("/v1/servers/web-1") == current
    assert collector.get("/v1/servers/web-1?deploy_id=20260101T000000-aa")["state"] == "failed"


def test_a_rebuilt_server_begins_anew_and_is_no_conflict(collector: CollectorProcess) -> None:
    collector.report(healthy_story("a", "b")[:4], journal="first", instance_id="i-1")
    collector.report(healthy_story("a", "b")[:2], journal="second", instance_id="i-2")
    server = collector.get("/v1/servers/web-1")
    assert (server["journal"], server["instance_id"], server["conflict"]) == ("second", "i-2", [])
    assert [stage["state"] for stage in server["stages"]] == ["pending", "pending"]


def test_two_hosts_with_one_key_are_shown_as_a_conflict(collector: CollectorProcess) -> None:
    story = healthy_story("a", "b")
    collector.report(story[:2], journal="original")
    collector.report(story[:3], journal="clone")
    assert collector.report(story[2:], journal="original") == len(story)
    server = collector.get("/v1/servers/web-1")
    assert server["conflict"] == ["clone", "original"]
    # The end of the one is not the end of the other.
    assert (server["journal"], server["state"], server["final"]) == ("clone", "running", False)
    assert collector.report(story[3:], journal="clone") == len(story)
    assert collector.get("/v1/servers/web-1")["state"] == "healthy"


def test_a_replay_of_an_older_journal_is_no_conflict(collector: CollectorProcess) -> None:
    story = healthy_story("a")
    old = reports.signed(story[:3], journal="first")
    collector.send(*old)
    collector.report(story[:2], journal="second")
    collector.send(*old)
    server = collector.get("/v1/servers/web-1")
    assert (server["journal"], server["conflict"]) == ("second", [])


def test_somebody_with_an_old_key_cannot_fill_the_disk(collector: CollectorProcess) -> None:
    collector.report(healthy_story("a"))
    answers = [
        collector.send(*reports.signed([event(1, "fixed", path="/x")], journal=f"forged-{i}")) for i in range(20)
    ]
    assert answers[0].status_code == 200
    assert answers[-1].status_code == 429 and int(answers[-1].headers["retry-after"]) > 0
    assert collector.get("/v1/servers/web-1")["state"] == "healthy"


def test_a_full_disk_is_reported_and_nothing_is_acknowledged(collector: CollectorProcess) -> None:
    """A trigger stands in for the disk: it makes SQLite refuse, as it does when it cannot grow the file."""
    assert collector.report(healthy_story("a")[:1]) == 1
    with closing(sqlite3.connect(collector.folder / "collector.db")) as other:
        other.execute(
            "CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        )
        other.commit()
        answer = collector.send(*reports.signed(healthy_story("a")[:3]))
        assert_error(answer, 429, "full")
        assert int(answer.headers["retry-after"]) > 0
        assert seqs(collector) == [1]
        other.execute("DROP TRIGGER full")
        other.commit()
    # It forgot what it had worked out: the same report is taken as a whole now.
    assert collector.report(healthy_story("a")[:3]) == 3
    assert seqs(collector) == [1, 2, 3]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_collector_stops_at_once_despite_long_polls(collector: CollectorProcess, number: int) -> None:
    def wait() -> None:
        answers.append(collector.ask("GET", "/v1/servers/never/wait?for=healthy&timeout_s=200").json()["state"])

    answers: list[str] = []
    stream = collector.ask("GET", "/v1/stream", stream=True)
    lines = stream.iter_lines(chunk_size=1)
    assert next(lines) == b"retry: 2000"
    thread = threading.Thread(target=wait)
    thread.start()
    until(lambda: collector.waiters() == 2)
    assert collector.stop(number) == 0
    thread.join(20)
    stream.close()
    assert answers == ["waiting"]
