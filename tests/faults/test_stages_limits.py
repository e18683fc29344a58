"""Stages on a host that kills, refuses, reboots or has not yet what they need; what they may not tell; health."""

from __future__ import annotations

import json

import pytest
from box import Box, needs_root
from handmade import DEPLOY_ID, payload, stage
from oracle import NOTE, deliver, ended, kill_runner_after, ran, start_tick
from reports import healthy_story, signed

from bootstrap.rehearse.collector import Collector
from bootstrap.runner.host import BUNDLE, COMMAND, STATE, TRIGGER

pytestmark = [pytest.mark.integration, needs_root]


# --- attempts ---


def test_pauses_between_attempts_double_up_to_their_limit_and_the_last_failure_is_final() -> None:
    one = stage("one", NOTE + "note try; exit 3", attempts=4, delay_s=0.2, max_delay_s=0.3)
    with Box(payload([one, stage("two", NOTE + "note two")]).files) as box:
        assert box.tick().returncode == 5
        ends, begins = box.events("stage.ended"), box.events("stage.started")
        pauses = [b["uptime_s"] - e["uptime_s"] for e, b in zip(ends, begins[1:], strict=False)]
        assert [pause >= least - 0.01 for pause, least in zip(pauses, (0.2, 0.3, 0.3), strict=True)] == [True] * 3
        assert [e.get("final") for e in ends] == [None, None, None, True]
        box.sh(f"sh {BUNDLE} tick")
        assert ran(box) == ["try"] * 4


def test_exit_75_between_failures_uses_no_attempt() -> None:
    text = NOTE + "note try; test $(($(wc -l </srv/oracle) % 2)) = 0 || exit 75; exit 3\n"
    with Box(payload([stage("one", text, attempts=2, delay_s=0)]).files) as box:
        assert [box.tick().returncode for _ in range(2)] == [75, 75]
        assert box.tick().returncode == 5
        assert [result for result, _ in ended(box, "one")] == ["again", "failed", "again", "failed"]


def test_a_failed_verify_is_a_failed_attempt_and_says_what_it_saw() -> None:
    verify = "echo asked; test $(grep -c try /srv/oracle) -ge 2\n"
    with Box(payload([stage("one", NOTE + "note try", verify=verify, attempts=3, delay_s=0)]).files) as box:
        assert box.tick().returncode == 0
        assert ended(box, "one") == [("failed", "verify"), ("done", None)]
        assert box.events("stage.ended")[0]["tail"] == "verify exit 1\nasked\n"


def test_attempts_end_at_the_deadline_of_the_whole() -> None:
    one = stage("one", NOTE + "note try; exit 3", attempts=1000, delay_s=0.1, max_delay_s=0.1)
    with Box(payload([one], deadline_s=1).files) as box:
        assert box.tick().returncode == 5
        assert ended(box, "one")[-1] == ("failed", "deadline")


@pytest.mark.fault(48)
@pytest.mark.fault(72)
def test_a_daemon_inherits_its_log_and_nothing_else() -> None:
    daemon = "sleep 1006 &\necho $! >/srv/daemon\n"
    with Box(payload([stage("one", daemon)], secrets=["never-told"]).files) as box:
        assert box.tick().returncode == 0
        files = box.sh("for f in /proc/$(cat /srv/daemon)/fd/*; do readlink $f; done").stdout.split()
        assert files == ["/dev/null", f"{STATE}/logs/one.log", f"{STATE}/logs/one.log"]


# --- kills ---


@pytest.mark.fault(46)
def test_leftovers_are_gone_before_verify_is_asked() -> None:
    left = "(setsid sh -c 'trap \"\" TERM; while :; do sleep 0.1; done') &\n"
    verify = "! pgrep -f '[w]hile :; do sleep 0.1' && test -e /srv/last\n"
    with Box(payload([stage("one", left + NOTE + ": >/srv/last; note begin; sleep 1005", verify=verify)]).files) as box:
        start_tick(box)
        kill_runner_after(box, "begin")
        assert box.tick().returncode == 0
        assert (ran(box), ended(box, "one")) == (["begin"], [("done", "interrupted")])
        assert len(box.events("interrupted")[0]["killed"]) >= 3


@pytest.mark.fault(46)
def test_a_failed_verify_of_a_cut_attempt_means_another_one() -> None:
    text = NOTE + "note begin; test $(grep -c begin /srv/oracle) -ge 2 || sleep 1005; : >/srv/last\n"
    with Box(payload([stage("one", text, verify="test -e /srv/last")]).files) as box:
        start_tick(box)
        kill_runner_after(box, "begin")
        assert box.tick().returncode == 0
        assert (ran(box), ended(box, "one")) == (["begin", "begin"], [("done", None)])


