"""A server as Nova's body describes it: state, address and fault, without a cloud."""

from __future__ import annotations

from typing import Any

import pytest

from bootstrap.deploy.drivers.openstack import NovaServers
from bootstrap.deploy.drivers.openstack_settings import ServerSettings
from bootstrap.deploy.model import Marks, Server, ServerState

CREATED = 1_798_761_600.0
MARKS = Marks("shop/web", "20270101T000000Z-abcd", 1, 1, "0123456789ab")


def fixed(address: str) -> dict[str, Any]:
    return {"addr": address, "version": 6 if ":" in address else 4, "OS-EXT-IPS:type": "fixed"}


def seen(now: float = CREATED, **body: Any) -> Server:
    whole = {"id": "i", "name": "web-1", "status": "ACTIVE", "created": "2027-01-01T00:00:00Z", **body}
    return NovaServers(ServerSettings())._server(whole, now)


@pytest.mark.parametrize(
    ("status", "task", "state"),
    [
        ("BUILD", "spawning", ServerState.BUILDING),
        ("REBUILD", None, ServerState.BUILDING),
        ("ACTIVE", None, ServerState.ACTIVE),
        ("REBOOT", "rebooting", ServerState.ACTIVE),
        ("ERROR", None, ServerState.ERROR),
        ("SHUTOFF", None, ServerState.ERROR),
        ("ACTIVE", "deleting", ServerState.DELETING),
        ("BUILD", "deleting", ServerState.DELETING),
        ("ERROR", "deleting", ServerState.DELETING),
        ("SOFT_DELETED", None, ServerState.DELETING),
        ("DELETED", None, ServerState.DELETING),
    ],
)
def test_each_status_is_a_state(status: str, task: str | None, state: ServerState) -> None:
    assert seen(status=status, **{"OS-EXT-STS:task_state": task}).state is state


def test_an_error_has_nova_s_words_on_one_line() -> None:
    fault = {"code": 500, "message": "No valid host\nwas found. "}
    assert seen(status="ERROR", fault=fault).fault == "No valid host was found"
    assert seen(status="SHUTOFF").fault == "its status is SHUTOFF, and Nova gives no reason"
    assert seen(status="ACTIVE", fault=fault).fault is None


@pytest.mark.parametrize(("age_s", "state"), [(600, ServerState.BUILDING), (601, ServerState.ERROR)])
def test_a_build_has_a_time_limit_by_the_cloud_s_clock(age_s: float, state: ServerState) -> None:
    server = seen(CREATED + age_s, status="BUILD")
    assert server.state is state
    assert (server.fault is None) == (state is ServerState.BUILDING)


@pytest.mark.parametrize(
    ("addresses", "network", "address"),
    [
        ({}, None, None),
        ({"private": [fixed("10.0.0.5")]}, "private", "10.0.0.5"),
        ({"public": [fixed("8.8.8.8")], "private": [fixed("10.0.0.5")]}, None, "10.0.0.5"),
        ({"public": [fixed("8.8.8.8")], "private": [fixed("10.0.0.5")]}, "public", "8.8.8.8"),
        ({"private": [fixed("2001:db8::1"), fixed("10.0.0.5")]}, "private", "10.0.0.5"),
        ({"private": [{**fixed("8.8.8.8"), "OS-EXT-IPS:type": "floating"}, fixed("10.0.0.5")]}, None, "10.0.0.5"),
        # Not the address of another network while that of the one that was asked for is not there yet.
        ({"public": [fixed("8.8.8.8")]}, "private", None),
    ],
)
def test_the_address_is_that_of_the_network_that_was_asked_for(
    addresses: dict[str, Any], network: str | None, address: str | None
) -> None:
    metadata = {"initialrunner-network": network} if network else {}
    assert seen(addresses=addresses, metadata=metadata).address == address


def test_marks_are_read_from_the_metadata() -> None:
    assert seen(metadata={"team": "shop", **MARKS.metadata()}).marks == MARKS
    assert seen(metadata={"initialrunner-pool": "shop/web"}).marks is None
