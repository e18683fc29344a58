"""Health checks and needs over a machine in a folder, with a real web server beside it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from checkout import MakeMachine
from handmade import payload, stage
from scripted_site import Site, Turn

from bootstrap.runner.defaults import CHECK
from bootstrap.runner.tick import checks


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


def fault(machine: MakeMachine, check: dict[str, Any], **plan: Any) -> str | None:
    """What is wrong by this check; None where it passes."""
    box = machine(payload([stage("one", "true")], **plan))
    run = box.run()
    fault: str | None = checks.check_fault(box.host, box.plan, {**CHECK, **check}, run.run_check)
    return fault


def test_an_answer_is_judged_by_status_and_content(machine: MakeMachine, site: Site) -> None:
    url = site.put("/health", b"all is well")
    assert fault(machine, {"kind": "http", "url": url, "contains": "well"}) is None
    assert "'ill'" in (fault(machine, {"kind": "http", "url": url, "contains": "ill"}) or "")
    site.next(Turn(status=503))
    assert "503" in (fault(machine, {"kind": "http", "url": url}) or "")
    site.next(Turn(cut=3))
    assert fault(machine, {"kind": "http", "url": url})


def test_a_port_is_open_or_not(machine: MakeMachine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert fault(machine, {"kind": "tcp", "address": address}) is None
    assert "refused" in (fault(machine, {"kind": "tcp", "address": address}) or "")


@pytest.mark.parametrize(
    ("check", "part"),
    [
        ({"kind": "file", "path": "/proc/self"}, None),
        ({"kind": "file", "path": "/proc/none"}, "absent"),
        ({"kind": "command", "text": "true"}, None),
        ({"kind": "command", "text": "echo words; exit 3"}, "exit 3 words"),
        ({"kind": "process", "name": "no-such-program"}, "no such process"),
        ({"kind": "disk", "path": "/", "free": 0}, None),
        ({"kind": "disk", "path": "/", "free": 1 << 60}, "bytes free of"),
        ({"kind": "memory", "free": 0}, None),
        ({"kind": "memory", "free": 1 << 60}, "bytes free of"),
    ],
)
def test_a_check_looks_at_the_machine(machine: MakeMachine, check: dict[str, Any], part: str | None) -> None:
    saw = fault(machine, check)
    assert saw is None if part is None else part in (saw or "")


def test_a_unit_is_asked_for_by_systemctl(machine: MakeMachine) -> None:
    box = machine(payload([stage("one", "true")]))
    answers = iter([(0, "active\n"), (3, "inactive\n"), (4, "")])
    saw = [
        checks.look_unit(box.host, box.plan, {"name": "web.service"}, lambda text: next(answers)) for _ in range(3)
    ]  # fmt: skip
    assert saw == [None, "inactive", "exit 4"]


@pytest.mark.parametrize(
    ("need", "part"),
    [
        ({"file": "/proc/self"}, None),
        ({"file": "/proc/none"}, "/proc/none"),
        ({"tcp": "127.0.0.1:1"}, "127.0.0.1:1"),
    ],
)
def test_a_need_is_met_or_named(machine: MakeMachine, need: dict[str, Any], part: str | None) -> None:
    box = machine(payload([stage("one", "true")]))
    missing = checks.need_missing(box.host, box.plan, need)
    assert missing is None if part is None else part in missing


@pytest.mark.parametrize(
    ("paths", "met"),
    [
        (set(), True),
        ({"/usr/bin/cloud-init"}, False),
        ({"/usr/bin/cloud-init", "/run/cloud-init/result.json"}, True),
        ({"/usr/bin/cloud-init", "/etc/cloud/cloud-init.disabled"}, True),
    ],
)
def test_cloud_init_is_waited_for_where_it_works(machine: MakeMachine, mocker: Any, paths: set[str], met: bool) -> None:
    box = machine(payload([stage("one", "true")]))
    mocker.patch.object(checks.os.path, "exists", side_effect=paths.__contains__)
    assert (checks.need_missing(box.host, box.plan, {"cloud-init": True}) is None) is met


@pytest.mark.parametrize(
    ("route", "route6", "missing"),
    [
        ("Iface Destination\neth0 00000000 0102A8C0\n", "", None),
        ("Iface Destination\neth0 0002A8C0 0102A8C0\n", "", "no default route"),
        ("Iface\n", f"{'0' * 32} 00 {'0' * 32} 00 {'f' * 32} 0 0 0 0 eth0\n", None),
        ("Iface\n", f"{'0' * 32} 00 {'0' * 32} 00 {'f' * 32} 0 0 0 0 lo\n", "no default route"),
    ],
)
def test_a_default_route_is_a_network(
    machine: MakeMachine, monkeypatch: Any, route: str, route6: str, missing: str | None
) -> None:
    box = machine(payload([stage("one", "true")]))
    texts = {"/proc/net/route": route, "/proc/net/ipv6_route": route6}
    monkeypatch.setattr(box.host, "text", texts.get)
    assert checks.need_missing(box.host, box.plan, {"network": True}) == missing


@pytest.mark.parametrize(("state", "part"), [("healthy", None), ("running", "running"), ("", "404")])
def test_another_server_is_asked_for_at_the_collector(
    machine: MakeMachine, site: Site, state: str, part: str | None
) -> None:
    box = machine(payload([stage("one", "true")], report=(site.put("/", b"").rstrip("/"), b"s" * 32)))
    path = f"/v1/servers/db-1?deploy_id={box.plan['deploy_id']}&group="
    if state:
        site.put(path, b'{"state": "%s"}' % state.encode())
    else:
        site.objects.pop(path, None)
    missing = checks.need_missing(box.host, box.plan, {"server": "db-1"})
    assert missing is None if part is None else part in missing


@pytest.mark.parametrize(("error", "passes"), [(socket.EAI_NONAME, True), (socket.EAI_AGAIN, False)])
def test_no_such_name_is_an_answer_of_a_name_server(
    machine: MakeMachine, mocker: Any, error: int, passes: bool
) -> None:
    box = machine(payload([stage("one", "true")]))
    mocker.patch("_socket.getaddrinfo", side_effect=socket.gaierror(error, "x"))
    assert (checks.need_missing(box.host, box.plan, {"dns": True}) is None) is passes
