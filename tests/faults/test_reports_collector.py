"""Reports on the collector's bad days: nothing is lost, nothing is doubled, nothing forged counts, no stage notices."""

from __future__ import annotations

import json
import textwrap

import pytest
from box import LOCK, Box, needs_root
from handmade import DEPLOY_ID, payload, stage
from oracle import NOTE, kill_runner_after, ran, start_tick

from bootstrap.payload.model import Payload
from bootstrap.runner.host import COMMAND, TRIGGER

pytestmark = [pytest.mark.integration, needs_root]
SECRET = bytes(range(32))
PORT = 8099
URL = f"http://127.0.0.1:{PORT}"

# A collector whose answers are scripted: each request takes the next line of /srv/script, the last one for ever.
SCRIPTED = f"""
import http.server, json, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        events = json.loads(body)["events"]
        with open("/srv/requests", "a") as file:
            file.write(json.dumps([self.path, [e["seq"] for e in events]]) + "\\n")
        lines = open("/srv/script").read().split()
        asked = len(open("/srv/requests").read().splitlines())
        word = lines[min(asked, len(lines)) - 1]
        answer, headers = json.dumps({{"acked": events[-1]["seq"]}}).encode(), {{}}
        status = 200
        if word.isdigit():
            status, answer = int(word), b'{{"error": {{"code": "x", "message": "scripted"}}}}'
            headers = {{"location": "http://127.0.0.1:{PORT}/elsewhere", "retry-after": "1"}}
        if word == "garbage":
            answer = b"<html>" + b"x" * 10_000_000
        if word == "cut":
            self.wfile.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: 400\\r\\n\\r\\n{{")
            self.close_connection = True
            return
        if word == "drop":
            self.close_connection = True
            return
        if word == "slow":
            self.wfile.write(b"HTTP/1.1 200 OK\\r\\ncontent-length: 400\\r\\n\\r\\n")
            for _ in range(100):
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(1)
        self.send_response(status)
        self.send_header("content-length", str(len(answer)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(answer)
        except OSError:
            pass
    do_GET = do_POST
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", {PORT}), Handler).serve_forever()
"""


def reporting(*stages: dict, url: str = URL, secret: bytes = SECRET) -> Payload:
    return payload(list(stages) or [stage("one", "echo one >>/srv/oracle")], report=(url, secret))


def script(box: Box, *words: str) -> None:
    """Start the scripted collector, or give a running one new lines."""
    box.put("/srv/script", " ".join(words))
    box.put("/srv/requests", "")
    box.put("/srv/scripted.py", textwrap.dedent(SCRIPTED))
    box.sh(f"ss -tln | grep -q :{PORT} || setsid python3 /srv/scripted.py </dev/null >/srv/scripted.log 2>&1 &")
    box.wait_for(lambda: box.sh(f"ss -tln | grep -q :{PORT}").returncode == 0)


def requests(box: Box) -> list:
    return [json.loads(line) for line in box.text("/srv/requests").splitlines()]


@pytest.mark.fault(60)
def test_a_collector_that_is_down_loses_nothing_and_stops_no_stage() -> None:
    with Box(reporting().files, cron="fast") as box:
        box.wait_for(lambda: box.state() == "healthy")
        assert box.text("/srv/oracle") == "one\n"
        assert box.exists(TRIGGER)
        script(box, "ok")
        box.wait_for(lambda: not box.exists(TRIGGER), timeout_s=60)
        sent = [seq for _, seqs in requests(box) for seq in seqs]
        assert sorted(set(sent)) == [e["seq"] for e in box.journal()]


def test_while_events_are_owed_status_says_why_and_the_trigger_stays() -> None:
    with Box(reporting().files) as box:
        script(box, "401")
        assert box.tick(timeout_s=120).returncode == 75
        status = json.loads(box.sh(f"{COMMAND} status --json").stdout)
        assert (status["state"], box.exists(TRIGGER)) == ("healthy", True)
        assert "401" in status["not_reported"]
        script(box, "ok")
        assert box.sh(f"{COMMAND} report").stdout == f"all {len(box.journal())} events have reached the collector\n"


@pytest.mark.fault(61)
@pytest.mark.fault(62)
@pytest.mark.fault(63)
@pytest.mark.fault(64)
@pytest.mark.fault(65)
@pytest.mark.parametrize("bad", ["500", "429", "302", "garbage", "cut", "drop"])
def test_a_bad_answer_is_no_acknowledgement_and_the_events_come_again(bad: str) -> None:
    with Box(reporting().files) as box:
        script(box, bad, "ok")
        assert box.tick(timeout_s=120).returncode == 0
        paths = [path for path, _ in requests(box)]
        # A redirect is not followed: the signed report goes to no other place than the one named.
        assert set(paths) == {"/v1/events"}
        first, second = requests(box)[:2]
        assert second[1][0] == first[1][0] == 1
        assert requests(box)[-1][1][-1] == box.journal()[-1]["seq"]


