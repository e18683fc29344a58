"""Reports over a bad road to a real collector: late, lost, repeated, forged; and answers that are none."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from box import Box, needs_root
from handmade import DEPLOY_ID, payload, stage
from oracle import NOTE, deliver, kill_runner_after, ran, said, start_tick

from bootstrap.payload.bundle import unpack
from bootstrap.payload.model import Payload
from bootstrap.rehearse.collector import Collector
from bootstrap.runner.host import BUNDLE, COMMAND, STATE, TRIGGER

pytestmark = [pytest.mark.integration, needs_root]
SECRET = bytes(range(32))
PORT = 8096
ROAD = f"http://127.0.0.1:{PORT}"
# Between host and collector. Every request is kept in /srv/request.N with the time it came. Its answer is the file
# /srv/answer.N if there is one ("lost" after passing the request on), else the collector's own.
FORWARDER = f"""
import os, socket, threading, time
def whole(made):
    data = b""
    while b"\\r\\n\\r\\n" not in data:
        data += made.recv(65536) or exit()
    head, body = data.split(b"\\r\\n\\r\\n", 1)
    length = [int(l.split(b":")[1]) for l in head.lower().split(b"\\r\\n") if l.startswith(b"content-length")]
    while len(body) < (length or [0])[0]:
        body += made.recv(65536)
    return head.replace(b"HTTP/1.1", b"HTTP/1.0", 1) + b"\\r\\n\\r\\n" + body
def pass_on(request):
    answer = b""
    with socket.create_connection(("127.0.0.1", 8443)) as there:
        there.sendall(request)
        while block := there.recv(65536):
            answer += block
    return answer
def serve(made, number):
    with made:
        request = whole(made)
        with open("/srv/times", "a") as times:
            print(time.monotonic(), file=times)
        with open(f"/srv/request.{{number}}.part", "wb") as file:
            file.write(request)
        os.rename(f"/srv/request.{{number}}.part", f"/srv/request.{{number}}")
        path = f"/srv/answer.{{number}}"
        answer = open(path, "rb").read() if os.path.exists(path) else None
        if answer is None or answer == b"lost":
            real = pass_on(request)
            answer = real if answer is None else b""
        try:
            made.sendall(answer)
            while answer.endswith(b"chunked\\r\\n\\r\\n"):
                made.sendall(b"1000\\r\\n" + b" " * 4096 + b"\\r\\n")
        except OSError:
            pass
server = socket.create_server(("127.0.0.1", {PORT}), backlog=100)
number = 0
while True:
    made, number = server.accept()[0], number + 1
    threading.Thread(target=serve, args=(made, number), daemon=True).start()
