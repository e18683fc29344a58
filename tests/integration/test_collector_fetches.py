"""What hosts fetch from a real collector: the runner's text by its digest, and bundles by signed URLs."""

from __future__ import annotations

import asyncio
import calendar
import contextlib
import hashlib
import http.client
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import reports
from box import Box, needs_root
from certificates import self_signed
from collector_process import DEPLOY_TOKEN, ROOT, TOKEN, CollectorProcess, assert_error, until
from stores import empty
from whole_bundles import bundle_of, text_of

import bootstrap
from bootstrap.client.collector import Collector, Denied
from bootstrap.client.uploads import put_bundle, put_runner
from bootstrap.collector.bundles import url_of
from bootstrap.collector.shelf import BLOCK_BYTES, MAX_BUNDLE_BYTES, MAX_TEXT_BYTES
from bootstrap.payload.split import runner_text
from bootstrap.runner.form import LAST_LINE
from bootstrap.targets import stub

OWN = runner_text()
RUNNER = "/v1/runner/"
DAY_S = 86400
HELLO = ROOT / "examples/hello/hello.yaml"


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    with CollectorProcess(tmp_path_factory.mktemp("collector"), "--allow-host", "deploy.internal") as running:
        yield running


@pytest.fixture
def deployer(collector: CollectorProcess) -> Iterator[Collector]:
    client = Collector(collector.url, DEPLOY_TOKEN)
    yield client
    client._session.close()


def served(collector: CollectorProcess, kind: str) -> int:
    """The number of objects that it has served, by its metrics."""
    start = f'initialrunner_collector_objects_served_total{{kind="{kind}"}} '
    lines = collector.ask("GET", "/metrics").text.splitlines()
    return next(int(line.removeprefix(start)) for line in lines if line.startswith(start))


# --- the runner's text ------------------------------------------------------------------------------------------------


def test_anybody_gets_the_text_of_the_collectors_own_toolkit(collector: CollectorProcess) -> None:
    before = served(collector, "runner")
    response = collector.ask("GET", RUNNER + OWN.sha256, token=False)
    assert (response.status_code, response.content) == (200, OWN.content)
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert response.headers["etag"] == f'"{OWN.sha256}"'
    assert served(collector, "runner") == before + 1


def test_a_head_has_the_headers_and_no_body(collector: CollectorProcess) -> None:
    response = collector.ask("HEAD", RUNNER + OWN.sha256, token=False)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-length"] == str(len(OWN.content))
    assert response.headers["etag"] == f'"{OWN.sha256}"'


@pytest.mark.parametrize("asked", [f'"{OWN.sha256}"', f'"x", W/"{OWN.sha256}"', "*"])
def test_a_cache_that_has_it_gets_no_body(collector: CollectorProcess, asked: str) -> None:
    response = collector.ask("GET", RUNNER + OWN.sha256, token=False, headers={"if-none-match": asked})
    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["etag"] == f'"{OWN.sha256}"'


def test_no_browser_renders_or_runs_what_was_uploaded(collector: CollectorProcess) -> None:
    body = OWN.content + b"\n<script>alert(1)</script>\n"
    bundle = body + (LAST_LINE % hashlib.sha256(body).hexdigest()).encode()
    sent = collector.deploy("PUT", f"/v1/bundles/{hashlib.sha256(bundle).hexdigest()}", data=bundle)
    for path in (RUNNER + OWN.sha256, sent.json()["url"]):
        headers = collector.ask("GET", path, token=False).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "default-src 'none'; sandbox"


def test_a_cache_that_has_another_one_gets_it(collector: CollectorProcess) -> None:
    response = collector.ask("GET", RUNNER + OWN.sha256, token=False, headers={"if-none-match": f'"{"0" * 64}"'})
    assert (response.status_code, response.content) == (200, OWN.content)


def test_an_unknown_digest_is_refused_with_the_one_that_is_there(collector: CollectorProcess) -> None:
    unknown = "0" * 64
    message = assert_error(collector.ask("GET", RUNNER + unknown, token=False), 404, "not_found")
    assert message == f"this collector has no runner text {unknown}; that of its own toolkit is {OWN.sha256}"


