"""The settings of the pool driver for HAProxy, `cloud.haproxy` of a deploy file, and the sections that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bootstrap.deploy.model import PoolPlan
from bootstrap.errors import UsageError


@dataclass(frozen=True)
class Monitor:
    """The checks of members in a pool that is made. path: of a GET that has to answer 200; None: only connect.

    Times are seconds; rise, fall: answers in a row.
    """

    path: str | None = None
    interval: float = 2.0
    timeout: float = 1.0
    rise: int = 2
    fall: int = 2


@dataclass(frozen=True)
class Settings:
    """config: the path of the configuration file; socket: the path of the admin socket, or HOST:PORT.

    reload: a command that makes HAProxy read its file; None: a signal to its master process. bind: the address on which
    a pool that is made listens.
    """

    config: str
    socket: str
    reload: str | None = None
    bind: str = "*"
    monitor: Monitor = field(default_factory=Monitor)


def read(settings: Mapping[str, Any]) -> Settings:
    """Read `cloud.haproxy`. Raises UsageError with every problem."""
    monitor = settings.get("monitor") or {}
    problems = [
        *(f"cloud.haproxy.{key} is missing" for key in ("config", "socket") if not settings.get(key)),
        *_strangers("cloud.haproxy", settings, Settings),
        *_strangers("cloud.haproxy.monitor", monitor, Monitor),
    ]
    if problems:
        raise UsageError("; ".join(problems))
    return Settings(**{**settings, "monitor": Monitor(**monitor)})


def _strangers(place: str, given: Mapping[str, Any], kind: type[Settings] | type[Monitor]) -> list[str]:
    own = kind.__dataclass_fields__
    return [f"{place}.{key}: there is no such key, only {', '.join(own)}" for key in given if key not in own]


def sections(settings: Settings, plan: PoolPlan) -> str:
    """The text of a pool that the file does not have: a backend, and a frontend where clients connect to it."""
    monitor = settings.monitor
    check = [f"option httpchk GET {monitor.path}", "http-check expect status 200"] if monitor.path else []
    backend = [
        *check,
        f"timeout check {_time(monitor.timeout)}",
        f"default-server check inter {_time(monitor.interval)} rise {monitor.rise} fall {monitor.fall}",
    ]
    parts = [(f"backend {plan.name}", backend)]
    if plan.listen is not None:
        frontend = [f"bind {settings.bind}:{plan.listen}", f"default_backend {plan.name}"]
        parts.insert(0, (f"frontend {plan.name}-{plan.listen}", frontend))
    return "".join(f"\n{head}\n" + "".join(f"    {line}\n" for line in lines) for head, lines in parts)


def _time(seconds: float) -> str:
    """HAProxy takes whole numbers with a unit."""
    return f"{max(1, round(seconds * 1000))}ms"
