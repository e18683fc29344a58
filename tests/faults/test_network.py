"""Between a host and its collector: name servers that say nothing, proxies, a fleet in one second, no way at all."""

from __future__ import annotations

import json
from base64 import b64encode
from types import SimpleNamespace

import pytest
from box import Box, needs_root
from handmade import payload, stage
from neighbours import TLS, Authority, background, told
from oracle import NOTE, deliver, ended, ran, said, start_tick
from pytest_mock import MockerFixture

from bootstrap.rehearse.collector import Collector
from bootstrap.runner.host import STATE, TRIGGER, Host
from bootstrap.runner.tick.report import Report

pytestmark = [pytest.mark.integration, needs_root]
SECRET = bytes(range(32))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


# --- names ---

# Takes every question and answers none; then, when there is a file /srv/go, each with 127.0.0.1.
RESOLVER = """
import os, socket
here = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
here.bind(("127.0.0.1", 53))
while True:
    asked, whom = here.recvfrom(512)
    open("/srv/asked", "a").write("x")
    if os.path.exists("/srv/go"):
        end = asked.index(b"\\0", 12) + 5
        four = asked[end - 4 : end - 2] == b"\\0\\1"
        answer = b"\\xc0\\x0c\\0\\1\\0\\1\\0\\0\\0\\1\\0\\4\\x7f\\0\\0\\1" if four else b""
        here.sendto(asked[:2] + b"\\x81\\x80\\0\\1\\0" + bytes([four]) + b"\\0" * 4 + asked[12:end] + answer, whom)
"""


@pytest.mark.fault(56)
def test_a_name_server_that_is_silent_holds_up_only_the_stage_that_needs_names() -> None:
    stages = [stage("one", NOTE + "note one"), stage("two", NOTE + "note two", needs=[{"dns": True}])]
    with Box() as box, Collector(box.copy, secret=SECRET) as collector:
        box.put("/etc/resolv.conf", "nameserver 127.0.0.1\n")
        background(box, "resolver", RESOLVER, 53, "u")
        deliver(box, payload(stages, report=(collector.url, SECRET)))
        start_tick(box)
        box.wait_for(lambda: [e for e in box.events("waiting") if e["for"] == "names do not resolve"])
        assert (ran(box), box.exists("/srv/asked")) == (["one"], True)
        # What waits for a name server does not wait with it: this very event is with the collector.
        box.wait_for(lambda: told(collector) == [e["seq"] for e in box.journal()])
        box.put("/srv/go", "")
        box.wait_for(lambda: not box.exists(TRIGGER))
        assert (ran(box), box.state()) == (["one", "two"], "healthy")


@pytest.mark.fault(56)
def test_a_collector_whose_name_does_not_resolve_holds_up_no_stage() -> None:
    stages = [stage(name, NOTE + f"note {name}") for name in ("one", "two")]
    with Box() as box, Collector(box.copy, secret=SECRET) as collector:
        # Without a line in /etc/hosts this is a name like any other.
        deliver(box, payload(stages, report=(collector.url.replace("127.0.0.1", "localhost"), SECRET)))
        box.put("/etc/hosts", "")
        box.put("/etc/resolv.conf", "nameserver 127.0.0.1\n")
        background(box, "resolver", RESOLVER, 53, "u")
        start_tick(box)
        box.wait_for(lambda: box.state() == "healthy" and box.exists("/srv/asked"))
        assert (ran(box), told(collector)) == (["one", "two"], [])
        box.put("/srv/go", "")
        # The same tick goes on asking, in a process that it can end.
        box.wait_for(lambda: not box.exists(TRIGGER))
        assert told(collector) == [e["seq"] for e in box.journal()]


@pytest.mark.fault(56)
def test_a_name_server_that_is_silent_for_good_ends_at_the_deadline() -> None:
    one = stage("one", NOTE + "note one", needs=[{"dns": True}])
    with Box(payload([one], deadline_s=1).files) as box:
        box.put("/etc/resolv.conf", "nameserver 127.0.0.1\n")
        background(box, "resolver", RESOLVER, 53, "u")
        assert box.tick().returncode == 5
        assert (ran(box), ended(box, "one")) == ([], [("failed", "needs")])
        assert box.events("stage.ended")[0]["tail"] == "names do not resolve"


# --- proxies ---