@pytest.mark.fault(62)
def test_an_answer_that_drips_is_given_up_in_time_and_holds_no_stage() -> None:
    stages = [stage("one", NOTE + "note one; block told"), stage("two", NOTE + "note two; block go")]
    with Box(reporting(*stages).files) as box:
        script(box, "slow", "ok")
        start_tick(box)
        box.wait_for(lambda: requests(box))
        box.put("/srv/told", "")
        box.wait_for(lambda: ran(box) == ["one", "two"])
        assert len(requests(box)) == 1
        # The tick goes on as long as its stage does: it is the answer that is given up.
        box.wait_for(lambda: len(requests(box)) > 1, timeout_s=60)
        box.put("/srv/go", "")
        box.wait_for(lambda: not box.exists(TRIGGER))
        assert len(box.events("stage.started")) == 2


@pytest.mark.fault(45)
@pytest.mark.fault(62)
def test_a_killed_runners_report_that_still_drips_does_not_hold_the_lock() -> None:
    with Box(reporting(stage("one", NOTE + "note begin; block go")).files) as box:
        script(box, "slow", "ok")
        start_tick(box)
        box.wait_for(lambda: requests(box))
        children = set(box.sh(f"pgrep -P {box.text(LOCK)}").stdout.split())
        (sender,) = children - {str(e["pid"]) for e in box.events("stage.started")}
        kill_runner_after(box, "begin")
        assert box.sh(f"kill -0 {sender}").returncode == 0
        box.put("/srv/go", "")
        assert box.tick().returncode == 0
        assert ran(box) == ["begin", "begin"]


@pytest.mark.fault(65)
@pytest.mark.fault(66)
def test_the_collector_has_every_event_once_and_in_order() -> None:
    with Box() as box:
        collector = box.collector
        one = reporting(stage("one", "exit 75"), url=collector.url, secret=collector.secret)
        for file in one.files:
            box.put(file.path, file.content, 0o400)
        # Each tick begins from event 1 again, since nothing but the collector remembers what it has.
        for _ in range(3):
            assert box.tick().returncode == 75
        found = collector.get(f"/v1/servers/box-1/events?deploy_id={DEPLOY_ID}")["events"]
        assert [e["seq"] for e in found] == [e["seq"] for e in box.journal()][: len(found)]
        assert len(found) >= len(box.journal()) - 1


@pytest.mark.fault(68)
def test_a_report_signed_with_another_key_is_refused_and_changes_nothing() -> None:
    with Box() as box:
        collector = box.collector
        forged = reporting(url=collector.url, secret=bytes(32))
        for file in forged.files:
            box.put(file.path, file.content, 0o400)
        assert box.tick(timeout_s=120).returncode == 75
        assert collector.get("/v1/servers/box-1", missing="none") == "none"
        status = json.loads(box.sh(f"{COMMAND} status --json").stdout)
        assert "401" in status["not_reported"]


@pytest.mark.fault(67)
def test_a_replayed_report_changes_nothing() -> None:
    with Box() as box:
        collector = box.collector
        one = reporting(url=collector.url, secret=collector.secret)
        # The stage keeps the bundle, as somebody who reads old user-data would.
        for file in one.files:
            box.put(file.path, file.content, 0o400)
        box.put("/root/kept", one.bundle)
        assert box.tick().returncode == 0
        before = collector.get("/v1/servers/box-1")
        assert before["state"] == "healthy"
        # Another life under the same key: after a final state the deploy is closed.
        box.sh("rm -rf /var/lib/initialrunner; sh /root/kept tick")
        after = collector.get("/v1/servers/box-1")
        assert (after["state"], after["stages"]) == (before["state"], before["stages"])


@pytest.mark.fault(54)
def test_a_failure_is_told_with_its_last_lines() -> None:
    with Box() as box:
        collector = box.collector
        one = reporting(stage("one", "echo the reason; exit 3"), url=collector.url, secret=collector.secret)
        for file in one.files:
            box.put(file.path, file.content, 0o400)
        assert box.tick().returncode == 5
        found = collector.get("/v1/servers/box-1")
        assert (found["state"], found["stages"][0]["exit_code"], found["stages"][0]["cause"]) == ("failed", 3, "exit")
        events = collector.get("/v1/servers/box-1/events")["events"]
        assert [e["tail"] for e in events if e["type"] == "stage.ended"] == ["the reason\n"]