@pytest.mark.fault(45)
def test_an_attempt_cut_short_uses_up_none_of_those_declared() -> None:
    text = NOTE + "note try; case $(grep -c try /srv/oracle) in 1) block never ;; 2) exit 3 ;; esac\n"
    with Box(payload([stage("one", text, attempts=2, delay_s=0)]).files) as box:
        start_tick(box)
        kill_runner_after(box, "try")
        assert box.tick().returncode == 0
        assert (ran(box), ended(box, "one")) == (["try"] * 3, [("failed", "exit"), ("done", None)])


@pytest.mark.fault(46)
def test_twenty_cuts_without_progress_are_a_failure() -> None:
    with Box(payload([stage("one", NOTE + "note begin; sleep 1005")]).files) as box:
        for number in range(1, 21):
            start_tick(box)
            kill_runner_after(box, "begin", number)
        assert box.tick().returncode == 5
        assert (len(ran(box)), ended(box, "one")) == (20, [("failed", "interrupted")])
        assert box.sh("pgrep -f '[s]leep 1005'").stdout == ""


@pytest.mark.fault(45)
def test_three_power_cuts_in_the_same_attempt_are_a_failure() -> None:
    with Box(payload([stage("one", NOTE + "note begin; sleep 1005")]).files) as box:
        for number in range(1, 4):
            start_tick(box)
            box.wait_for(lambda number=number: len(ran(box)) == number)
            box.power_cut()
            box.boot()
        assert box.tick().returncode == 5
        assert (len(ran(box)), ended(box, "one")) == (3, [("failed", "interrupted")])


@pytest.mark.fault(75)
def test_a_fourth_reboot_is_refused() -> None:
    stages = [stage(f"s{number}", NOTE + f"note s{number}", reboot="after") for number in range(1, 6)]
    with Box(payload(stages).files, cron="fast") as box:
        box.wait_for(lambda: box.state() == "failed", timeout_s=60)
        assert ran(box) == ["s1", "s2", "s3", "s4"]
        assert [e["count"] for e in box.events("rebooting")] == [1, 2, 3]
        assert ended(box, "s4") == [("done", None), ("failed", "reboot")]


# --- secrets ---


@pytest.mark.fault(86)
def test_a_secret_of_a_stage_that_fails_is_in_no_log_report_or_output() -> None:
    value = "s3cr3t-of-the-rows"
    text = 'echo "token $TOKEN"; echo "url=http://u:$TOKEN@h/" >$INITIALRUNNER_OUTPUT; exit 3\n'
    one = stage("one", text, environment={"TOKEN": value}, secrets=["TOKEN"], verify='echo "v $TOKEN"; false')
    checks = [{"kind": "command", "text": "true"}]
    with Box() as box:
        collector = box.collector
        deliver(box, payload([one], checks=checks, secrets=[value], report=(collector.url, collector.secret)))
        assert box.tick().returncode == 5
        assert box.sh(f"grep -rl {value} {STATE} /etc/motd /var/log {COMMAND}").stdout == ""
        blotted = "*" * len(value)
        assert box.events("stage.ended")[0]["outputs"] == {"url": f"http://u:{blotted}@h/"}
        told = json.dumps(collector.get("/v1/servers/box-1/events"))
        assert value not in told and f"token {blotted}" in told


# --- needs ---


@pytest.mark.fault(55)
@pytest.mark.fault(85)
def test_every_kind_of_need_is_waited_for_by_name() -> None:
    """One stage a kind, in turn: each says what it waits for, and runs when that is there."""
    secret = bytes(range(32))
    needs = {
        "file": ({"file": "/srv/mounted"}, "no file /srv/mounted"),
        "cloud": ({"cloud-init": True}, "cloud-init has not ended"),
        "tcp": ({"tcp": "127.0.0.1:8098"}, "no answer from tcp 127.0.0.1:8098"),
        "dns": ({"dns": True}, "names do not resolve"),
        "server": ({"server": "db-1"}, "server db-1 is not healthy: running"),
        "network": ({"network": True}, "no default route"),
    }
    listen = "import socket,time; s=socket.create_server(('127.0.0.1', 8098)); time.sleep(1000)"
    stages = [stage(name, NOTE + f"note {name}", needs=[need]) for name, (need, _) in needs.items()]
    with Box() as box:
        box.sh("mkdir -p /run/cloud-init; : >/etc/resolv.conf; rm -f /etc/cloud/cloud-init.disabled")
        with Collector(box.copy, secret=secret) as collector:
            deliver(box, payload(stages, report=(collector.url, secret)))
            report_of_another(collector, secret, 2)
            start_tick(box)
            bring = {
                "file": lambda: box.put("/srv/mounted", ""),
                "cloud": lambda: box.put("/run/cloud-init/result.json", "{}"),
                "tcp": lambda: box.sh(f'setsid python3 -c "{listen}" </dev/null >/dev/null 2>&1 &'),
                "dns": lambda: box.put("/etc/hosts", "127.0.0.1 localhost deb.debian.org\n"),
                "server": lambda: report_of_another(collector, secret),
                "network": lambda: add_route(box),
            }
            for number, (name, (_, missing)) in enumerate(needs.items()):
                box.wait_for(lambda missing=missing: [e for e in box.events("waiting") if e["for"] == missing])
                assert ran(box) == list(needs)[:number]
                bring[name]()
            box.wait_for(lambda: box.state() == "healthy" and not box.exists(TRIGGER), timeout_s=60)
            assert ran(box) == list(needs)


