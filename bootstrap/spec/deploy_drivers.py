"""The settings of each driver in a deploy file. `bootstrap/deploy/drivers/table.py` says which module takes them.

A driver gets its settings as a map with these keys: times as seconds, paths absolute, keys without a value left out.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from bootstrap.spec import types as t
from bootstrap.spec.models import choice
from bootstrap.spec.strict import Strict

SERVERS = ("openstack", "local", "sim")
POOLS = ("octavia", "haproxy", "sim")


class Settings(Strict):
    """The settings of one driver. paths: the keys whose value is a path relative to the deploy file."""

    paths: ClassVar[tuple[str, ...]] = ()


class Monitor(Strict):
    """The balancer's own checks of members, in pools that the driver makes."""

    path: t.Plain | None = Field(None, description="of a GET that has to answer 200; unless given, it only connects")
    interval: t.SomeTime = Field(2.0, description="between two checks of a member")
    timeout: t.SomeTime = Field(1.0, description="of one check")
    rise: t.Positive = Field(2, description="checks in a row that make a member up")
    fall: t.Positive = Field(2, description="checks in a row that make a member down")


class HaproxySettings(Settings):
    """A HAProxy on this machine, changed by its socket and by its file, which always agree."""

    paths = ("config", "socket")

    config: t.FileName = Field(description="its configuration file, relative to the deploy file")
    socket: t.FileName = Field(description="its stats socket of level admin: relative to the deploy file, or HOST:PORT")
    reload: t.Plain | None = Field(
        None, description="a command that makes it read its file; unless given, a signal to its master process"
    )
    bind: t.Plain = Field("*", description="the address on which it listens, in pools that the driver makes")
    monitor: Monitor = Field(default_factory=lambda: Monitor(), description="of pools that the driver makes")


class OctaviaSettings(Settings):
    """A load balancer of OpenStack. One address serves all pools."""

    load_balancer: t.Name | None = Field(None, description="its name or id; made if absent; the name of the file")
    network: t.Plain | None = Field(None, description="name or id of the network of its address, if it is made")
    subnet: t.Plain | None = Field(None, description="id of the subnet of its address, if it is made")
    address: t.Plain | None = Field(None, description="its address, if it is made; any of its network unless given")
    member_subnet: t.Plain | None = Field(None, description="id of the subnet in which it reaches the members")
    protocol: choice("HTTP", "TCP") = Field("HTTP", description="of pools and listeners that the driver makes")  # type: ignore[valid-type]
    algorithm: choice("ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP") = Field(  # type: ignore[valid-type]
        "ROUND_ROBIN", description="of pools that the driver makes"
    )
    cloud: t.Plain | None = Field(None, description="its name in clouds.yaml; that of `openstack` unless given")
    region: t.Plain | None = Field(None, description="of the cloud; that of `openstack` unless given")
    monitor: Monitor = Field(default_factory=lambda: Monitor(), description="of pools that the driver makes")


class OpenstackSettings(Settings):
    """The servers of an OpenStack cloud."""

    cloud: t.Plain | None = Field(None, description="its name in clouds.yaml; the OS_* variables unless given")
    region: t.Plain | None = Field(None, description="the region, where the cloud has several")
    provider: choice("nova", "rackspace") = Field("nova", description="the profile whose limits hold for payloads")  # type: ignore[valid-type]
    channel: choice("user-data", "personality", "config-drive") = Field(  # type: ignore[valid-type]
        "user-data", description="the way of the payload; config-drive: injected files on a disk"
    )
    build_timeout: t.SomeTime = Field(600.0, description="a server that builds for longer counts as broken")


class LocalSettings(Settings):
    """Servers as systemd-nspawn containers on this machine, each with an address of its own."""

    paths = ("root", "state")

    root: t.FileName = Field(description="a folder with a Debian system, which no server changes")
    state: t.FileName | None = Field(None, description="the folder of the servers; /var/lib/initialrunner-local")
    network: t.Plain = Field("10.77.0.0/24", description="the addresses of bridge and servers")
    bridge: t.Plain = Field("irun0", description="the name of the bridge, which is made if absent")


class SimSettings(Settings):
    """A cloud and a balancer in memory, or in a file, for trying a deploy file out."""

    paths = ("state",)

    seed: t.Int = Field(1, description="the same seed gives the same run")
    state: t.FileName | None = Field(None, description="a file that keeps the servers from one command to the next")
    quota: t.Positive = Field(1000, description="servers that the account may have")
    pace: t.Positive | None = Field(
        None, description="simulated seconds that pass in each real one; unless given, the clock jumps"
    )