"""


def reporting(*stages: dict[str, Any], url: str = ROAD, **more: Any) -> Payload:
    return payload(list(stages) or [stage("one", NOTE + "note one")], report=(url, SECRET), **more)


def road(box: Box, *answers: bytes) -> None:
    """Start the forwarder, whose first answers are these."""
    for number, answer in enumerate(answers, 1):
        box.put(f"/srv/answer.{number}", answer)
    box.put("/srv/forwarder.py", FORWARDER)
    box.sh("setsid python3 /srv/forwarder.py </dev/null >/srv/forwarder.log 2>&1 &")
    box.wait_for(lambda: box.sh(f"ss -tln | grep -q :{PORT}").returncode == 0)


def told(collector: Collector) -> list[int]:
    """The numbers of the events that the collector has, in its order."""
    found = collector.get(f"/v1/servers/box-1/events?deploy_id={DEPLOY_ID}&limit=1000", missing={"events": []})
    return [event["seq"] for event in found["events"]]


def replay(collector: Collector, request: bytes) -> int:
    """Send a captured request again; the status."""
    head, body = request.split(b"\r\n\r\n", 1)
    lines = [line.decode().split(": ", 1) for line in head.split(b"\r\n")[1:]]
    headers = {name: value for name, value in lines if name.lower() not in ("host", "content-length")}
    return collector.request("POST", "/v1/events", body, headers)[0]


@pytest.mark.fault(60)
def test_a_collector_that_comes_up_later_gets_all_events_in_order() -> None:
    # More events than one request carries.
    stages = [stage(f"s{number}", "true") for number in range(120)]
    with Box(reporting(*stages, url="http://127.0.0.1:8443").files) as box:
        start_tick(box)
        box.wait_for(lambda: box.state() == "healthy", timeout_s=60)
        # Healthy and owing: killed now, all that is left is disk.
        assert box.kill_runner()
        assert box.exists(TRIGGER) and box.exists(BUNDLE)
        assert {e["exit_code"] for e in box.events("stage.ended")} == {0}
        with Collector(box.copy, secret=SECRET) as collector:
            assert box.tick().returncode == 0
            assert told(collector) == [e["seq"] for e in box.journal()]
            assert len(told(collector)) > 240
            assert collector.get("/v1/servers/box-1")["state"] == "healthy"
        assert not box.exists(TRIGGER) and len(box.events("stage.started")) == 120


def test_the_collector_hears_of_a_stage_while_it_works() -> None:
    with Box() as box, Collector(box.copy, secret=SECRET) as collector:
        deliver(box, reporting(stage("one", NOTE + "note begin; block go"), url=collector.url))
        start_tick(box)
        running = [{"name": "one", "state": "running"}]

        def heard() -> bool:
            found = collector.get("/v1/servers/box-1", missing={"stages": []})
            return [{key: one.get(key) for key in ("name", "state")} for one in found["stages"]] == running

        box.wait_for(heard)
        box.put("/srv/go", "")
        box.wait_for(lambda: not box.exists(TRIGGER))
        assert collector.get("/v1/servers/box-1")["state"] == "healthy"


@pytest.mark.fault(64)
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 202 Accepted\r\ncontent-length: 11\r\n\r\n{\"acked\":9}", id="not-200"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"acked\":9}", id="whole-json-cut-body"),
        pytest.param(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nb\r\n{\"acked\":9}\r\n", id="chunked-cut"),
        pytest.param(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", id="endless"),
        pytest.param(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n", id="long-header"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 4000, id="deep"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n{\"acked\":1e999}", id="infinite"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n{\"acked\":null}", id="null"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n{\"acked\":-1}", id="negative"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="not-http"),
    ],
)  # fmt: skip
def test_what_is_no_acknowledgement_takes_nothing_off_the_list(answer: bytes) -> None:
    with Box() as box, Collector(box.copy, secret=SECRET) as collector:
        road(box, answer)
        deliver(box, reporting())
        assert box.tick().returncode == 0
        assert told(collector) == [e["seq"] for e in box.journal()]
        assert [first_event(box, number) for number in (1, 2)] == [1, 1]


def first_event(box: Box, number: int) -> int:
    """The number of the first event in a request."""
    body = (box.read(f"/srv/request.{number}") or b"").split(b"\r\n\r\n")[1]
    return int(json.loads(body)["events"][0]["seq"])


@pytest.mark.fault(61)
def test_a_busy_collector_is_asked_later_each_time() -> None:
    busy = b'HTTP/1.1 429 Too Many\r\nretry-after: 1\r\ncontent-length: 11\r\n\r\n{"acked":9}'
    with Box() as box, Collector(box.copy, secret=SECRET) as collector:
        road(box, busy, busy)
        deliver(box, reporting())
        assert box.tick().returncode == 0
        assert told(collector) == [e["seq"] for e in box.journal()]
        assert [first_event(box, number) for number in (1, 2, 3)] == [1, 1, 1]
        # With jitter: at least half of 2 and of 4 seconds.
        times = [float(line) for line in box.text("/srv/times").split()]
        assert times[1] - times[0] >= 1.0 and times[2] - times[1] >= 2.0


@pytest.mark.fault(61)
def test_a_collector_that_names_a_time_is_left_alone_until_then() -> None:
    busy = b"HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n"
    with Box() as box, Collector(box.copy, secret=SECRET) as collector:
        road(box, busy)
        deliver(box, reporting())
        assert box.tick().returncode == 0
        assert told(collector) == [e["seq"] for e in box.journal()]
        # Our own pause would be 2 seconds at most.
        first, second = [float(line) for line in box.text("/srv/times").split()][:2]
        assert second - first >= 7


@pytest.mark.fault(65)
@pytest.mark.fault(67)
@pytest.mark.fault(68)
def test_lost_answers_replays_and_forgeries_change_nothing() -> None:
    with Box() as box, Collector(box.copy, secret=SECRET) as collector:
        road(box, b"lost")
        deliver(box, reporting(stage("one", "true"), stage("two", "exit 3")))
        assert box.tick().returncode == 5
        # Accepted, but the answer was lost: sent again from the first event, there once.
        assert told(collector) == [e["seq"] for e in box.journal()]
        names = box.sh("ls /srv | grep -c '^request.[0-9]*$'").stdout
        captured = [box.read(f"/srv/request.{number}") or b"" for number in range(1, int(names) + 1)]
        assert first_event(box, 2) == 1
        before = collector.get("/v1/servers/box-1"), collector.get("/v1/servers/box-1/events")
        assert before[0]["state"] == "failed"
        for request in [*captured, *reversed(captured)]:
            assert replay(collector, request) == 200
        for request in captured:
            # One byte of the body; another server's name over the same signature.
            assert replay(collector, request.replace(b'"version": 1', b'"version": 2')) == 401
            other = re.sub(rb"(?i)(webhook-id: )box-1", rb"\1box-2", request).replace(b'"box-1"', b'"box-2"')
            assert replay(collector, other) == 401
        seen = ("last_seen", "late")
        after = collector.get("/v1/servers/box-1"), collector.get("/v1/servers/box-1/events")
        assert {k: v for k, v in after[0].items() if k not in seen} == {
            k: v for k, v in before[0].items() if k not in seen
        }
        assert after[1] == before[1]
        assert collector.get("/v1/servers/box-2", missing="none") == "none"


@pytest.mark.fault(60)
def test_what_is_not_taken_for_a_week_is_given_up_and_said() -> None:
    with Box(reporting().files) as box:
        # A tick a minute: this is the last one of the seventh day.
        box.put(f"{STATE}/undelivered", str(7 * 24 * 60 - 1), 0o600)
        assert box.tick().returncode == 0
        assert (box.state(), box.exists(TRIGGER), box.exists(BUNDLE)) == ("healthy", False, False)
        assert "initialrunner: events not delivered for 7 days are given up: " in box.text("/etc/motd")
        assert "report" not in unpack(box.read(COMMAND) or b"").plan


@pytest.mark.fault(2)
def test_a_healed_run_is_not_told_as_overdue() -> None:
    wait_for = [{"path": "/srv/key", "min_size": 1}]
    with Box() as box, Collector(box.copy, secret=SECRET) as collector:
        one = stage("one", NOTE + "note begin; block go")
        deliver(box, reporting(one, url=collector.url, deadline_s=2, wait_for=wait_for))
        assert box.tick().returncode == 5
        box.put("/srv/key", "k")
        start_tick(box)
        box.wait_for(lambda: ran(box) == ["begin"])

        def state() -> str:
            return str(collector.get("/v1/servers/box-1")["state"])

        box.wait_for(lambda: collector.get("/v1/servers/box-1")["stages"][0]["state"] == "running")
        assert state() == "running"
        box.put("/srv/go", "")
        box.wait_for(lambda: not box.exists(TRIGGER))
        assert state() == "healthy"


def test_report_by_hand_says_what_is_owed_and_why() -> None:
    with Box(reporting(stage("one", NOTE + "note one; block go")).files) as box:
        start_tick(box)
        kill_runner_after(box, "one")
        with Collector(box.copy, secret=SECRET) as collector:
            road(box)
            count = len(box.journal())
            assert said(box, "report") == (0, f"all {count} events have reached the collector\n", "")
            assert told(collector) == list(range(1, count + 1))
            start_tick(box)
            box.wait_for(lambda: ran(box) == ["one", "one"])
            pid = box.text("/run/initialrunner.lock")
            assert said(box, "report") == (75, "", f"initialrunner: pid {pid} is at work and will report by itself\n")
