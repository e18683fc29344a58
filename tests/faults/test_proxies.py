"""A proxy that wants a name and a password, on a real socket: reports, fetched files and checks get through it."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any, Self

import pytest
from neighbours import Authority
from scripted_site import Site

from bootstrap.runner.host import Host
from bootstrap.runner.later.doctor import collector_faults
from bootstrap.runner.later.fetch import Fetch
from bootstrap.runner.tick.checks import check_fault
from bootstrap.runner.tick.report import Report
from bootstrap.runner.tick.web import http, proxy_for

pytestmark = pytest.mark.integration
LOGIN = "svc:s3cr-et%40x"
BASIC = "Basic " + base64.b64encode(b"svc:s3cr-et@x").decode()
WORDS = ("s3cr-et", BASIC.split()[1])


class Proxy:
    """Takes those who know the password to `behind`, whatever name or address they ask for. asked: (line, headers)."""

    def __init__(self, behind: Site, family: socket.AddressFamily = socket.AF_INET) -> None:
        self.behind, self.asked = behind, list[tuple[str, dict[str, str]]]()
        here = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        self.socket = socket.create_server((here, 0), family=family)
        self.place = f"{f'[{here}]' if ':' in here else here}:{self.socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.listen, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def listen(self) -> None:
        while True:
            try:
                made = self.socket.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(made,), daemon=True).start()

    def serve(self, made: socket.socket) -> None:
        with made:
            head = b""
            while b"\r\n\r\n" not in head:
                head += made.recv(1)
            line, *rest = head.decode().strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (one.partition(": ") for one in rest)}
            self.asked.append((line.rsplit(" ", 1)[0], headers))
            if headers.get("proxy-authorization") != BASIC:
                # With bytes unread, closing would reset the connection before the answer was read.
                made.recv(int(headers.get("content-length", "0")), socket.MSG_WAITALL)
                made.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nconnection: close\r\n\r\n")
                return
            with socket.create_connection(self.behind.server.server_address[:2]) as there:
                if line.startswith("CONNECT"):
                    made.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    method, url, _ = line.split()
                    path = "/" + url.split("/", 3)[3]
                    there.sendall(f"{method} {path} HTTP/1.0\r\n".encode() + head.partition(b"\r\n")[2])
                threading.Thread(target=pump, args=(made, there), daemon=True).start()
                pump(there, made)


def pump(here: socket.socket, there: socket.socket) -> None:
    try:
        while block := here.recv(65536):
            there.sendall(block)
        there.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def safe(authority: Authority, tmp_path: Path) -> Iterator[Site]:
    """A TLS server that is collector.example and 2001:db8::1 to those who come through the proxy."""
    (tmp_path / "pem").write_bytes(authority.certificate("DNS:collector.example,IP:2001:db8::1"))
    with Site(pem=tmp_path / "pem") as site:
        yield site


def plan_of(proxy: Proxy, login: str = LOGIN, **more: Any) -> dict[str, Any]:
    url = f"http://{login}@{proxy.place}/"
    return {"proxy": {"http": url, "https": url}, "server": "web-1", "deploy_id": "d1", **more}


@pytest.mark.fault(144)
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6], ids=["proxy-v4", "proxy-v6"])
@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("collector.example:8443", "CONNECT collector.example:8443"),
        ("collector.example", "CONNECT collector.example:443"),
        ("[2001:db8::1]:8443", "CONNECT [2001:db8::1]:8443"),
        ("[2001:db8::1]", "CONNECT [2001:db8::1]:443"),
    ],
)
def test_a_tunnel_is_asked_for_with_name_and_password(
    authority: Authority, safe: Site, family: socket.AddressFamily, host: str, asked: str
) -> None:
    safe.put("/x", b"hello")
    with Proxy(safe, family) as proxy:
        plan, url = plan_of(proxy), f"https://{host}/x"
        status, body, _ = http(url, plan, 10, ca=authority.pem)
    assert (status, body) == (200, b"hello")
    assert [(line, headers["proxy-authorization"]) for line, headers in proxy.asked] == [(asked, BASIC)]
    # They are for the proxy alone.
    assert [{name.lower() for name in headers} & {"proxy-authorization"} for _, headers in safe.asked] == [set()]
    assert safe.asked[0][1]["Host"] == host


@pytest.mark.fault(144)
@pytest.mark.parametrize("host", ["far.example", "far.example:8080", "[2001:db8::1]", "[2001:db8::1]:8080"])
def test_plain_http_is_asked_for_with_name_and_password(host: str) -> None:
    with Site() as site, Proxy(site, socket.AF_INET6) as proxy:
        site.put("/x", b"hello")
        plan, url = plan_of(proxy), f"http://{host}/x"
        assert http(url, plan, 10)[:2] == (200, b"hello")
    ((line, headers),) = proxy.asked
    assert (line, headers["host"], headers["proxy-authorization"]) == (f"GET http://{host}/x", host, BASIC)


@pytest.mark.fault(144)
@pytest.mark.parametrize("url", ["http://far.example/x", "https://collector.example/x"])
def test_reports_files_and_checks_get_through(authority: Authority, safe: Site, tmp_path: Path, url: str) -> None:
    with Site() as plain, Proxy(safe if url.startswith("https") else plain) as proxy:
        for path, data in (("/x", b"hello"), ("/v1/events", b'{"acked": 7}')):
            proxy.behind.put(path, data)
        report = {"url": url[: -len("/x")], "key": base64.b64encode(b"k" * 32).decode(), "ca": authority.pem}
        plan = plan_of(proxy, report=report)
        assert Report(Host(), plan, SimpleNamespace(id="j", events=[]), lambda: 60.0).send(b"{}", 1) == b"7"
        owner = {"mode": 0o644, "user": str(os.getuid()), "group": str(os.getgid())}
        entry = {"path": str(tmp_path / "x"), "fetch": {"url": url}, "sha256": hashlib.sha256(b"hello").hexdigest()}
        assert Fetch(Host(), plan, entry | owner).work() is None
        if url.startswith("http://"):
            check = {"kind": "http", "url": url, "status": 200, "contains": "hello"}
            assert check_fault(Host(), plan, check, lambda text: (0, "")) is None
    assert {headers["proxy-authorization"] for _, headers in proxy.asked} == {BASIC}


@pytest.mark.fault(144)
@pytest.mark.parametrize("url", ["http://far.example", "https://collector.example"])
def test_a_wrong_password_is_said_and_not_shown(safe: Site, tmp_path: Path, url: str) -> None:
    with Site() as plain, Proxy(safe if url.startswith("https") else plain) as proxy:
        report = {"url": url, "key": base64.b64encode(b"k" * 32).decode()}
        plan = plan_of(proxy, "svc:s3cr-et-and-wrong", report=report)
        host = Host()
        run: Any = SimpleNamespace(host=host, plan=plan)
        told = [
            Report(host, plan, SimpleNamespace(id="j", events=[]), lambda: 60.0).send(b"{}", 1).decode(),
            str(collector_faults(run)),
            str(check_fault(host, plan, {"kind": "http", "url": url + "/x", "status": 200}, lambda text: (0, ""))),
        ]
    wrong = base64.b64encode(b"svc:s3cr-et-and-wrong").decode()
    for text in told:
        assert "407" in text
        assert not [word for word in (*WORDS, wrong) if word in text]
    assert {headers["proxy-authorization"] for _, headers in proxy.asked} == {"Basic " + wrong}


@pytest.mark.fault(144)
@pytest.mark.parametrize("place", ["127.0.0.1:1", "127.0.0.1:no-port", "nowhere.invalid", "[::1", ""])
def test_a_proxy_that_cannot_be_reached_is_said_without_its_password(place: str) -> None:
    plan: dict[str, Any] = {"proxy": {"https": f"http://{LOGIN}@{place}"}}
    check = {"kind": "http", "url": "https://collector.example/x", "status": 200}
    failed = check_fault(Host(), plan, check, lambda text: (0, ""))
    assert failed and not [word for word in WORDS if word in str(failed)]


@pytest.mark.fault(57)
@pytest.mark.parametrize(
    ("url", "is_far"),
    [
        ("http://127.0.0.1/", False),
        ("http://someone:word@127.0.0.1:80/", False),
        ("http://127.0.0.1:80@far.example/", True),
        ("http://[::1]/", False),
        ("http://[::1]:8080/", False),
        ("https://LOCALHOST:8443/", False),
        ("http://169.254.169.254/latest", False),
        ("https://near.example", False),
        ("https://deep.Near.Example:8443/x", False),
        ("https://notnear.example/", True),
        ("https://far.example:8443/", True),
        ("http://[2001:db8::1]/", True),
    ],
)
def test_which_urls_go_through_the_proxy(url: str, is_far: bool) -> None:
    plan = {"proxy": {"http": "http://p:1", "https": "http://p:1", "no_proxy": "Near.Example,.other.example"}}
    assert (proxy_for(plan, url) is not None) == is_far
