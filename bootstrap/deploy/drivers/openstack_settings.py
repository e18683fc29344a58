"""The settings of both OpenStack drivers, `cloud.openstack` of a deploy file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bootstrap.errors import UsageError

PROVIDERS = ("nova", "rackspace")
USER_DATA, PERSONALITY, CONFIG_DRIVE = CHANNELS = ("user-data", "personality", "config-drive")
PROTOCOLS = ("HTTP", "TCP", "HTTPS")
# The keys of a tier's `server:` map.
SERVER_KEYS = (
    "image", "flavor", "network", "key_name", "security_groups", "availability_zone", "config_drive", "metadata",
)  # fmt: skip


@dataclass(frozen=True)
class Monitor:
    """The monitor of a pool that the driver makes. Times are seconds; rise and fall: answers in a row."""

    type: str = "TCP"
    path: str = "/"
    codes: str = "200"
    interval: int = 5
    timeout: int = 3
    rise: int = 2
    fall: int = 2


@dataclass(frozen=True)
class Settings:
    """cloud: an entry of clouds.yaml; region: None, the cloud's own; provider, channel: of payloads.

    The rest is for pools. load_balancer: its name or id; vip_…: for one that is made; member_subnet: an id, where the
    members are in another network than the balancer.
    """

    cloud: str | None = None
    region: str | None = None
    provider: str = "nova"
    channel: str = USER_DATA
    load_balancer: str | None = None
    protocol: str = "HTTP"
    vip_network: str | None = None
    vip_subnet: str | None = None
    vip_address: str | None = None
    member_subnet: str | None = None
    monitor: Monitor = field(default_factory=Monitor)


def read(settings: Mapping[str, Any]) -> Settings:
    """Read `cloud.openstack`. Raises UsageError with every problem."""
    own = Settings.__dataclass_fields__
    problems = [
        f"cloud.openstack.{key}: the OpenStack drivers know no such key, only {', '.join(own)}"
        for key in settings
        if key not in own
    ]
    texts = {key: str(settings[key]) for key in own if key != "monitor" and settings.get(key) is not None}
    for key, values in (("provider", PROVIDERS), ("channel", CHANNELS), ("protocol", PROTOCOLS)):
        if key in texts and texts[key] not in values:
            problems.append(f"cloud.openstack.{key}: {texts[key]!r} is not one of {', '.join(values)}")
    monitor = _monitor(settings.get("monitor") or {}, problems)
    if problems:
        raise UsageError("; ".join(problems))
    return Settings(**texts, monitor=monitor)


def _monitor(given: Any, problems: list[str]) -> Monitor:
    """The monitor, with TCP as its type where no path says that it is HTTP."""
    where = "cloud.openstack.monitor"
    if not isinstance(given, Mapping):
        problems.append(f"{where}: {given!r} is no map: write it as {{path: /ping, interval: 5}}")
        return Monitor()
    values: dict[str, Any] = {"type": "HTTP"} if "path" in given else {}
    for key, value in given.items():
        if key not in Monitor.__dataclass_fields__:
            problems.append(f"{where}.{key}: there is no such key, only {', '.join(Monitor.__dataclass_fields__)}")
        elif isinstance(getattr(Monitor, key), int):
            # A deploy file may bring it as text, as every scalar of YAML that no model has read.
            if str(value).isdigit() and int(value) > 0:
                values[key] = int(value)
            else:
                problems.append(f"{where}.{key}: {value!r} is no whole number above 0")
        else:
            values[key] = str(value)
    monitor = Monitor(**values)
    if monitor.timeout >= monitor.interval:
        problems.append(f"{where}.timeout: {monitor.timeout} is not below the interval of {monitor.interval} seconds")
    return monitor