def add_route(box: Box) -> None:
    """A default route in the copy's network, which nothing inside may change."""
    with box.copy.in_its_network(["ip", "route", "add", "default", "dev", "lo"]) as added:
        assert added.wait(10) == 0


def test_a_need_of_names_asks_for_the_collectors_own() -> None:
    one = stage("one", NOTE + "note one", needs=[{"dns": True}])
    with Box(payload([one], report=("http://collector.example:8443", bytes(32))).files) as box:
        box.put("/etc/resolv.conf", "")
        start_tick(box)
        box.wait_for(lambda: [e for e in box.events("waiting") if e["for"] == "names do not resolve"])
        box.put("/etc/hosts", "127.0.0.1 localhost collector.example\n")
        box.wait_for(lambda: ran(box) == ["one"])


def report_of_another(collector: Collector, secret: bytes, events: int = 99) -> None:
    """The first events of another server of the same deploy; all of them make it healthy."""
    body, headers = signed(healthy_story()[:events], server="db-1", deploy_id=DEPLOY_ID, secret=secret)
    assert collector.request("POST", "/v1/events", body, headers)[0] == 200


# --- health ---

SITE = """
import http.server
class Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/ping" else 404)
        self.end_headers()
        self.wfile.write(b"revision 0123456789ab\\n")
http.server.HTTPServer(("127.0.0.1", 8097), Site).serve_forever()
"""
PING = {"kind": "http", "url": "http://127.0.0.1:8097/ping"}
# Copies have no systemd: what the check asks is the program's answer.
SYSTEMCTL = '#!/bin/sh\n[ "$*" = "is-active -- site.service" ] && echo active || { echo inactive; exit 3; }\n'


def with_site(*checks: dict) -> Box:
    start = f"cat >/srv/site.py <<'E'\n{SITE}E\npython3 /srv/site.py &\n"
    listens = "python3 -c \"import socket; socket.create_connection(('127.0.0.1', 8097))\""
    text = start + f"until {listens} 2>/dev/null; do sleep 0.05; done\n"
    return Box(payload([stage("site", text)], health={"deadline_s": 0.2, "checks": list(checks)}).files)


def test_checks_of_every_kind_pass_on_what_they_want() -> None:
    checks = [
        {**PING, "contains": "revision 0123456789ab"},
        {"kind": "http", "url": "http://127.0.0.1:8097/none", "status": 404},
        {"kind": "tcp", "address": "127.0.0.1:8097"},
        {"kind": "unit", "name": "site.service"},
        {"kind": "process", "name": "site.py"},
        {"kind": "command", "text": "test -e /srv/site.py"},
        {"kind": "file", "path": "/srv/site.py"},
        {"kind": "disk", "path": "/", "free": 1},
        {"kind": "memory", "free": 1},
    ]
    with with_site(*checks) as box:
        box.put("/usr/local/sbin/systemctl", SYSTEMCTL, 0o755)
        assert box.tick().returncode == 0, box.console()
        assert box.events("health")[0]["ok"] is True


@pytest.mark.parametrize(
    ("check", "named", "saw"),
    [
        ({**PING, "status": 204}, PING["url"], "ValueError: status 200"),
        ({**PING, "contains": "revision of now"}, PING["url"], "ValueError: 'revision of now' is not in the answer"),
        ({"kind": "http", "url": "http://127.0.0.1:8097/none"}, "", "ValueError: status 404"),
        ({"kind": "unit", "name": "other.service"}, "other.service", "inactive"),
        ({"kind": "command", "text": "echo no; kill -9 $$"}, "", "exit 137 no"),
    ],
)
def test_a_check_of_a_running_site_says_what_it_saw_instead(check: dict, named: str, saw: str) -> None:
    with with_site(check) as box:
        box.put("/usr/local/sbin/systemctl", SYSTEMCTL, 0o755)
        assert box.tick().returncode == 5
        (health,) = box.events("health")
        assert (health["ok"], health["saw"]) == (False, saw)
        assert health["check"].startswith(f"{check['kind']} {named}")
        assert box.events("state")[-1]["reason"] == f"{health['check']}: {saw}"
