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


class HaproxyMonitor(Strict):
    """HAProxy's own checks of members, in pools that the driver makes."""

    path: t.Plain | None = Field(None, description="of a GET that has to answer 200; unless given, it only connects")
    interval: t.SomeTime = Field(2.0, description="between two checks of a member")
    timeout: t.SomeTime = Field(1.0, description="of one check")
    rise: t.Positive = Field(2, description="checks in a row that make a member up")
    fall: t.Positive = Field(2, description="checks in a row that make a member down")


class HaproxySettings(Settings):
    """A HAProxy on this machine, changed by its socket and by its file, which always agree."""

    paths = ("config", "socket")

    config: t.FileName = Field(description="its configuration file, relative to the deploy file")
    socket: t.FileName = Field(
        description="its stats socket of level admin, relative to the deploy file, or HOST:PORT"
    )
    reload: t.Plain | None = Field(
        None, description="a command that makes it read its file; a signal to its master process unless given"
    )
    bind: t.Plain = Field("*", description="the address on which pools that are made listen")
    monitor: HaproxyMonitor = Field(default_factory=lambda: HaproxyMonitor(), description="of pools that are made")


class OctaviaMonitor(Strict):
    """Octavia's own checks of members, in pools that the driver makes. It counts whole seconds."""

    type: choice("TCP", "HTTP", "HTTPS") | None = Field(  # type: ignore[valid-type]
        None, description="HTTP where a path is given, else TCP"
    )
    path: t.Plain | None = Field(None, description="of its GET")
    codes: t.Plain = Field("200", description="the answers that count as good")
    interval: t.WholeSeconds = Field(5, description="between two checks of a member")
    timeout: t.WholeSeconds = Field(3, description="of one check")
    rise: t.Positive = Field(2, description="checks in a row that make a member up")
    fall: t.Positive = Field(2, description="checks in a row that make a member down")


class OpenstackSettings(Settings):
    """An OpenStack cloud: Nova's servers, and Octavia's balancer, on one address for all pools."""

    cloud: t.Plain | None = Field(None, description="its name in clouds.yaml; the OS_* variables unless given")
    region: t.Plain | None = Field(None, description="the region, where the cloud has several")
    provider: choice("nova", "rackspace") = Field("nova", description="the profile whose limits hold for payloads")  # type: ignore[valid-type]
    channel: choice("user-data", "personality", "config-drive") = Field(  # type: ignore[valid-type]
        "user-data", description="the way of the payload; config-drive: injected files on a disk"
    )
    load_balancer: t.Plain | None = Field(
        None, description="its name or id; it is made if absent; the name of the deploy file unless given"
    )
    protocol: choice("HTTP", "TCP", "HTTPS") = Field("HTTP", description="of pools and listeners that are made")  # type: ignore[valid-type]
    vip_network: t.Plain | None = Field(None, description="the network of a balancer that is made: its name or id")
    vip_subnet: t.Plain | None = Field(None, description="the subnet of a balancer that is made: its id")
    vip_address: t.Plain | None = Field(None, description="the address of a balancer that is made")
    member_subnet: t.Plain | None = Field(
        None, description="the subnet of the members, where the balancer is in another: its id"
    )
    monitor: OctaviaMonitor = Field(default_factory=lambda: OctaviaMonitor(), description="of pools that are made")


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