@pytest.mark.parametrize("name", ["x", "0" * 63, "0" * 65, OWN.sha256.upper(), "%00", "..%2f..%2fetc%2fpasswd"])
def test_a_name_that_is_no_digest_names_no_text(collector: CollectorProcess, name: str) -> None:
    assert_error(collector.ask("GET", RUNNER + name, token=False), 404, "not_found")
    # A slash in a name, encoded or not, leads to no route at all.
    if "%2f" not in name:
        assert_error(collector.deploy("PUT", RUNNER + name, data=b""), 422, "malformed")
        assert_error(collector.deploy("PUT", f"/v1/bundles/{name}", data=b""), 422, "malformed")


def test_the_text_is_served_under_the_collectors_names_only(collector: CollectorProcess) -> None:
    good = collector.ask("GET", RUNNER + OWN.sha256, token=False, headers={"host": "deploy.internal:8443"})
    assert good.content == OWN.content
    bad = collector.ask("GET", RUNNER + OWN.sha256, token=False, headers={"host": "evil.example"})
    assert_error(bad, 421, "wrong_host")


def test_a_newer_deployer_brings_its_text_along(collector: CollectorProcess, deployer: Collector) -> None:
    sha256, content = text_of("newer")
    assert_error(collector.ask("GET", RUNNER + sha256, token=False), 404, "not_found")
    assert collector.deploy("PUT", RUNNER + sha256, data=content).status_code == 201
    again = collector.deploy("PUT", RUNNER + sha256, data=content)
    assert (again.status_code, again.json()) == (200, {"url": RUNNER + sha256})
    url = put_runner(deployer, sha256, content)
    assert url == collector.url + RUNNER + sha256
    assert collector.ask("GET", urlsplit(url).path, token=False).content == content


@pytest.mark.parametrize(
    ("content", "status", "code", "part"),
    [
        (OWN.content + b"\n", 422, "malformed", "is not a runner text"),
        (b"#!/bin/sh\necho mine", 422, "malformed", "is not a runner text"),
        (OWN.content + "é".encode(), 422, "malformed", "is not a runner text"),
        (b"", 422, "malformed", "is not a runner text"),
        (OWN.content + b"x" * MAX_TEXT_BYTES, 413, "too_large", f"the body is larger than {MAX_TEXT_BYTES} bytes"),
    ],
    ids=["with a line end", "a script", "not ASCII", "empty", "too large"],
)
def test_what_is_no_runner_text_is_refused(
    collector: CollectorProcess, content: bytes, status: int, code: str, part: str
) -> None:
    path = RUNNER + hashlib.sha256(content).hexdigest()
    assert part in assert_error(collector.deploy("PUT", path, data=content), status, code)
    assert_error(collector.ask("GET", path, token=False), 404, "not_found")


@pytest.mark.parametrize("kind", ["runner", "bundles"])
def test_a_body_of_another_digest_is_refused(collector: CollectorProcess, kind: str) -> None:
    sha256, content = text_of("one") if kind == "runner" else bundle_of("one")
    named = "1" * 64
    message = assert_error(collector.deploy("PUT", f"/v1/{kind}/{named}", data=content), 422, "malformed")
    assert message == f"the SHA-256 of the body is {sha256}, not {named}"
    assert_error(collector.ask("GET", RUNNER + named, token=False), 404, "not_found")


@pytest.mark.parametrize("kind", ["runner", "bundles"])
def test_only_the_token_with_the_right_to_deploy_may_upload(collector: CollectorProcess, kind: str) -> None:
    sha256, content = text_of("nobody's") if kind == "runner" else bundle_of("nobody's")
    path = f"/v1/{kind}/{sha256}"
    assert_error(collector.ask("PUT", path, token=False, data=content), 401, "unauthorised")
    assert_error(collector.ask("PUT", path, data=content), 403, "forbidden")
    reader = Collector(collector.url, TOKEN)
    with pytest.raises(Denied) as caught:
        put_runner(reader, sha256, content) if kind == "runner" else put_bundle(reader, sha256, content, DAY_S)
    reader._session.close()
    assert caught.value.hint and "uploads need the token with the right to deploy" in caught.value.hint
    assert_error(collector.ask("GET", RUNNER + sha256, token=False), 404, "not_found")


