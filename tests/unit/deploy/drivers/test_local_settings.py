"""`cloud.local` of a deploy file: defaults, what follows from them, and every problem at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.deploy.drivers import local_settings
from bootstrap.errors import UsageError


def test_what_is_not_given_has_a_default() -> None:
    settings = local_settings.read({"root": "/srv/debian"})
    assert (settings.root, settings.state) == (Path("/srv/debian"), Path("/var/lib/initialrunner-local"))
    assert (str(settings.network), settings.bridge) == ("10.77.0.0/24", "irun0")


def test_this_machine_has_the_first_address_and_servers_the_others() -> None:
    settings = local_settings.read({"root": "/srv/debian", "network": "192.0.2.8/29"})
    assert str(settings.gateway) == "192.0.2.9"
    assert settings.addresses() == [f"192.0.2.{last}" for last in (10, 11, 12, 13, 14)]


def test_a_tier_may_have_a_root_of_its_own() -> None:
    settings = local_settings.read({"root": "/srv/debian"})
    assert settings.root_of({}) == Path("/srv/debian")
    assert settings.root_of({"root": "/srv/other"}) == Path("/srv/other")


@pytest.mark.parametrize("address", ["10.77.0.2", "255.255.255.255"])
def test_the_name_of_a_link_fits_into_the_kernels_15_bytes(address: str) -> None:
    assert len(local_settings.link_name(address)) <= 15
    assert local_settings.link_name("10.77.0.2") != local_settings.link_name("10.77.0.20")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "cloud.local.root: it is missing: give the folder of a Debian root, which mmdebstrap makes"),
        ({"root": "debian"}, "cloud.local.root: 'debian' is no absolute path: begin it with /"),
        ({"root": "/a,b"}, "cloud.local.root: '/a,b' has a comma, a colon or a backslash: choose another folder"),
        (
            {"root": "/a", "state": "/b:c"},
            "cloud.local.state: '/b:c' has a comma, a colon or a backslash: choose another folder",
        ),
        (
            {"root": "/a", "network": "10.0.0.0/30"},
            "cloud.local.network: '10.0.0.0/30' is too small: give at least a /29",
        ),
        (
            {"root": "/a", "network": "10.0.0.1/24"},
            "cloud.local.network: '10.0.0.1/24' is no IPv4 network (10.0.0.1/24 has host bits set): "
            "write one as 10.77.0.0/24",
        ),
        (
            {"root": "/a", "bridge": "a-bridge-with-a-long-name"},
            "cloud.local.bridge: 'a-bridge-with-a-long-name' is no interface's name: "
            "use at most 15 letters and digits",
        ),
        (
            {"root": "/a", "image": "debian-12"},
            "cloud.local.image: the local driver knows no such key, only root, network, bridge, state",
        ),
    ],
    ids=["missing", "relative", "comma", "colon", "small", "host-bits", "bridge", "unknown"],
)
def test_a_wrong_setting_is_refused(settings: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as error:
        local_settings.read(settings)
    assert error.value.message == message


def test_all_problems_are_said_at_once() -> None:
    with pytest.raises(UsageError) as error:
        local_settings.read({"root": "x", "network": "y", "bridge": "", "z": 1})
    assert [part.split(":")[0] for part in error.value.message.split("; ")] == [
        "cloud.local.z", "cloud.local.root", "cloud.local.network", "cloud.local.bridge",
    ]  # fmt: skip
