"""The settings of the local driver, `cloud.local` of a deploy file, and what one server may have of its own."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.errors import UsageError

NETWORK, BRIDGE, STATE = "10.77.0.0/24", "irun0", "/var/lib/initialrunner-local"
KEYS = ("root", "network", "bridge", "state")
# The keys of a tier's `server:` map.
SERVER_KEYS = ("root",)
_BRIDGE_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,14}")  # 15 bytes: IFNAMSIZ of linux/if.h
_LARGEST_PREFIX = 29  # five servers beside this machine


@dataclass(frozen=True)
class Settings:
    """root: the Debian that servers start from; state: the folder of all servers; bridge: their switch, on network."""

    root: Path
    network: ipaddress.IPv4Network
    bridge: str
    state: Path

    @property
    def gateway(self) -> ipaddress.IPv4Address:
        """This machine's address on the bridge: the first of the network."""
        return self.network.network_address + 1

    def addresses(self) -> list[str]:
        """The addresses that servers may have, in order."""
        return [str(address) for address in self.network.hosts() if address != self.gateway]

    def root_of(self, server: Mapping[str, Any]) -> Path:
        """The root of one server. server: its tier's `server:` map."""
        return Path(str(server.get("root", self.root)))


def link_name(address: str) -> str:
    """The name of a server's link on this machine: its address in hex, since a name has at most 15 bytes."""
    return "ir" + "".join(f"{int(part):02x}" for part in address.split("."))


def read(settings: Mapping[str, Any]) -> Settings:
    """Read `cloud.local`. Raises UsageError with every problem."""
    problems = [
        f"cloud.local.{key}: the local driver knows no such key, only {', '.join(KEYS)}"
        for key in settings
        if key not in KEYS
    ]
    folders = {}
    for key, default in (("root", ""), ("state", STATE)):
        folders[key] = Path(str(settings.get(key, default)))
        problems += folder_problems(f"cloud.local.{key}", str(settings.get(key, default)))
    network, bridge = _network(str(settings.get("network", NETWORK)), problems), str(settings.get("bridge", BRIDGE))
    if not _BRIDGE_NAME.fullmatch(bridge):
        problems.append(f"cloud.local.bridge: {bridge!r} is no interface's name: use at most 15 letters and digits")
    if problems or network is None:
        raise UsageError("; ".join(problems))
    return Settings(folders["root"], network, bridge, folders["state"])


def folder_problems(key: str, text: str) -> list[str]:
    """The problems of the name of a folder. Overlays take no name with a comma, a colon or a backslash."""
    if not text:
        return [f"{key}: it is missing: give the folder of a Debian root, which mmdebstrap makes"]
    if not text.startswith("/"):
        return [f"{key}: {text!r} is no absolute path: begin it with /"]
    if re.search(r"[,:\\]", text):
        return [f"{key}: {text!r} has a comma, a colon or a backslash: choose another folder"]
    return []


def _network(text: str, problems: list[str]) -> ipaddress.IPv4Network | None:
    """The network, or None and a problem."""
    try:
        network = ipaddress.IPv4Network(text)
    except ValueError as error:
        problems.append(f"cloud.local.network: {text!r} is no IPv4 network ({error}): write one as {NETWORK}")
        return None
    if network.prefixlen > _LARGEST_PREFIX:
        problems.append(f"cloud.local.network: {text!r} is too small: give at least a /{_LARGEST_PREFIX}")
        return None
    return network