def test_four_hundred_hosts_at_once_get_an_old_text_that_is_read_once(tmp_path: Path) -> None:
    sha256, content = text_of("old" * 12_000)
    with CollectorProcess(tmp_path) as collector:
        assert collector.deploy("PUT", RUNNER + sha256, data=content).status_code == 201
        collector.kill()
        collector.start()
        answers = asyncio.run(crowd(collector.url, RUNNER + sha256, 400))
        assert {(status, hashlib.sha256(body).hexdigest()) for status, body in answers} == {(200, sha256)}
        assert served(collector, "runner") == 400


async def crowd(url: str, path: str, number: int) -> list[tuple[int, bytes]]:
    """(status, body) for each of many connections that all stand before the first one asks."""
    host, port = urlsplit(url).hostname, urlsplit(url).port
    connections = [await asyncio.open_connection(host, port) for _ in range(number)]

    async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[int, bytes]:
        writer.write(f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode())
        answer = await reader.read(-1)
        writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        return int(head.split()[1]), body

    return await asyncio.gather(*(ask(*connection) for connection in connections))


def test_a_text_outlives_the_toolkit_as_long_as_its_deploy(tmp_path: Path) -> None:
    """The second collector runs another toolkit, whose text differs, on the store of the first."""
    newer = another_toolkit(tmp_path / "newer")
    manifest = {"server": "web-1", "deploy_id": "d1", "deadline_s": 60, "targets": [{"bundle": {"runner": OWN.sha256}}]}
    with CollectorProcess(tmp_path) as collector:
        assert collector.ask("POST", "/v1/expect", json=[manifest]).status_code == 200
        unneeded, content = text_of("unneeded")
        assert collector.deploy("PUT", RUNNER + unneeded, data=content).status_code == 201
        # Long ago.
        collector.stop()
        in_store(tmp_path, "UPDATE runner_texts SET used_at = 1.0")
        collector.root = newer
        collector.start()
        message = assert_error(collector.ask("GET", RUNNER + "0" * 64, token=False), 404, "not_found")
        own = message.rpartition(" ")[2]
        assert own != OWN.sha256
        sweep_is_over(collector, unneeded)
        assert collector.ask("GET", RUNNER + OWN.sha256, token=False).content == OWN.content
        assert collector.ask("GET", RUNNER + own, token=False).status_code == 200
        # The use above was noted, and only when it is old again, and the deploy is gone, does nobody need the text.
        collector.stop()
        in_store(tmp_path, "DELETE FROM runs WHERE deploy_id = 'd1'")
        collector.start()
        assert collector.ask("GET", RUNNER + OWN.sha256, token=False).status_code == 200
        collector.stop()
        in_store(tmp_path, "UPDATE runner_texts SET used_at = 1.0")
        collector.start()
        sweep_is_over(collector, OWN.sha256)
        assert collector.ask("GET", RUNNER + own, token=False).status_code == 200
        assert f"texts={OWN.sha256}" in collector.errors()


def test_a_text_is_stored_before_the_first_host_is_answered(tmp_path: Path) -> None:
    with CollectorProcess(tmp_path) as collector:
        collector.kill()
        with contextlib.closing(sqlite3.connect(tmp_path / "collector.db")) as connection:
            rows = connection.execute("SELECT sha256, content FROM runner_texts").fetchall()
    assert rows == [(OWN.sha256, OWN.content)]


