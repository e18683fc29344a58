"""Asking a collector: what its answers, and what goes wrong on the way, become."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_mock import MockerFixture
from scripted_collector import Scripted

from bootstrap.client.collector import Collector, Denied, Held, Unreachable, connect, patiently
from bootstrap.client.wait import Target, targets_of, wait
from bootstrap.errors import CollectorError, UsageError


@pytest.fixture
def collector(url: str) -> Iterator[Collector]:
    client = Collector(url, "the-token")
    yield client
    client._session.close()


def closed_port() -> str:
    with socket.socket() as any_socket:
        any_socket.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{any_socket.getsockname()[1]}"


def test_the_token_goes_along_and_netrc_does_not(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    Scripted.script = [(200, {"servers": []})]
    assert collector.servers("d") == []
    assert Scripted.asked == [("/v1/servers?deploy_id=d", "Bearer the-token")]


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        ((401, {"error": {"code": "unauthorised", "message": "no"}}), Denied, "the collector refuses: no"),
        ((403, {"error": {"code": "forbidden", "message": "no"}}), Denied, "the collector refuses: no"),
        ((409, {"error": {"code": "held", "message": "by b"}}), Held, "the collector refuses: by b"),
        ((422, {"error": {"code": "malformed", "message": "bad"}}), CollectorError, "the collector refuses: bad"),
        ((503, {"error": {"code": "x", "message": "later"}}), Unreachable, "the collector at URL answers 503: later"),
        ((429, {"error": {"code": "x", "message": "full"}}), Unreachable, "the collector at URL answers 429: full"),
        ((502, b"<html>bad gateway"), Unreachable, "the collector at URL answers 502: Bad Gateway"),
        ((200, b"<html>hello"), CollectorError, "URL answers 200, and not as a collector does"),
        ((200, [1]), CollectorError, "URL answers 200, and not as a collector does"),
        ((404, b"nope"), CollectorError, "URL answers 404, and not as a collector does"),
        ((302, b""), CollectorError, "URL answers 302, and not as a collector does"),
        ((400, {"error": "flat"}), CollectorError, "URL answers 400, and not as a collector does"),
    ],
)
def test_answers_that_are_none(
    collector: Collector, answer: tuple[int, Any], kind: type[CollectorError], message: str
) -> None:
    Scripted.script = [answer]
    with pytest.raises(CollectorError) as caught:
        collector.servers()
    assert type(caught.value) is kind
    assert caught.value.message == message.replace("URL", collector.url)
    # Above all no redirect was followed.
    assert len(Scripted.asked) == 1


def test_a_lease_is_asked_for_by_its_pool_and_fence(collector: Collector) -> None:
    lease = {"fence": 4, "holder": "h", "until": 9.0}
    Scripted.script = [(200, lease)]
    assert collector.lease("shop/web", "h", 60) == lease
    assert collector.lease("shop.web", "h", 0, 4) == lease
    assert [path for path, _ in Scripted.asked] == ["/v1/leases/shop%2Fweb", "/v1/leases/shop.web"]
    assert Scripted.bodies == [{"holder": "h", "ttl_s": 60}, {"holder": "h", "ttl_s": 0, "fence": 4}]


def test_an_unknown_server_is_none(collector: Collector) -> None:
    Scripted.script = [(404, {"error": {"code": "not_found", "message": "never"}})]
    assert collector.server("a b/../c", "d") is None
    assert Scripted.asked[0][0] == "/v1/servers/a%20b%2F..%2Fc?deploy_id=d"


def test_a_closed_port_is_reported_in_one_line() -> None:
    url = closed_port()
    with pytest.raises(Unreachable) as caught:
        Collector(url, "t").servers()
    assert caught.value.message == f"the collector at {url} does not answer: [Errno 111] Connection refused"
    assert caught.value.hint and "--collector URL" in caught.value.hint


def test_a_url_in_the_place_of_a_server_is_told_from_a_path() -> None:
    with pytest.raises(UsageError) as caught:
        targets_of(("http://127.0.0.1:8080",), None)
    assert (caught.value.message, caught.value.hint) == (
        "http://127.0.0.1:8080 is a URL, and no server",
        "the collector is named by --collector URL (Python: collector=)",
    )


def test_a_collector_that_comes_back_is_asked_again(collector: Collector) -> None:
    Scripted.script = [(503, {}), (502, b""), (200, {"servers": []})]
    assert patiently(collector.servers, 20) == []
    assert len(Scripted.asked) == 3


def test_pauses_double_up_to_the_longest_and_end_before_patience_does(mocker: MockerFixture) -> None:
    clock = mocker.patch("bootstrap.client.collector.time")
    clock.monotonic.side_effect = lambda: sum(call.args[0] for call in clock.sleep.mock_calls)
    question = mocker.Mock(side_effect=Unreachable("nobody answers"))
    with pytest.raises(Unreachable, match="nobody answers"):
        patiently(question, 12)
    assert [call.args[0] for call in clock.sleep.mock_calls] == [0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    assert question.call_count == 7


def test_patience_ends() -> None:
    url = closed_port()
    with pytest.raises(Unreachable):
        patiently(Collector(url, "t").servers, 0.3)


def test_a_wait_outlives_a_restart_of_the_collector(collector: Collector) -> None:
    server = {"server": "web-1", "deploy_id": "d", "state": "healthy"}
    Scripted.script = [(503, {"error": {"code": "x", "message": "stopping"}}), (200, server)]
    lines: list[str] = []
    outcome = wait(collector, (Target("web-1", "d"),), 30, lines.append)
    assert (outcome.result, outcome.servers) == ("healthy", (server,))
    assert lines == [f"the collector at {collector.url} answers 503: stopping; trying again", "web-1: healthy"]


def test_a_collector_that_does_not_know_after_is_not_asked_without_a_pause(collector: Collector) -> None:
    Scripted.script = [(200, {"server": "web-1", "deploy_id": "d1", "state": "healthy", "last_seen": 1.0})]
    outcome = wait(collector, (Target("web-1"),), 1.5, lambda line: None)
    assert outcome.result == "timeout"
    assert len(Scripted.asked) < 12


@pytest.mark.fault(147)
@pytest.mark.parametrize("status", [400, 503])
def test_a_collectors_words_cannot_move_the_cursor(collector: Collector, status: int) -> None:
    Scripted.script = [(status, {"error": {"code": "x", "message": "\x1b[2J\x9b31m no"}})]
    with pytest.raises(CollectorError, match=r"no$") as caught:
        collector.servers()
    assert caught.value.message.isprintable()


def test_a_wait_that_is_refused_ends_at_once(collector: Collector) -> None:
    Scripted.script = [(401, {"error": {"code": "unauthorised", "message": "no"}})]
    with pytest.raises(CollectorError, match="refuses: no"):
        wait(collector, (Target("web-1"),), 300, lambda line: None)


@pytest.mark.parametrize("count", [1, 30], ids=["few", "many"])
def test_a_collector_that_was_never_reached_is_reported(count: int) -> None:
    url = closed_port()
    outcome = wait(Collector(url, "t"), tuple(Target(f"web-{i}") for i in range(count)), 0.2, lambda line: None)
    assert outcome.result == "timeout"
    assert outcome.why and outcome.why.startswith(f"the collector was never reached: the collector at {url}")
    assert [server["state"] for server in outcome.servers] == [None] * count


def test_targets_are_names_and_manifests(tmp_path: Path) -> None:
    folder = tmp_path / "web-1"
    folder.mkdir()
    (folder / "manifest.json").write_text('{"server": "web-1", "deploy_id": "d1", "revision": "r", "deadline_s": 60}')
    expected = Target("web-1", "d1", "r", 60)
    arguments = ("db-1", str(folder), f"{folder}/manifest.json")
    assert targets_of(arguments, "d0") == (Target("db-1", "d0"), expected)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"server": "a"}', '{"server": 1, "deploy_id": "d"}', "\x00"])
def test_a_file_that_is_not_a_manifest_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "m.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="is not a manifest: it must name server and deploy_id"):
        targets_of((str(path),), None)


def test_a_manifest_that_is_not_there() -> None:
    with pytest.raises(UsageError, match=r"none\.json cannot be read: No such file"):
        targets_of(("none.json",), None)


def test_the_token_of_the_command_line_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BOOTSTRAP_COLLECTOR", "BOOTSTRAP_TOKEN", "BOOTSTRAP_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    files = {name: tmp_path / name for name in ("given", "named", "default")}
    for name, path in files.items():
        path.write_text(f"{name}-token\n")

    def token(token_file: Path | None = None) -> str:
        client = connect(None, token_file, default_token=files["default"])
        assert client.url == "http://127.0.0.1:8080"
        auth: Any = client._session.auth
        return str(auth._token)

    assert token() == "default-token"
    monkeypatch.setenv("BOOTSTRAP_TOKEN_FILE", str(files["named"]))
    assert token() == "named-token"
    monkeypatch.setenv("BOOTSTRAP_TOKEN", "plain-token")
    assert token() == "plain-token"
    assert token(files["given"]) == "given-token"
    with pytest.raises(UsageError, match="none cannot be read: No such file"):
        token(tmp_path / "none")


@pytest.mark.parametrize("url", ["", "deploy.internal:8443", "ftp://x", "http://", "file:///etc/passwd"])
def test_a_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="is not an http:// or https:// URL"):
        Collector(url, "t")


def test_a_server_is_announced_with_the_runner_texts_that_its_targets_fetch(
    collector: Collector, tmp_path: Path
) -> None:
    bundles = [{"sha256": "b"}, {"sha256": "c", "runner": "r1"}, {"runner": "r1"}, {"runner": None}]
    manifest = {"server": "web-1", "deploy_id": "d1", "deadline_s": 60, "targets": [{"bundle": b} for b in bundles]}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    second = {"server": "web-2", "targets": [{"bundle": {"runner": "r2"}}]}
    fleet = {**manifest, "servers": [second, {"server": "web-3"}]}
    (tmp_path / "fleet.json").write_text(json.dumps(fleet))
    targets = targets_of((str(tmp_path), str(tmp_path / "fleet.json")), None)
    assert [(target.server, target.runners) for target in targets] == [
        ("web-1", ("r1",)),
        ("web-2", ("r2",)),
        ("web-3", ()),
    ]
    Scripted.script = [(200, {"expected": 2}), (200, {"server": "x", "deploy_id": "d1", "state": "failed"})]
    wait(collector, (targets[0], targets[2]), 1, lambda line: None)
    assert Scripted.bodies[0] == [
        {"server": "web-1", "deploy_id": "d1", "deadline_s": 60, "targets": [{"bundle": {"runner": "r1"}}]},
        {"server": "web-3", "deploy_id": "d1", "deadline_s": 60},
    ]
