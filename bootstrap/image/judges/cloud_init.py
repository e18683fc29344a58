"""Clones that cloud-init does not set up: it is switched off, or its network is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from bootstrap.image import cloud_init
from bootstrap.image.finding import Finding, Severity
from bootstrap.image.tree import Tree
from bootstrap.image.units import Units
from bootstrap.runner.baked.program import IMAGE
from bootstrap.runner.baked.sources import named

CODES = {
    "cloud-init.off": "cloud-init is there, and is switched off; a warning where the baked runner does not wait for it",
    "cloud-init.missing": "the baked runner looks for its payload where cloud-init puts it, and there is no cloud-init",
    "cloud-init.network": "cloud-init leaves the network alone; a warning where another tool is on that sets it up",
}

_SOURCE = "cloud-init"
_UNITS = ("cloud-init.target", "cloud-init-main", "cloud-init-local", "cloud-init", "cloud-config", "cloud-final")
# Tools with settings of their own, from which they know what to do on a clone.
_OTHERS = (
    ("systemd-networkd", "/etc/systemd/network/*.network"), ("NetworkManager", "/usr/sbin/NetworkManager"),
    ("networking", "/etc/network/interfaces"), ("systemd-networkd", "/etc/netplan/*.yaml"),
    ("dhcpcd", "/etc/dhcpcd.conf"), ("network", "/etc/sysconfig/network-scripts/ifcfg-[!l]*"),
    ("wicked", "/etc/sysconfig/network/ifcfg-[!l]*"),
)  # fmt: skip


def find(tree: Tree) -> Iterator[Finding]:
    """The findings of a root."""
    is_source = _SOURCE in _sources(tree)
    if not cloud_init.is_installed(tree):
        if is_source:
            yield Finding(
                "cloud-init.missing", IMAGE, "cloud-init as a source of payloads, which is not installed",
                "no payload would come that way", "install cloud-init, or bake with other sources",
            )  # fmt: skip
        return
    units = Units(tree)
    switches = cloud_init.switched_off(tree)
    masked = [unit for unit in _UNITS if units.start(unit).is_masked]
    if masked:
        path = f"/etc/systemd/system/{masked[0] if '.' in masked[0] else masked[0] + '.service'}"
        switches.append(cloud_init.Switch(path, f"masked units of cloud-init ({', '.join(masked)})"))
    for switch in switches:
        reason = "no payload would come by it" if is_source else "a clone would not get its name, its keys, its network"
        yield Finding(
            "cloud-init.off", switch.path, switch.subject, reason,
            "take it out, or take cloud-init out of the image if it is not to run",
            severity=Severity.ERROR if is_source else Severity.WARNING,
        )  # fmt: skip
    network = cloud_init.network_off(tree)
    if network is not None and not switches:
        has_other = any(units.start(unit).on and any(tree.glob(place)) for unit, place in _OTHERS)
        yield Finding(
            "cloud-init.network", network.path, network.subject,
            "a clone gets no address that the cloud has for it", "take it out, unless the image sets up the network",
            severity=Severity.WARNING if has_other else Severity.ERROR,
        )  # fmt: skip


def _sources(tree: Tree) -> list[str]:
    """The names of the sources that a baked runner looks in; none where there is no runner, or a damaged one."""
    try:
        settings: Any = json.loads(tree.read(IMAGE) or b"")
        return [named(source)[0] for source in settings["sources"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