def another_toolkit(folder: Path) -> Path:
    """A copy of what `bootstrap serve` needs, whose runner has other words."""
    for name in ("bootstrap", "files", "templates", "cron"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    form = folder / "bootstrap/runner/form.py"
    text = form.read_text()
    assert text.count("this server up once.") == 1
    form.write_text(text.replace("this server up once.", "this server up, once."))
    return folder


def in_store(folder: Path, sql: str) -> None:
    """Change the store of a collector that is stopped."""
    connection = sqlite3.connect(folder / "collector.db", isolation_level=None)
    assert connection.execute(sql).rowcount > 0
    connection.close()


def sweep_is_over(collector: CollectorProcess, sha256: str) -> None:
    """Wait until the collector has removed this text, which it does as soon as it has started."""
    until(lambda: any("sweep result=removed" in line and sha256 in line for line in collector.errors().splitlines()))
    assert_error(collector.ask("GET", RUNNER + sha256, token=False), 404, "not_found")


@needs_root
def test_a_carrier_on_a_host_gets_its_runner_from_the_collector(collector: CollectorProcess) -> None:
    rendering = bootstrap.load(HELLO).plan("hello-1", deploy_id="by-hand").render()
    carrier = rendering.pack("user-data", runner_from=[collector.url + RUNNER]).payload
    before = served(collector, "runner")
    with Box(network="host") as box:
        box.put("/root/user-data", carrier.script)
        done = box.sh("sh /root/user-data")
        assert done.returncode == 0, done.stderr
        box.wait_for(lambda: box.state() == "healthy")
    assert served(collector, "runner") == before + 1


# --- bundles ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 3 * BLOCK_BYTES + 5], ids=["small", "four blocks"])
def test_a_bundle_comes_by_its_url_and_needs_no_token(
    collector: CollectorProcess, deployer: Collector, size: int
) -> None:
    sha256, content = bundle_of("whole", size)
    before = served(collector, "bundle")
    url, expires = put_bundle(deployer, sha256, content, DAY_S)
    assert (expires % 3600, -60 <= expires - time.time() - DAY_S <= 3600) == (0, True)
    assert put_bundle(deployer, sha256, content, DAY_S) == (url, expires)
    path = url.removeprefix(collector.url)
    response = collector.ask("GET", path, token=False)
    assert (response.status_code, response.content) == (200, content)
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-length"] == str(len(content))
    head = collector.ask("HEAD", path, token=False)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(content)))
    assert served(collector, "bundle") == before + 1


def test_the_answer_of_an_upload_is_a_url_and_its_end(collector: CollectorProcess) -> None:
    sha256, content = bundle_of("answer")
    created = collector.deploy("PUT", f"/v1/bundles/{sha256}?expires_s=60", data=content)
    assert created.status_code == 201
    assert sorted(created.json()) == ["expires", "url"]
    end = time.strptime(created.json()["expires"], "%Y-%m-%dT%H:%M:%SZ")
    assert collector.deploy("PUT", f"/v1/bundles/{sha256}", data=content).status_code == 200
    assert created.json()["url"] == url_of(reports.SECRET, sha256, calendar.timegm(end))


def test_a_stub_has_room_for_the_url_and_fetches_the_bundle_by_it(
    collector: CollectorProcess, deployer: Collector, tmp_path: Path
) -> None:
    sha256, content = bundle_of("in a stub")
    url, expires = put_bundle(deployer, sha256, content, DAY_S)
    https = url.replace(collector.url, "https://collector.eu-central-1.deploy.example.com:8443")
    script = stub.text(https, sha256)
    assert len(script) <= stub.MOST_BYTES - 20
    assert time.strftime("by %Y-%m-%dT%H:%MZ", time.gmtime(expires)).encode() in script
    for program in (["curl", "-gsSf", url, "-o"], ["wget", "-q", url, "-O"]):
        target = tmp_path / program[0]
        subprocess.run([*program, str(target)], check=True)
        assert target.read_bytes() == content


def test_a_url_that_the_collector_has_not_signed_opens_nothing(
    collector: CollectorProcess, deployer: Collector
) -> None:
    sha256, content = bundle_of("secret")
    other, other_content = bundle_of("other")
    url, expires = put_bundle(deployer, sha256, content, DAY_S)
    other_url, _ = put_bundle(deployer, other, other_content, DAY_S)
    signature = url.rpartition("=")[2]
    last = "0" if signature[-1] != "0" else "1"
    bad = [
        "",
        f"?expires={expires}",
        f"?signature={signature}",
        f"?expires={expires}&signature=",
        f"?expires={expires}&signature={signature[:-1]}{last}",
        f"?expires={expires}&signature={signature[:-1]}",
        f"?expires={expires}&signature={signature.upper()}",
        f"?expires={expires + 3600}&signature={signature}",
        f"?expires=0{expires}&signature={signature}",
        f"?expires={expires}&signature={other_url.rpartition('=')[2]}",
        f"?expires={expires}&signature=%C3%A9%ED%A0%80",
        f"?expires=%00&signature={signature}",
        url_of(bytes(32), sha256, expires).partition("/v1/bundles/")[2][64:],
    ]
    messages = [assert_error(collector.ask("GET", f"/v1/bundles/{sha256}{query}"), 403, "unsigned") for query in bad]
    # The token opens nothing here either, and whether there is such a bundle is not told.
    messages += [assert_error(collector.ask("GET", f"/v1/bundles/{'0' * 64}{query}"), 403, "unsigned") for query in bad]
    assert set(messages) == {"this URL has no signature of this collector"}


