"""Sources of a carrier's text, with real peers: a collector with TLS, proxies, redirects, hosts without Python."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import presigned
import pytest
import reports
from box import Box, needs_root
from box_disks import tmpfs
from collector_process import CollectorProcess
from handmade import DEPLOY_ID, payload, stage
from namespaces import private_namespaces
from neighbours import Authority
from runner_server import RunnerServer

from bootstrap.payload.model import Payload
from bootstrap.payload.split import COLLECTOR_PATH, FOLDER, runner_text
from bootstrap.runner.host import BUNDLE, STATE, STUB, TRIGGER

pytestmark = [pytest.mark.integration, needs_root]
SHA256 = runner_text().sha256
NOTE = "echo ran >>/srv/oracle"
PROGRAMS = ["curl", "wget", "python3"]


def carried(*sources: str, collector: str | None = None, **more: object) -> Payload:
    report = (collector, reports.SECRET) if collector else None
    return payload([stage("one", NOTE)], sources=sources, report=report, **more)  # type: ignore[arg-type]


def only(box: Box, program: str) -> None:
    """Leave a box one program that fetches; python3 stays in any case, since every bundle needs it."""
    box.sh("rm -f " + " ".join(f"/usr/bin/{name}" for name in {"curl", "wget"} - {program}))


def is_healthy(box: Box) -> bool:
    return box.state() == "healthy" and not any(map(box.exists, (TRIGGER, BUNDLE, STUB)))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def safe(authority: Authority, tmp_path: Path) -> Iterator[CollectorProcess]:
    """A collector whose certificate is of a private authority."""
    (tmp_path / "pem").write_bytes(authority.certificate("IP:127.0.0.1"))
    options = ("--tls-cert", str(tmp_path / "pem"), "--tls-key", str(tmp_path / "pem"))
    with CollectorProcess(tmp_path, *options) as collector:
        collector.ca = authority.folder / "ca.pem"
        yield collector


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_collector_with_an_authority_of_its_own(authority: Authority, safe: CollectorProcess, program: str) -> None:
    url = f"{safe.url}{COLLECTOR_PATH}{SHA256}"
    with Box(network="host") as box:
        only(box, program)
        box.put("/root/user-data", carried(url).script)
        alone = box.sh("sh /root/user-data")
        assert alone.returncode == 75 and "certificate" in alone.stderr and not box.exists(STATE)
        box.put("/root/user-data", carried(url, collector=safe.url, ca=authority.pem, deploy_id="d2").script)
        done = box.sh("sh /root/user-data")
        assert done.returncode == 0, done.stderr
        box.wait_for(lambda: is_healthy(box))
        assert box.sh("ls /run/initialrunner.bundle.ca").stdout == ""
    assert safe.get("/v1/servers/box-1?deploy_id=d2")["state"] == "healthy"


def test_a_collector_that_starts_again_meanwhile(tmp_path: Path) -> None:
    with private_namespaces(), CollectorProcess(tmp_path) as collector:
        url = collector.url
        collector.kill()
        with Box(network="host", cron="fast") as box:
            box.put("/root/user-data", carried(f"{url}{COLLECTOR_PATH}{SHA256}", collector=url).script)
            done = box.sh("sh /root/user-data")
            assert done.returncode == 75 and "curl: (7)" in done.stderr
            collector.start(port=int(url.rsplit(":", 1)[1]))
            box.wait_for(lambda: is_healthy(box), 60)
        assert collector.get(f"/v1/servers/box-1?deploy_id={DEPLOY_ID}")["state"] == "healthy"


def test_a_collector_that_has_another_version_names_its_own(tmp_path: Path) -> None:
    other = "0" * 64
    with CollectorProcess(tmp_path) as collector, Box(network="host") as box:
        answer = collector.ask("GET", f"{COLLECTOR_PATH}{other}", token=False)
        assert answer.status_code == 404 and SHA256 in answer.text
        box.put("/root/user-data", carried(f"{collector.url}{COLLECTOR_PATH}{other}").script)
        done = box.sh("sh /root/user-data")
        assert done.returncode == 75 and "404" in done.stderr and other in done.stderr


@pytest.mark.fault(149)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_redirect_to_plain_http_is_not_followed(program: str) -> None:
    with RunnerServer() as server, Box(network="host") as box:
        only(box, program)
        server.answers = ["lead"] * 3
        box.put("/root/user-data", carried(server.url).script)
        done = box.sh("sh /root/user-data")
        assert done.returncode == 75 and server.url in done.stderr
        assert "/right" not in server.asked and not box.exists(STATE)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_presigned_url_shows_its_query_to_nobody(program: str) -> None:
    with RunnerServer() as server, Box(network="host") as box:
        only(box, program)
        url = presigned.url(f"{server.origin}/runner")
        server.secret, server.answers = presigned.SIGNATURE, ["403"] * 6
        packed = carried(url)
        box.put("/root/user-data", packed.script, 0o600)
        done = box.sh("sh /root/user-data")
        assert done.returncode == 75 and f"{server.origin}/runner: " in done.stderr
        # The state is healthy before the trigger goes: each of these ticks has an entry.
        while box.state() != "healthy":
            box.tick()
        box.wait_for(lambda: is_healthy(box))
        said = done.stderr + box.syslog() + box.console() + box.text("/etc/motd") + str(box.journal())
        assert presigned.SIGNATURE not in said and presigned.TOKEN not in said
        assert server.held == [] and len(server.asked) >= 3
        readable = box.sh(f"grep -rls {presigned.SIGNATURE} /etc /run /var /usr/local 2>/dev/null").stdout
        assert readable == "", "it is left in a file"


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_stub_that_waits_with_a_presigned_url_is_readable_by_root_alone(program: str) -> None:
    with RunnerServer() as server, Box(network="host") as box:
        only(box, program)
        server.answers = ["403"] * 3
        box.put("/root/user-data", carried(presigned.url(f"{server.origin}/runner")).script, 0o600)
        assert box.sh("umask 0; sh /root/user-data").returncode == 75
        files = box.sh(f"grep -rls {presigned.SIGNATURE} /etc /run /var /usr/local 2>/dev/null").stdout.split()
        assert files == [STUB] and box.stat(STUB)[:2] == ("0600", "root:root")


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("where", ["environment", "spec"])
def test_a_proxy_is_used(program: str, where: str) -> None:
    """The proxy is a real server that is asked for the whole URL; nothing else answers at that name."""
    with RunnerServer() as proxy, Box(network="host") as box:
        only(box, program)
        box.put("/etc/hosts", "127.0.0.1 localhost\n")
        settings = {"http": proxy.origin, "https": proxy.origin}
        more = {"proxy": settings} if where == "spec" else {}
        box.put("/root/user-data", carried("http://runner.invalid/text", **more).script)
        environment = f"http_proxy={proxy.origin} " if where == "environment" else ""
        done = box.sh(f"{environment}sh /root/user-data")
        assert done.returncode == 0, done.stderr
        assert proxy.asked[0] == "http://runner.invalid/text"
        box.wait_for(lambda: is_healthy(box))


@pytest.mark.fault(150)
def test_a_damaged_text_on_the_disk_with_no_other_source_is_said() -> None:
    with Box() as box:
        box.put(f"{FOLDER}/{SHA256}", runner_text().content[:-1] + b"~")
        box.put("/root/user-data", carried().script)
        done = box.sh("sh /root/user-data")
        assert (done.returncode, done.stderr) == (
            75, f"initialrunner: waits for the runner {SHA256}: {FOLDER}/{SHA256} is damaged\n",
        )  # fmt: skip
        # After ten minutes people are told.
        for _ in range(9):
            box.tick()
        line = done.stderr
        assert box.console().count(line) == 1 and box.text("/etc/motd").count(line) == 1
        box.put(f"{FOLDER}/{SHA256}", runner_text().content)
        box.tick()
        box.wait_for(lambda: is_healthy(box))
        assert line not in box.text("/etc/motd") and box.sh("ls /run/initialrunner.missed").stdout == ""


def test_a_host_without_python_reports_that_and_is_healthy_once_there_is_one(tmp_path: Path) -> None:
    with CollectorProcess(tmp_path) as collector, Box(network="host") as box:
        url = f"{collector.url}{COLLECTOR_PATH}{SHA256}"
        box.put("/root/user-data", carried(url, collector=collector.url).script)
        box.sh("for p in /usr/bin/python3* /usr/local/bin/python3*; do mv $p $p.away; done")
        done = box.sh("sh /root/user-data")
        assert done.returncode == 75 and "no usable Python 3.6 or newer" in done.stderr
        assert "install the package python3" in box.console() and "no usable Python" in box.text("/etc/motd")
        server = collector.get(f"/v1/servers/box-1?deploy_id={DEPLOY_ID}")
        assert server["state"] == "waiting"
        events = collector.get(f"/v1/servers/box-1/events?deploy_id={DEPLOY_ID}")["events"]
        assert events[0]["missing"][0]["path"] == "python3"
        box.sh("for p in /usr/bin/python3*.away /usr/local/bin/python3*.away; do mv $p ${p%.away}; done")
        box.tick()
        box.wait_for(lambda: is_healthy(box))
        assert collector.get(f"/v1/servers/box-1?deploy_id={DEPLOY_ID}")["state"] == "healthy"


def test_a_host_whose_state_cannot_be_written_is_not_reported_as_one_without_python(tmp_path: Path) -> None:
    with CollectorProcess(tmp_path) as collector, Box(network="host") as box:
        url = f"{collector.url}{COLLECTOR_PATH}{SHA256}"
        box.put("/root/user-data", carried(url, collector=collector.url).script)
        tmpfs(box, "/var/lib", "ro")
        assert box.sh("sh /root/user-data").returncode not in (0, 75)
        assert collector.ask("GET", f"/v1/servers/box-1?deploy_id={DEPLOY_ID}").status_code == 404
