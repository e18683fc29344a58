"""Ties of a network set-up to one machine: MAC addresses, fixed addresses, names of its cards, names it gives to DHCP.

Each reader of a kind of file collects them here, and all kinds then have the same findings.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from bootstrap.image.finding import Finding, Severity

CODES = {
    "net.mac": "a network set-up by the MAC address of a card, or with a MAC address that all clones would have",
    "net.address": "a network set-up with a fixed address",
    "net.card": "a network set-up by the name of the builder's card (a warning)",
    "net.dhcp-id": "a DHCP client id or DUID that all clones would send",
    "net.dhcp-name": "a host name that all clones would send to the DHCP server (a warning)",
}
MAC = re.compile(r"(?:[0-9A-Fa-f]{2}[:-]){5}(?:[0-9A-Fa-f]{2}[:-]){0,14}[0-9A-Fa-f]{2}")
# Names that systemd makes from the slot of a card: another machine has it in another slot. eth0 is a name that an image
# chooses by net.ifnames=0.
_BY_SLOT = re.compile(r"(?:en|wl|ww|ib|sl)(?:o\d+|[sP]\d+\S*|p\d+s\d+\S*)")
_BY_MAC = re.compile(r"(?:en|wl|ww)x[0-9a-f]{12}")


@dataclass
class Ties:
    """The ties that one file has."""

    macs: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    cards: list[str] = field(default_factory=list)
    dhcp_ids: list[str] = field(default_factory=list)
    dhcp_names: list[str] = field(default_factory=list)

    def add_mac(self, text: str) -> None:
        """Take a setting for a MAC address, or for several; words as `random` are none."""
        self.macs += MAC.findall(text)

    def add_address(self, text: str) -> None:
        """Take an address with or without its mask. Those that are the same on every machine are no tie."""
        plain = text.strip().strip("\"'").split("/")[0].split("%")[0]
        try:
            address = ipaddress.ip_address(plain)
        except ValueError:
            return
        if not (address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast):
            self.addresses.append(text.strip())

    def add_card(self, name: str) -> None:
        """Take the name of a card. A pattern, as `en*`, fits the cards of every machine."""
        if _BY_MAC.fullmatch(name):
            self.macs.append(name)
        elif _BY_SLOT.fullmatch(name) and not re.search(r"[*?\[]", name):
            self.cards.append(name)

    def findings(self, path: str) -> Iterator[Finding]:
        """The findings of one file."""
        yield from _finding(
            "mac", path, "the MAC address", "the MAC addresses", self.macs,
            "a clone's card has another one and gets no address, or all clones take this one",
            "match by type or by a pattern of names, as en*",
        )  # fmt: skip
        yield from _finding(
            "address", path, "the fixed address", "the fixed addresses", self.addresses,
            "every clone would take it, and none could be reached",
            "have clones ask by DHCP, or have cloud-init set it",
        )  # fmt: skip
        yield from _finding(
            "card", path, "the name of the builder's card", "the names of the builder's cards", self.cards,
            "a clone whose card lies in another slot gets no address", "match by type or by a pattern of names, as en*",
            warning=True,
        )  # fmt: skip
        yield from _finding(
            "dhcp-id", path, "the DHCP client id", "the DHCP client ids", self.dhcp_ids,
            "a server would give all clones one address", "take it out: each clone then has its own",
        )  # fmt: skip
        yield from _finding(
            "dhcp-name", path, "the host name for DHCP", "the host names for DHCP", self.dhcp_names,
            "clones would all send it to the DHCP server", "take it out: each clone then sends its own name",
            warning=True,
        )  # fmt: skip


def _finding(
    code: str, path: str, single: str, plural: str, values: list[str], reason: str, fix: str, *, warning: bool = False
) -> Iterator[Finding]:
    unique = list(dict.fromkeys(values))
    if unique:
        subject = f"{single if len(unique) == 1 else plural} {', '.join(unique)}"
        severity = Severity.WARNING if warning else Severity.ERROR
        yield Finding(f"net.{code}", path, subject, reason, fix, severity=severity)