def test_after_its_end_a_url_opens_nothing_and_the_hour_is_named(
    collector: CollectorProcess, deployer: Collector
) -> None:
    sha256, content = bundle_of("over")
    put_bundle(deployer, sha256, content, DAY_S)
    over = 1_767_225_600
    message = assert_error(collector.ask("GET", url_of(reports.SECRET, sha256, over), token=False), 410, "expired")
    assert message == "this URL was good until 2026-01-01 00:00 UTC; publish the bundle again"
    # Of a bundle that never was, a signed URL says so.
    never = url_of(reports.SECRET, "0" * 64, 4_000_000_000)
    assert_error(collector.ask("GET", never, token=False), 404, "not_found")


WHOLE = bundle_of("whole")[1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (WHOLE[:-1], "the bundle is not whole: its last line does not hold the SHA-256 of all before it"),
        (WHOLE.replace(b"whole", b"whale"), "the bundle is not whole: its last line does not hold the SHA-256"),
        (WHOLE + b"\n", "the bundle is not whole"),
        (OWN.content, "the bundle is not whole"),
        (b"#!/bin/sh\n", "the body is not a bundle"),
        (WHOLE.replace(b"whole", b"\xe9"), "the body is not a bundle"),
        (b"", "the body is not a bundle"),
    ],
    ids=["cut off", "altered", "longer", "a runner text", "a script", "not ASCII", "empty"],
)
def test_what_is_no_whole_bundle_is_refused(collector: CollectorProcess, content: bytes, message: str) -> None:
    sha256 = hashlib.sha256(content).hexdigest()
    refusal = collector.deploy("PUT", f"/v1/bundles/{sha256}", data=content)
    assert message in assert_error(refusal, 422, "malformed")
    assert_error(collector.ask("GET", url_of(reports.SECRET, sha256, 4_000_000_000), token=False), 404, "not_found")


@pytest.mark.parametrize("lifetime", ["", "0", "59", "31622401", "1e3", "-60", "60.5", "x"])
def test_a_life_that_no_url_may_have_is_refused(collector: CollectorProcess, lifetime: str) -> None:
    sha256, content = bundle_of("lives")
    refusal = collector.deploy("PUT", f"/v1/bundles/{sha256}?expires_s={lifetime}", data=content)
    message = assert_error(refusal, 422, "malformed")
    assert message == f"expires_s: {lifetime!r} is not whole seconds from 60 to 31622400"


def test_a_bundle_may_be_large_but_not_larger(collector: CollectorProcess, deployer: Collector) -> None:
    sha256, content = bundle_of("large", MAX_BUNDLE_BYTES)
    url, _ = put_bundle(deployer, sha256, content, DAY_S)
    assert collector.ask("GET", url.removeprefix(collector.url), token=False).content == content
    sha256, content = bundle_of("larger", MAX_BUNDLE_BYTES + 1)
    assert_error(collector.deploy("PUT", f"/v1/bundles/{sha256}", data=content), 413, "too_large")


def test_all_bundles_have_a_bounded_room(tmp_path: Path) -> None:
    with CollectorProcess(tmp_path, "--bundle-room", "64KiB") as collector:
        first, second = bundle_of("first", 40_000), bundle_of("second", 40_000)
        assert collector.deploy("PUT", f"/v1/bundles/{first[0]}", data=first[1]).status_code == 201
        refusal = collector.deploy("PUT", f"/v1/bundles/{second[0]}", data=second[1])
        message = assert_error(refusal, 507, "no_room")
        assert "have 40,000 bytes, and with 40,000 more they would exceed its 65,536" in message
        # One that is there needs no more room.
        assert collector.deploy("PUT", f"/v1/bundles/{first[0]}", data=first[1]).status_code == 200


