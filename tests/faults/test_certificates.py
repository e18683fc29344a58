"""A collector behind TLS: whose certificate is taken, what is said of another, and that nothing is told to it."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from box import Box, needs_root
from handmade import DEPLOY_ID, payload, stage
from neighbours import LATER, TLS, Authority, background, told
from oracle import NOTE, deliver, ran, said

from bootstrap.rehearse.collector import Collector
from bootstrap.runner.host import STATE, TRIGGER, Host
from bootstrap.runner.tick.report import Report

pytestmark = pytest.mark.integration
SECRET = bytes(range(32))
LOCAL = "IP:127.0.0.1"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@needs_root
@pytest.mark.fault(58)
@pytest.mark.fault(59)
def test_a_certificate_of_tomorrow_is_refused_until_tomorrow(authority: Authority) -> None:
    with Box() as box, Collector(box.copy, secret=SECRET) as collector:
        # Neither the host's own authorities nor any others: what the payload brings is enough.
        box.sh("rm -rf /etc/ssl/certs /usr/lib/ssl/certs /usr/share/ca-certificates")
        box.put("/srv/server.pem", authority.certificate(LOCAL, start="20890101000000Z"))
        background(box, "tls", TLS, 8444)
        one = stage("one", NOTE + "note one")
        deliver(box, payload([one], report=("https://127.0.0.1:8444", SECRET), ca=authority.pem))
        assert box.tick().returncode == 75
        assert (ran(box), box.state(), box.exists(TRIGGER), box.exists("/srv/decrypted")) == (
            ["one"], "healthy", True, False,
        )  # fmt: skip
        reason = json.loads(said(box, "status --json")[1])["not_reported"]
        assert "certificate is not yet valid" in reason and "is the clock right?" in reason
        # The day has come: for the host it is the same whether the clock was set or the certificate was.
        box.put("/srv/server.pem", authority.certificate(LOCAL))
        assert box.tick().returncode == 0
        assert told(collector) == [e["seq"] for e in box.journal()]
        assert not box.exists(f"{STATE}/unsent")


class Ear(threading.Thread):
    """A TLS server of this process; `heard` is what got through to it."""

    def __init__(self, pem: Path) -> None:
        super().__init__(daemon=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pem)
        self.socket, self.heard = socket.create_server(("127.0.0.1", 0)), b""
        self.url = f"https://127.0.0.1:{self.socket.getsockname()[1]}"

    def run(self) -> None:
        made = self.socket.accept()[0]
        with made, contextlib.suppress(OSError), self.context.wrap_socket(made, server_side=True) as safe:
            while not self.heard.endswith(b"{}") and (block := safe.recv(65536)):
                self.heard += block
            safe.sendall(b'HTTP/1.0 200 OK\r\n\r\n{"acked": 7}')


@pytest.mark.fault(58)
@pytest.mark.parametrize(
    ("trusted", "names", "end", "answer"),
    [
        pytest.param("ours", LOCAL, LATER, "7", id="ours"),
        pytest.param("the host's", LOCAL, LATER, "unable to get local issuer certificate", id="not named"),
        pytest.param("another", LOCAL, LATER, "certificate verify failed", id="another"),
        pytest.param("ours", "IP:127.0.0.2", LATER, "certificate is not valid for '127.0.0.1'", id="other name"),
        pytest.param("ours", LOCAL, "20210101000000Z", "certificate has expired", id="expired"),
    ],
)
def test_nothing_is_told_to_who_cannot_prove_who_it_is(
    authority: Authority, tmp_path: Path, trusted: str, names: str, end: str, answer: str
) -> None:
    pem = tmp_path / "server.pem"
    pem.write_bytes(authority.certificate(names, end=end))
    ear = Ear(pem)
    ear.start()
    report = {"url": ear.url, "key": "a2V5"}
    if trusted != "the host's":
        report["ca"] = authority.pem if trusted == "ours" else Authority(tmp_path / "another").pem
    plan = {"server": "box-1", "deploy_id": DEPLOY_ID, "report": report}
    outbox = Report(Host(), plan, SimpleNamespace(id="j", events=[]), lambda: 60.0)
    found = outbox.send(b"{}", 1).decode()
    ear.join(20)
    ear.socket.close()
    assert answer in found
    assert bool(ear.heard) == (answer == "7")
