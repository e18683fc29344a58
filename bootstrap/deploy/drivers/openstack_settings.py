"""The settings of the drivers `openstack` and `octavia`, as their factories get them from a deploy file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bootstrap.errors import UsageError
from bootstrap.targets import table

NOVA, RACKSPACE = PROVIDERS = ("nova", "rackspace")
USER_DATA, PERSONALITY, CONFIG_DRIVE = CHANNELS = tuple(
    target.name for target in (table.USER_DATA, table.PERSONALITY, table.CONFIG_DRIVE)
)
# The keys of a tier's `server:` map.
SERVER_KEYS = (
    "image", "flavor", "network", "key_name", "security_groups", "availability_zone", "config_drive", "metadata",
)  # fmt: skip
T = TypeVar("T")


@dataclass(frozen=True)
class Where:
    """One region of one cloud. cloud: an entry of clouds.yaml, None: the OS_* variables; region: None, the cloud's."""

    cloud: str | None = None
    region: str | None = None


@dataclass(frozen=True)
class ServerSettings(Where):
    """provider, channel: of payloads; build_timeout: seconds after which a server that still builds is in ERROR."""

    provider: str = NOVA
    channel: str = USER_DATA
    build_timeout: float = 600.0


@dataclass(frozen=True)
class Monitor:
    """The monitor of a pool that is made. Times are seconds; rise, fall: answers in a row."""

    path: str | None = None
    interval: float = 2.0
    timeout: float = 1.0
    rise: int = 2
    fall: int = 2

    @property
    def delay(self) -> int:
        """The interval as Octavia takes it: whole seconds, above the time-out."""
        return max(math.ceil(self.interval), self.whole_timeout + 1)

    @property
    def whole_timeout(self) -> int:
        """Likewise the time-out."""
        return max(1, math.ceil(self.timeout))


@dataclass(frozen=True)
class PoolSettings(Where):
    """load_balancer: its name or id. The rest is for what is made where it is missing.

    network, subnet, address: of the balancer; member_subnet: an id, where its members are in another network.
    """

    load_balancer: str = ""
    network: str | None = None
    subnet: str | None = None
    address: str | None = None
    member_subnet: str | None = None
    protocol: str = "HTTP"
    algorithm: str = "ROUND_ROBIN"
    monitor: Monitor = field(default_factory=Monitor)


def read_servers(settings: Mapping[str, Any]) -> ServerSettings:
    """Read `cloud.openstack`. Raises UsageError."""
    read = _read(ServerSettings, "cloud.openstack", settings)
    for key, value, values in (("provider", read.provider, PROVIDERS), ("channel", read.channel, CHANNELS)):
        if value not in values:
            raise UsageError(f"cloud.openstack.{key}: {value!r} is not one of {', '.join(values)}")
    return read


def read_pool(settings: Mapping[str, Any]) -> PoolSettings:
    """Read `cloud.octavia`. Raises UsageError."""
    monitor = _read(Monitor, "cloud.octavia.monitor", settings.get("monitor") or {})
    read = _read(PoolSettings, "cloud.octavia", {**settings, "monitor": monitor})
    if not read.load_balancer:
        raise UsageError("cloud.octavia.load_balancer: it is missing: give the name of the load balancer")
    return read


def _read(kind: type[T], where: str, settings: Mapping[str, Any]) -> T:
    """The settings as an object. The model of the deploy file has checked them; programs may call without one."""
    known = kind.__dataclass_fields__  # type: ignore[attr-defined]
    if unknown := sorted(set(settings) - set(known)):
        raise UsageError(f"{where}: there is no {unknown[0]!r}, only {', '.join(known)}")
    return kind(**{key: value for key, value in settings.items() if value is not None})
