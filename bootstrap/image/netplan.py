"""Reads netplan's YAML for ties to one machine. Only the nodes are read: no object of a file's choice is made."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from bootstrap.image.ties import Ties

PLACES = ("/etc/netplan/*.yaml", "/etc/netplan/*.yml", "/usr/local/lib/netplan/*.yaml")
# A file of settings for a hundred cards has a tenth of this.
_MOST_CHARACTERS = 1 << 16
_MOST_CARDS = 256
# Interfaces that are no card are the same on every clone, or have an address that only they see.
_CARDS = ("ethernets", "wifis", "modems", "bonds", "vlans", "bridges", "vrfs", "tunnels")


def ties(text: str) -> Ties:
    """The ties of one file; none of a file that is no YAML, which netplan does not take either."""
    import yaml

    tied = Ties()
    if len(text) > _MOST_CHARACTERS:
        return tied
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return tied
    network = _pairs(_pairs(root).get("network"))
    for kind in _CARDS:
        for name, card in islice(_pairs(network.get(kind)).items(), _MOST_CARDS):
            _add_card(tied, kind, name, _pairs(card))
    return tied


def _add_card(tied: Ties, kind: str, name: str, card: dict[str, Any]) -> None:
    match = _pairs(card.get("match"))
    tied.add_mac(_text(match.get("macaddress")))
    tied.add_mac(_text(card.get("macaddress")))
    # With `match` the key is only an id within the file.
    if kind in ("ethernets", "wifis"):
        tied.add_card(_text(match.get("name")) if match else name)
    # A bridge without members is a network within the machine, as for its containers.
    if kind != "bridges" or any(_items(card.get("interfaces"))):
        for address in _items(card.get("addresses")):
            # An address may have options: it is the key of a map then.
            tied.add_address(_text(address) or next(iter(_pairs(address)), ""))


def _pairs(node: Any) -> dict[str, Any]:
    """The pairs of a mapping by the texts of their keys; none of any other node."""
    if node is None or getattr(node, "id", "") != "mapping":
        return {}
    return {_text(key): value for key, value in node.value}


def _items(node: Any) -> Iterator[Any]:
    if node is not None and getattr(node, "id", "") == "sequence":
        yield from islice(node.value, _MOST_CARDS)


def _text(node: Any) -> str:
    return str(node.value) if node is not None and getattr(node, "id", "") == "scalar" else ""