# A forward proxy, and a site that answers for every address it has. Each keeps the first lines of what it is asked.
# For the proxy, 192.0.2.10 is the collector and 192.0.2.20 a site; it knows no other names.
PROXY = """
import socket, threading
def pump(here, there):
    while block := here.recv(65536):
        there.sendall(block)
    there.shutdown(socket.SHUT_WR)
def serve(made):
    head = b""
    while b"\\r\\n\\r\\n" not in head:
        head += made.recv(65536) or exit()
    open("/srv/proxied", "ab").write(head.split(b"\\r\\n")[0] + b"\\n")
    if login not in head.split(b"\\r\\n"):
        made.sendall(b"HTTP/1.0 407 Who Are You\\r\\n\\r\\n")
        return made.close()
    target = head.split()[1].split(b"://")[-1].split(b"/")[0].decode()
    if target == "192.0.2.20":
        made.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\nfar")
        return made.close()
    there = socket.create_connection(("127.0.0.1", int(target[len("192.0.2.10:"):])))
    if head.startswith(b"CONNECT"):
        made.sendall(b"HTTP/1.0 200 Made\\r\\n\\r\\n")
    else:
        there.sendall(head.replace(b"Host: 192.0.2.10", b"Host: 127.0.0.1").replace(b"HTTP/1.1", b"HTTP/1.0", 1))
    threading.Thread(target=pump, args=(made, there), daemon=True).start()
    pump(there, made)
login = open("/srv/login", "rb").read()
server = socket.create_server(("127.0.0.1", 3128))
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""
SITE = """
import http.server
class Site(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        open("/srv/direct", "a").write(self.headers["Host"] + "\\n")
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("", 80), Site).serve_forever()
"""


@pytest.mark.fault(57)
@pytest.mark.fault(144)
@pytest.mark.parametrize("login", ["", "svc:s3cr-et%40x@"], ids=["open", "with-a-password"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_what_leaves_the_host_goes_through_the_proxy_and_metadata_never(
    scheme: str, login: str, authority: Authority
) -> None:
    direct = ("127.0.0.1", "localhost", "169.254.169.254", "near.example")
    urls = [f"http://{name}/ping" for name in (*direct, "192.0.2.20")]
    there = f"http://{login}127.0.0.1:3128"
    proxy = dict.fromkeys(("http", "https"), there) | {"no_proxy": "near.example"}
    one = stage("one", "env | sed -n 's/^\\([a-z_]*proxy\\)=/\\1 /ip' | sort >/srv/env")
    with Box() as box, Collector(box.copy, secret=SECRET) as collector:
        box.put("/etc/hosts", "127.0.0.1 localhost near.example\n")
        with box.copy.in_its_network(["ip", "address", "add", "169.254.169.254/32", "dev", "lo"]) as added:
            assert added.wait(10) == 0
        box.put("/srv/login", b"Proxy-Authorization: Basic " + b64encode(b"svc:s3cr-et@x") if login else b"")
        background(box, "proxy", PROXY, 3128)
        background(box, "site", SITE, 80)
        box.put("/srv/server.pem", authority.certificate("IP:192.0.2.10"))
        background(box, "tls", TLS, 8444)
        url = "http://192.0.2.10:8443" if scheme == "http" else "https://192.0.2.10:8444"
        checks = [{"kind": "http", "url": url} for url in urls]
        deliver(box, payload([one], checks=checks, report=(url, SECRET), ca=authority.pem, proxy=proxy))
        assert box.tick().returncode == 0, box.events("health")
        assert told(collector) == [e["seq"] for e in box.journal()]
        asked = set(box.text("/srv/proxied").splitlines())
        sent = "POST http://192.0.2.10:8443/v1/events" if scheme == "http" else "CONNECT 192.0.2.10:8444"
        assert {line.rsplit(" ", 1)[0] for line in asked} == {sent, "GET http://192.0.2.20/ping"}
        assert set(box.text("/srv/direct").splitlines()) == set(direct)
        none = "near.example,localhost,127.0.0.1,169.254.169.254"
        env = dict(line.split(" ", 1) for line in box.text("/srv/env").splitlines())
        assert env == {
            "http_proxy": there, "HTTP_PROXY": there, "https_proxy": there, "HTTPS_PROXY": there,
            "no_proxy": none, "NO_PROXY": none,
        }  # fmt: skip


# --- far away, and many ---


@pytest.mark.fault(69)
def test_hosts_that_are_refused_together_do_not_come_back_together(mocker: MockerFixture) -> None:
    # The whole fleet has booted in the same second.
    host = mocker.create_autospec(Host, instance=True)
    host.uptime.return_value = 100.0
    fleet = [Report(host, {"report": {}}, SimpleNamespace(events=[{}]), lambda: 60.0) for _ in range(300)]
    for longest in (2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0):
        for one in fleet:
            one.take_answer(b"collector answers 429")
        pauses = [one.not_before - 100.0 for one in fleet]
        assert longest / 2 <= min(pauses) and max(pauses) <= longest
        # Thirty in every tenth, if chance is even; twice that in one of them would be a crowd.
        tenths = [int((pause / longest - 0.5) * 20) for pause in pauses]
        assert max(map(tenths.count, tenths)) < 60


@pytest.mark.fault(70)
def test_a_host_that_reaches_no_collector_tells_it_on_the_host() -> None:
    one = payload([stage("one", NOTE + "note one")], report=("http://192.0.2.10:8443", SECRET))
    with Box(one.files) as box:
        assert box.tick().returncode == 75
        assert (ran(box), box.state(), box.exists(TRIGGER)) == (["one"], "healthy", True)
        reason = json.loads(said(box, "status --json")[1])["not_reported"]
        assert "Network is unreachable" in reason
        assert f"  not reported: {reason}\n" in said(box, "status")[1]
        why = f"box-1 is healthy but not reported: {reason}. Send it: initialrunner report\n"
        assert said(box, "why") == (0, why, "")
        # The last tick of the seventh day; what was never told is still to be read here afterwards.
        box.put(f"{STATE}/undelivered", str(7 * 24 * 60 - 1), 0o600)
        assert box.tick().returncode == 0
        line = f"initialrunner: events not delivered for 7 days are given up: {reason}\n"
        assert (line in box.console(), line in box.text("/etc/motd"), box.exists(TRIGGER)) == (True, True, False)
        assert f"  not reported: {reason}\n" in said(box, "status")[1]


@pytest.mark.fault(70)
def test_a_failure_that_is_told_in_the_end_is_not_called_unreported() -> None:
    with Box() as box:
        deliver(box, payload([stage("one", "exit 3")], report=("http://127.0.0.1:8443", SECRET)))
        assert box.tick().returncode == 5
        assert "not reported: " in said(box, "status")[1]
        with Collector(box.copy, secret=SECRET) as collector:
            assert box.tick().returncode == 5
            assert told(collector) == [e["seq"] for e in box.journal()]
        assert "not reported" not in said(box, "status")[1]