def test_no_more_than_a_few_uploads_are_held_in_memory(collector: CollectorProcess) -> None:
    sha256, content = bundle_of("many")
    address = (urlsplit(collector.url).hostname, urlsplit(collector.url).port)
    head = (
        f"PUT /v1/bundles/{sha256} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {DEPLOY_TOKEN}\r\n"
        f"content-length: {len(content)}\r\n\r\n"
    ).encode()
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(address)) for _ in range(3)]
        for connection in slow:
            connection.sendall(head + content[:10])
        until(lambda: "\ninitialrunner_collector_held_bytes 30\n" in collector.ask("GET", "/metrics").text)
        refusal = collector.deploy("PUT", f"/v1/bundles/{sha256}", data=content)
        assert_error(refusal, 429, "full")
        assert refusal.headers["retry-after"] == "2"
        for connection in slow:
            connection.sendall(content[10:])
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert answer.status in (200, 201)
            answer.close()
    assert collector.deploy("PUT", f"/v1/bundles/{sha256}", data=content).status_code == 200


def test_a_stored_bundle_outlives_the_collector_and_no_log_has_its_url(tmp_path: Path) -> None:
    sha256, content = bundle_of("durable", 2 * BLOCK_BYTES)
    with CollectorProcess(tmp_path) as collector:
        created = collector.deploy("PUT", f"/v1/bundles/{sha256}", data=content)
        collector.kill()
        collector.start()
        path = created.json()["url"]
        assert collector.ask("GET", path, token=False).content == content
        assert_error(collector.ask("GET", path[:-1] + "!", token=False), 403, "unsigned")
        assert_error(collector.ask("GET", path, token=False, headers={"host": "evil.example"}), 421, "wrong_host")
        log = collector.errors()
    assert f"route=bundles result=stored sha256={sha256} bytes={len(content)}" in log
    assert "signature" not in log and path.rpartition("=")[2] not in log


def test_replicas_with_one_store_serve_each_others_texts_and_bundles(tmp_path: Path, postgres_url: str) -> None:
    asyncio.run(empty(postgres_url))
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
    text, bundle = text_of("shared"), bundle_of("shared", 2 * BLOCK_BYTES)
    with (
        CollectorProcess(folders[0], store=postgres_url) as first,
        CollectorProcess(folders[1], store=postgres_url) as second,
    ):
        assert_error(second.ask("GET", RUNNER + text[0], token=False), 404, "not_found")
        assert first.deploy("PUT", RUNNER + text[0], data=text[1]).status_code == 201
        created = first.deploy("PUT", f"/v1/bundles/{bundle[0]}", data=bundle[1])
        assert second.ask("GET", created.json()["url"], token=False).content == bundle[1]
        # Strangers cannot make it ask the store for each digest, so that it looks again after a second.
        until(lambda: second.ask("GET", RUNNER + text[0], token=False).status_code == 200)
        answer = second.ask("GET", RUNNER + text[0], token=False)
        assert (answer.status_code, answer.content) == (200, text[1])
        assert second.deploy("PUT", f"/v1/bundles/{bundle[0]}", data=bundle[1]).status_code == 200


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl: apt-get install openssl")
def test_uploads_go_to_a_collector_with_a_private_authority(tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path, "collector")
    with CollectorProcess(tmp_path, "--tls-cert", str(cert), "--tls-key", str(key)) as collector:
        collector.ca = cert
        client = Collector(collector.url, DEPLOY_TOKEN, ca=cert)
        url = put_runner(client, OWN.sha256, OWN.content)
        bundle_url, _ = put_bundle(client, *bundle_of("tls"), DAY_S)
        client._session.close()
        assert url == collector.url + RUNNER + OWN.sha256
        assert collector.ask("GET", bundle_url.removeprefix(collector.url), token=False).content == bundle_of("tls")[1]
