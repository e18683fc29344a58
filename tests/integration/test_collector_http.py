"""Every route of the collector over real HTTP: who may ask, what is answered, and how every error looks."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import reports
import requests
from collector_process import DEPLOY_TOKEN, TOKEN, CollectorProcess, assert_error
from reports import event, failed_story, healthy_story, numbered

MIB = 1 << 20


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    with CollectorProcess(tmp_path_factory.mktemp("collector"), "--allow-host", "deploy.internal") as running:
        yield running


def test_a_failed_server_reads_as_the_contract_says(collector: CollectorProcess) -> None:
    assert collector.report(failed_story(), server="reads") == 6
    server = collector.get("/v1/servers/reads")
    assert {key: server[key] for key in ("server", "deploy_id", "revision", "state")} == {
        "server": "reads",
        "deploy_id": reports.DEPLOY,
        "revision": "0123456789ab",
        "state": "failed",
    }
    keys = ("name", "state", "attempts", "exit_code", "cause", "started_at", "took_s")
    assert [tuple(stage[key] for key in keys) for stage in server["stages"]] == [
        ("packages", "failed", 2, 100, "exit", 1004.0, 2.5),
        ("site", "pending", 0, None, None, None, None),
    ]
    assert server["failure"]["line"] == "E: Unable to locate package nope"
    assert isinstance(server["last_seen"], float)
    assert server in collector.get("/v1/servers")["servers"]


def test_events_come_back_in_order_and_whole(collector: CollectorProcess) -> None:
    events = [*healthy_story("a"), event(7, "brand.new", anything={"nested": [1, 2.5, None, "é"]})]
    assert collector.report(events[:3], server="order") == 3
    assert collector.report(events[3:], server="order") == len(events)
    stored = collector.get("/v1/servers/order/events")["events"]
    assert [{k: v for k, v in e.items() if k not in ("journal", "received_at", "late")} for e in stored] == events


def test_lists_are_narrowed_by_deploy_and_state(collector: CollectorProcess) -> None:
    collector.report(healthy_story("a"), server="list-1", deploy_id="list-A")
    collector.report(failed_story(), server="list-2", deploy_id="list-A")
    collector.report(healthy_story("a")[:2], server="list-1", deploy_id="list-B")

    def names(query: str) -> list[tuple[str, str, str]]:
        servers = collector.get(f"/v1/servers?{query}")["servers"]
        return [(s["server"], s["deploy_id"], s["state"]) for s in servers if s["server"].startswith("list-")]

    assert names("") == [("list-1", "list-B", "running"), ("list-2", "list-A", "failed")]
    assert names("deploy_id=list-A") == [("list-1", "list-A", "healthy"), ("list-2", "list-A", "failed")]
    assert names("deploy_id=list-A&state=failed") == [("list-2", "list-A", "failed")]
    assert names("deploy_id=list-A&state=overdue") == []
    brief = collector.get("/v1/servers?deploy_id=list-A&brief=1")["servers"]
    assert {"stages", "failure"} & set(brief[0]) == set()


# --- forged, foreign, malformed, too large --------------------------------------------------------------------------


def test_one_changed_byte_anywhere_is_refused_and_changes_nothing(collector: CollectorProcess) -> None:
    collector.report(healthy_story("a")[:2], server="tamper")
    before = collector.get("/v1/servers/tamper"), collector.get("/v1/servers/tamper/events")
    content, headers = reports.signed(numbered({"type": "fixed", "path": "/etc/x"}, first=3), server="tamper")
    for place in range(0, len(content), 7):
        changed = bytearray(content)
        changed[place] ^= 1
        assert_error(collector.send(bytes(changed), headers), 401, "forged")
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        for place in (0, len(headers[name]) // 2, len(headers[name]) - 2):
            value = headers[name]
            other = "1" if value[place] != "1" else "2"
            changed_headers = {**headers, name: value[:place] + other + value[place + 1 :]}
            assert_error(collector.send(content, changed_headers), 401, "forged")
        missing = {k: v for k, v in headers.items() if k != name}
        assert_error(collector.send(content, missing), 401, "forged")
    assert (collector.get("/v1/servers/tamper"), collector.get("/v1/servers/tamper/events")) == before
    # The untouched one is still good: nothing of the above used it up.
    assert collector.send(content, headers).json() == {"acked": 3}


@pytest.mark.parametrize(
    "forged",
    [
        {"key_of": "web-2"},
        {"secret": b"x" * 32},
        {"key_of": "web-*"},
    ],
    ids=["another server's key", "another secret", "a group's key without the group"],
)
def test_a_key_speaks_only_for_its_own_server(collector: CollectorProcess, forged: dict[str, Any]) -> None:
    content, headers = reports.signed(healthy_story("a"), server="mine", **forged)
    assert_error(collector.send(content, headers), 401, "forged")
    assert_error(collector.ask("GET", "/v1/servers/mine"), 404, "not_found")


def test_a_key_speaks_only_for_its_own_deploy(collector: CollectorProcess) -> None:
    content = json.dumps(reports.body(healthy_story("a"), server="mine", deploy_id="later")).encode()
    headers = reports.sign(content, server="mine", deploy_id="earlier")
    headers["webhook-id"] = headers["webhook-id"].replace("earlier", "later")
    assert_error(collector.send(content, headers), 401, "forged")


def test_a_group_key_speaks_for_members_only(collector: CollectorProcess) -> None:
    ids = {"deploy_id": "group", "key_of": "pool-*", "group": "pool-*"}
    assert collector.report(healthy_story("a"), server="pool-i123", **ids) == 6
    content, headers = reports.signed(healthy_story("a"), server="other-1", **ids)
    assert_error(collector.send(content, headers), 401, "forged")
    # A member's report with another group's key, however it names itself.
    content, headers = reports.signed(
        healthy_story("a"), server="pool-i9", deploy_id="group", key_of="web-*", group="pool-*"
    )
    assert_error(collector.send(content, headers), 401, "forged")


@pytest.mark.parametrize("timestamp", ["0", "1", "4102444800", "99999999999999999999"])
def test_a_wrong_clock_does_no_harm(collector: CollectorProcess, timestamp: str) -> None:
    server = f"clock-{timestamp}"
    content = json.dumps(reports.body(healthy_story("a"), server=server)).encode()
    headers = reports.sign(content, server=server, timestamp=timestamp)
    assert collector.send(content, headers).json() == {"acked": 6}
    assert collector.get(f"/v1/servers/{server}")["state"] == "healthy"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version: 2 is not 1"),
        ({"server": "web-2"}, 'server: "web-2" is not the one of webhook-id, "web-1"'),
        ({"deploy_id": "x"}, f'deploy_id: "x" is not the one of webhook-id, "{reports.DEPLOY}"'),
        ({"journal": None}, "journal is missing"),
        ({"state": "fine"}, 'state: "fine" is not one of waiting, running, checking, healthy, failed'),
        ({"deadline_s": "soon"}, 'deadline_s: "soon" is not a number from 0'),
        ({"deadline_s": -1}, "deadline_s: -1 is not a number from 0"),
        ({"events": {}}, "events is not a list"),
        ({"events": [7]}, "events[0] is not an object"),
        ({"events": [{"seq": 1, "at": 1, "uptime_s": 1}]}, "events[0].type is missing"),
        ({"events": [event(2, "fixed")]}, "events[0].seq: 2 is not the one of webhook-id, 1"),
        ({"events": [event(1, "fixed"), event(1, "fixed")]}, "events[1].seq: 1 does not come after 1"),
        ({"events": [event(True, "fixed")]}, "events[0].seq: true is not a whole number from 1"),  # type: ignore[arg-type]
        ({"events": [event(1, "stage.ended", stage="a")]}, "events[0].result is missing"),
        (
            {"events": [event(1, "stage.started", stage="a", attempt="x")]},
            'events[0].attempt: "x" is not a whole number from 0',
        ),
    ],
)
def test_malformed_reports_are_named_and_change_nothing(
    collector: CollectorProcess, change: dict[str, Any], message: str
) -> None:
    content = json.dumps({**reports.body(healthy_story("a")), **change}).encode()
    assert assert_error(collector.send(content, reports.sign(content)), 422, "malformed") == message
    assert_error(collector.ask("GET", "/v1/servers/web-1"), 404, "not_found")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe{}",
        b'{"version": NaN}',
        b"[" * 100_000,
        b'{"version":1,"server":"web-1","deploy_id":"' + b"9" * 10_000 + b'"}',
        b'{"version":' + b"9" * 10_000 + b"}",
        gzip.compress(b"{}"),
    ],
    ids=["empty", "torn", "list", "null", "not utf-8", "NaN", "deep", "long", "huge number", "gzip"],
)
def test_garbage_that_is_signed_is_malformed(collector: CollectorProcess, content: bytes) -> None:
    assert_error(collector.send(content, reports.sign(content)), 422, "malformed")


def test_a_body_may_be_one_mebibyte_and_not_a_byte_more(collector: CollectorProcess) -> None:
    def sized(size: int) -> bytes:
        content = json.dumps(reports.body([event(1, "fixed", path="/x")], server="large")).encode()
        return content + b" " * (size - len(content))

    for content, status in ((sized(MIB), 200), (sized(MIB + 1), 413)):
        response = collector.send(content, reports.sign(content, server="large"))
        assert response.status_code == status
    assert_error(response, 413, "too_large")


def test_a_body_without_a_length_is_bounded_too(collector: CollectorProcess) -> None:
    headers = reports.sign(b"", server="large")
    # The server may answer and close before all is sent.
    try:
        response = requests.post(
            f"{collector.url}/v1/events", data=(b"x" * 65536 for _ in range(64)), headers=headers, timeout=30
        )
    except requests.ConnectionError:
        return
    assert_error(response, 413, "too_large")


def test_an_unsigned_body_is_refused_before_it_is_read(collector: CollectorProcess) -> None:
    at = urlsplit(collector.url)
    assert at.hostname and at.port
    with socket.create_connection((at.hostname, at.port), timeout=20) as connection:
        connection.sendall(f"POST /v1/events HTTP/1.1\r\nHost: {at.netloc}\r\nContent-Length: 1000000\r\n\r\n".encode())
        # Not one byte of the body is sent.
        assert connection.recv(4096).startswith(b"HTTP/1.1 401 ")


# --- who may read ---------------------------------------------------------------------------------------------------

READS = [
    "/v1/leases",
    "/v1/servers",
    "/v1/servers/web-1",
    "/v1/servers/web-1/events",
    "/v1/servers/web-1/wait?for=healthy&timeout_s=0",
    "/v1/deploys/d/wait?for=healthy&count=1&timeout_s=0",
    "/v1/stream",
    "/rows",
    "/metrics",
]


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer é"],
)
def test_reading_needs_the_token(collector: CollectorProcess, path: str, authorization: str | None) -> None:
    headers = {} if authorization is None else {"authorization": authorization.encode("latin-1")}
    assert_error(collector.ask("GET", path, token=False, headers=headers), 401, "unauthorised")


def test_a_wrong_cookie_is_no_login(collector: CollectorProcess) -> None:
    for value in ("x", "4102444800.", "4102444800." + "0" * 64, ".", TOKEN):
        response = collector.ask("GET", "/v1/servers", token=False, headers={"cookie": f"initialrunner={value}"})
        assert_error(response, 401, "unauthorised")


def test_announcing_needs_the_token_itself(collector: CollectorProcess) -> None:
    manifests = [{"server": "x", "deploy_id": "d", "deadline_s": 60}]
    assert_error(collector.ask("POST", "/v1/expect", token=False, json=manifests), 401, "unauthorised")
    browser = requests.Session()
    browser.post(f"{collector.url}/login", data={"token": TOKEN}, timeout=20)
    assert browser.get(f"{collector.url}/v1/servers", timeout=20).status_code == 200
    assert_error(browser.post(f"{collector.url}/v1/expect", json=manifests, timeout=20), 401, "unauthorised")
    browser.close()


def test_health_and_readiness_need_none(collector: CollectorProcess) -> None:
    for path in ("/healthz", "/readyz"):
        response = collector.ask("GET", path, token=False)
        assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nope", 404, "not_found"),
        ("GET", "/v1/servers/", 404, "not_found"),
        ("GET", "/v1/servers/never", 404, "not_found"),
        ("GET", "/v1/servers/never/events", 404, "not_found"),
        # Found by fuzzing: PostgreSQL refuses a NUL in a question, and the answer blamed the database.
        ("GET", "/v1/servers/%00", 404, "not_found"),
        ("GET", "/v1/servers/%00/wait?timeout_s=0", 404, "not_found"),
        ("GET", "/v1/servers/%2e%2e%2fetc", 404, "not_found"),
        ("GET", "/assets/../../secret", 404, "not_found"),
        ("GET", "/assets/base.html", 404, "not_found"),
        ("GET", "/v1/events", 405, "method_not_allowed"),
        ("DELETE", "/v1/servers/web-1", 405, "method_not_allowed"),
        ("PUT", "/", 405, "method_not_allowed"),
        ("PUT", "/login", 405, "method_not_allowed"),
        ("POST", "/login", 401, "unauthorised"),
        ("POST", "/v1/expect", 422, "malformed"),
        ("GET", "/v1/servers?state=fine", 422, "malformed"),
        ("GET", "/v1/servers?deploy_id=../x", 422, "malformed"),
        ("GET", "/v1/servers/x/wait?for=coffee", 422, "malformed"),
        ("GET", "/v1/servers/x/wait?timeout_s=soon", 422, "malformed"),
        ("GET", "/v1/servers/x/wait?timeout_s=-1", 422, "malformed"),
        ("GET", "/v1/servers/x/wait?timeout_s=nan", 422, "malformed"),
        ("GET", "/v1/deploys/x/wait?count=0", 422, "malformed"),
        ("GET", "/v1/deploys/-x/wait", 422, "malformed"),
        ("GET", "/v1/stream?deploy_id=%00", 422, "malformed"),
    ],
)
def test_every_error_has_one_shape(collector: CollectorProcess, method: str, path: str, status: int, code: str) -> None:
    # http.client, because requests would tidy the path.
    at = urlsplit(collector.url)
    connection = http.client.HTTPConnection(at.hostname or "", at.port, timeout=20)
    connection.request(method, path, headers={"authorization": f"Bearer {TOKEN}"})
    answer = connection.getresponse()
    response = requests.Response()
    response.status_code, response._content = answer.status, answer.read()
    response.headers.update(answer.getheaders())
    connection.close()
    assert_error(response, status, code)


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", True),
        ("LOCALHOST:1", True),
        ("127.0.0.1:9999", True),
        ("deploy.internal", True),
        ("deploy.internal:8443", True),
        ("[::1]:80", True),
        ("evil.example", False),
        ("deploy.internal.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("169.254.169.254", False),
        ("", False),
        ("[", False),
    ],
)
def test_the_host_header_is_checked(collector: CollectorProcess, host: str, allowed: bool) -> None:
    response = collector.ask("GET", "/v1/servers", headers={"host": host})
    if allowed:
        assert response.status_code == 200
    else:
        assert_error(response, 421, "wrong_host")


# --- who may deploy ---------------------------------------------------------------------------------------------------

LEASE = {"holder": "root@ci, process 7", "ttl_s": 60}
DEPLOYER = {"authorization": f"Bearer {DEPLOY_TOKEN}"}


def test_only_the_token_for_deployers_takes_a_lease(collector: CollectorProcess) -> None:
    refused = collector.ask("POST", "/v1/leases/rights", json=LEASE)
    assert assert_error(refused, 403, "forbidden") == (
        "this token may read, but has no right to deploy; use the token of the file that `bootstrap serve "
        "--deploy-token-file` names"
    )
    stranger = {"authorization": f"Bearer {DEPLOY_TOKEN}x"}
    for headers in ({}, stranger):
        assert_error(
            collector.ask("POST", "/v1/leases/rights", token=False, headers=headers, json=LEASE), 401, "unauthorised"
        )
    assert collector.get("/v1/leases")["leases"] == []
    taken = collector.ask("POST", "/v1/leases/rights", headers=DEPLOYER, json=LEASE)
    assert (taken.status_code, taken.json()["holder"]) == (200, LEASE["holder"])
    assert collector.ask("GET", "/v1/leases", headers=DEPLOYER).json() == {
        "leases": [{"pool": "rights", **taken.json()}]
    }


def test_no_cookie_takes_a_lease(collector: CollectorProcess) -> None:
    for token in (TOKEN, DEPLOY_TOKEN):
        with requests.Session() as browser:
            browser.post(f"{collector.url}/login", data={"token": token}, timeout=20)
            assert browser.get(f"{collector.url}/v1/leases", timeout=20).status_code == 200
            answer = browser.post(f"{collector.url}/v1/leases/cookie", json=LEASE, timeout=20)
            assert_error(answer, 401, "unauthorised")


@pytest.mark.parametrize(
    ("pool", "body", "message"),
    [
        ("-x", LEASE, "pool: \"-x\" is not the name of a pool ([A-Za-z0-9][A-Za-z0-9._-]{0,126})"),
        ("a" * 128, LEASE, None),
        ("p", [], "the body is not an object"),
        ("p", {"ttl_s": 60}, "holder is missing"),
        ("p", {**LEASE, "holder": ""}, "holder: \"\" is not text of 1 to 300 characters without control characters"),
        ("p", {**LEASE, "holder": "h" * 301}, None),
        ("p", {**LEASE, "holder": "a\x1b[2J"}, None),
        ("p", {**LEASE, "ttl_s": 0.5}, "ttl_s: 0.5 is not 0, or a number from 1 to 3,600"),
        ("p", {**LEASE, "ttl_s": 3601}, None),
        ("p", {**LEASE, "ttl_s": True}, None),
        ("p", {**LEASE, "fence": 0}, "fence: 0 is not a whole number from 1"),
        ("p", {**LEASE, "ttl_s": 0}, "fence is missing: `ttl_s` 0 ends the lease that has this fence"),
    ],
)
def test_a_wrong_wish_for_a_lease_is_refused_with_its_value(
    collector: CollectorProcess, pool: str, body: Any, message: str | None
) -> None:
    answer = collector.ask("POST", f"/v1/leases/{pool}", headers=DEPLOYER, json=body)
    said = assert_error(answer, 422, "malformed")
    assert message is None or said == message


# --- a host that asks about another one -------------------------------------------------------------------------------


def ask_as_host(collector: CollectorProcess, path: str, server: str = "asker", **more: Any) -> requests.Response:
    more = {"deploy_id": "needs", "first": 0, **more}
    return collector.ask("GET", path, token=False, headers=reports.sign(b"", server=server, **more))


def test_a_host_may_ask_for_the_state_of_another_in_its_deploy(collector: CollectorProcess) -> None:
    collector.report(healthy_story("a"), server="db-1", deploy_id="needs")
    collector.report(healthy_story("a"), server="db-1", deploy_id="other")
    response = ask_as_host(collector, "/v1/servers/db-1?deploy_id=needs")
    assert response.json() == {"server": "db-1", "deploy_id": "needs", "state": "healthy"}
    assert_error(ask_as_host(collector, "/v1/servers/never?deploy_id=needs"), 404, "not_found")
    for path in ("/v1/servers/db-1?deploy_id=other", "/v1/servers/db-1"):
        assert_error(ask_as_host(collector, path), 401, "forged")
    assert_error(ask_as_host(collector, "/v1/servers/db-1?deploy_id=needs", key_of="db-1"), 401, "forged")
    # Only the state of one server: nothing else is open to a host.
    for path in ("/v1/servers", "/v1/servers/db-1/events", "/v1/servers/db-1/wait"):
        assert_error(ask_as_host(collector, f"{path}?deploy_id=needs"), 401, "unauthorised")


def test_a_member_of_a_group_asks_with_the_groups_key(collector: CollectorProcess) -> None:
    collector.report(healthy_story("a"), server="db-1", deploy_id="needs")
    path = "/v1/servers/db-1?deploy_id=needs"
    assert_error(ask_as_host(collector, path, server="w-7", key_of="w-*"), 401, "forged")
    assert ask_as_host(collector, path + "&group=w-*", server="w-7", key_of="w-*").json()["state"] == "healthy"
    assert_error(ask_as_host(collector, path + "&group=w-*", server="x-7", key_of="w-*"), 401, "forged")
    # Once it has reported, the collector knows its group.
    collector.report(healthy_story("a")[:1], server="w-8", deploy_id="needs", key_of="w-*", group="w-*")
    assert ask_as_host(collector, path, server="w-8", key_of="w-*").json()["state"] == "healthy"


# --- the rest -------------------------------------------------------------------------------------------------------


def test_metrics_are_prometheus_text(collector: CollectorProcess) -> None:
    collector.report(failed_story(), server="metrics")
    response = collector.ask("GET", "/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = response.text.splitlines()
    values = {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}
    assert values['initialrunner_collector_servers{state="failed"}'] >= 1
    assert values['initialrunner_collector_reports_total{result="taken"}'] >= 1
    families = {line.split("{")[0].split(" ")[0] for line in lines if not line.startswith("#")}
    assert {line.split(" ")[2] for line in lines if line.startswith("# TYPE")} == families
    assert values["process_resident_memory_bytes"] > 1 << 20
    assert values["process_open_fds"] > 3


def test_an_announced_server_is_overdue_without_a_word(collector: CollectorProcess) -> None:
    manifests = [
        {"server": "silent", "deploy_id": "announced", "deadline_s": 0, "revision": "abc"},
        {"server": "patient", "deploy_id": "announced", "deadline_s": 600},
    ]
    assert collector.ask("POST", "/v1/expect", json=manifests).json() == {"expected": 2}
    silent = collector.get("/v1/servers/silent?deploy_id=announced")
    assert (silent["state"], silent["revision"], silent["last_seen"], silent["stages"]) == ("overdue", "abc", None, [])
    assert collector.get("/v1/servers/patient")["state"] == "waiting"
    # And heals when it speaks after all.
    collector.report(healthy_story("a")[:2], server="silent", deploy_id="announced", deadline_s=600)
    assert collector.get("/v1/servers/silent")["state"] == "running"


def test_the_log_has_no_traceback(collector: CollectorProcess) -> None:
    """No request above has met a bug. This test is the last of the file on purpose."""
    assert "Traceback" not in collector.errors()


def test_files_that_others_could_read_are_refused(tmp_path: Path) -> None:
    for name in ("secret", "token"):
        broken = CollectorProcess(tmp_path)
        (tmp_path / name).chmod(0o640)
        with pytest.raises(AssertionError, match=rf"{name} can be read or changed by others \(mode 0640\)"):
            broken.start()
        assert broken.process
        assert broken.stop() == 2
