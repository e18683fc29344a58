"""Clones that cloud-init does not set up: it is switched off, or its network is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from bootstrap.image import cloud_init
from bootstrap.image.finding import Cleaning, Finding, Severity
from bootstrap.image.packages import Packaged
from bootstrap.image.tree import Tree
from bootstrap.image.units import Units
from bootstrap.runner.baked.program import IMAGE
from bootstrap.runner.baked.sources import named

CODES = {
    "cloud-init.off": "cloud-init is there, and is switched off; a warning where the baked runner does not wait for it",
    "cloud-init.missing": "the baked runner looks for its payload where cloud-init puts it, and there is no cloud-init",
    "cloud-init.policy": "a setting for cloud-init's search of a data source; a warning, but removed with other files"
    " of Ubuntu's installer",
    "net.installer": "a network set-up of Ubuntu's installer; a warning where no cloud-init is there to write another",
    "cloud-init.network": "cloud-init leaves the network alone; a warning where another tool is on that sets it up",
}

_SOURCE = "cloud-init"
# The installer of Ubuntu has written one of these where it has written anything.
_INSTALLERS = ("/etc/cloud/clean.d/99-installer", "/etc/cloud/cloud.cfg.d/99-installer*.cfg")
_UNITS = (
    "cloud-init.target", "cloud-init-main.service", "cloud-init-local.service", "cloud-init.service",
    "cloud-config.service", "cloud-final.service",
)  # fmt: skip
# Tools with settings of their own, from which they know what to do on a clone.
_OTHERS = (
    ("systemd-networkd", "/etc/systemd/network/*.network"), ("NetworkManager", "/usr/sbin/NetworkManager"),
    ("networking", "/etc/network/interfaces"), ("systemd-networkd", "/etc/netplan/*.yaml"),
    ("dhcpcd", "/etc/dhcpcd.conf"), ("network", "/etc/sysconfig/network-scripts/ifcfg-[!l]*"),
    ("wicked", "/etc/sysconfig/network/ifcfg-[!l]*"),
)  # fmt: skip


def find(tree: Tree, packaged: Packaged) -> Iterator[Finding]:
    """The findings of a root."""
    is_source = _SOURCE in _sources(tree)
    if is_source and not cloud_init.is_installed(tree):
        yield Finding(
            "cloud-init.missing", IMAGE, "cloud-init as a source of payloads, which is not installed",
            "no payload would come that way", "install cloud-init, or bake with other sources",
        )  # fmt: skip
    yield from _of_installer(tree)
    if not cloud_init.has_settings(tree):
        return
    units = Units(tree)
    switches = [*cloud_init.switched_off(tree), *filter(None, [cloud_init.unfed(tree)])]
    masked = [unit for unit in _UNITS if units.is_masked(unit)]
    if masked:
        subject = f"masked units of cloud-init ({', '.join(masked)})"
        switches.append(cloud_init.Switch(f"/etc/systemd/system/{masked[0]}", subject))
    for switch in switches:
        reason = "no payload would come by it" if is_source else "a clone would not get its name, its keys, its network"
        yield Finding(
            "cloud-init.off", switch.path, switch.subject, reason,
            "take it out, or take cloud-init out of the image if it is not to run",
            Cleaning.REMOVE if switch.is_installers else Cleaning.LISTED,
            Severity.ERROR if is_source or switch.is_installers else Severity.WARNING,
        )  # fmt: skip
    network = cloud_init.network_off(tree)
    if network is not None and not switches:
        is_set_up = any(units.start(unit).on and any(tree.glob(place)) for unit, place in _OTHERS)
        yield Finding(
            "cloud-init.network", network.path, network.subject,
            "a clone gets no address that the cloud has for it", "take it out, unless the image sets up the network",
            severity=Severity.WARNING if is_set_up else Severity.ERROR,
        )  # fmt: skip


def _of_installer(tree: Tree) -> Iterator[Finding]:
    """Files that the installer of Ubuntu has `cloud-init clean` remove, and that others may write for a good reason."""
    # Without cloud-init a clone may have no other network set-up.
    has_other = cloud_init.is_installed(tree)
    for entry in tree.glob("/etc/netplan/00-installer-config*.yaml"):
        yield Finding(
            "net.installer", entry.path, "a network set-up that the installer wrote",
            "it has the builder's cards, and is merged with what cloud-init writes",
            "cloud-init clean, or remove it if something else sets up the network",
            Cleaning.REMOVE if has_other else Cleaning.LISTED,
            Severity.ERROR if has_other else Severity.WARNING, entry.linked,
        )  # fmt: skip
    policy = tree.look(cloud_init.POLICY)
    if policy is not None and policy.is_file and policy.info.st_size:
        # By itself it may be the image's own: it has cloud-init run where it finds no data source, too.
        is_installers = any(any(tree.glob(place)) for place in _INSTALLERS)
        yield Finding(
            "cloud-init.policy", policy.path, "a setting for the search of a data source",
            "it may be the installer's, and hold for its data source alone",
            "remove it, unless it holds for every clone",
            Cleaning.REMOVE if is_installers else Cleaning.LISTED,
            Severity.ERROR if is_installers else Severity.WARNING, policy.linked,
        )  # fmt: skip


def _sources(tree: Tree) -> list[str]:
    """The names of the sources that a baked runner looks in; none where there is no runner, or a damaged one."""
    try:
        settings: Any = json.loads(tree.read(IMAGE) or b"")
        return [named(source)[0] for source in settings["sources"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
