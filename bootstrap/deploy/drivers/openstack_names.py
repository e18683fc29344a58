"""The images, flavors, networks and key pairs that a deploy file names, looked up in Nova's own lists.

Nova's lists of images and networks need no address and no right of another service; the oldest microversion has them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from bootstrap.deploy.drivers.openstack_api import Api, ask_elsewhere, compute_regions
from bootstrap.deploy.drivers.openstack_settings import Where
from bootstrap.deploy.faults import Broken, Denied, Gone
from bootstrap.deploy.model import ServerRequest

_ID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}")


@dataclass(frozen=True)
class Kind:
    """A list of Nova's. items, key: of the answer with all, and with one; label: the field with the name for people."""

    word: str
    path: str
    items: str
    label: str
    key: str


IMAGE = Kind("image", "/images", "images", "name", "image")
FLAVOR = Kind("flavor", "/flavors/detail", "flavors", "name", "flavor")
NETWORK = Kind("network", "/os-networks", "networks", "label", "network")


def networks_of(request: ServerRequest) -> list[str]:
    """The networks that a server asks for, as they are written; the first is that of its address."""
    given = request.settings.get("network") or []
    return [str(name) for name in (given if isinstance(given, list | tuple) else [given])]


class Names:
    """What the names stand for. Each is asked for once: a deploy is to use the same image from its start to its end."""

    def __init__(self, settings: Where, nova: Api) -> None:
        self._settings, self._nova = settings, nova
        self._entries: dict[tuple[str, str], Mapping[str, Any]] = {}

    def entry(self, kind: Kind, name: str) -> Mapping[str, Any]:
        """The entry with this name or id. Raises Broken, with the region that has it, where this one does not."""
        if (kind.word, name) not in self._entries:
            self._entries[kind.word, name] = self._look_up(kind, name)
        return self._entries[kind.word, name]

    def key_pair(self, name: str) -> None:
        """Return if the user has a key pair of this name. Raises Broken."""
        try:
            self._nova.call("GET", f"/os-keypairs/{quote(name, safe='')}")
        except Gone:
            raise Broken(
                f"key_name: this user has no key pair {name!r} in {self._here}: `openstack keypair create` makes one"
            ) from None

    @property
    def _here(self) -> str:
        return f"the region {self._settings.region!r}" if self._settings.region else "this region"

    def _look_up(self, kind: Kind, name: str) -> Mapping[str, Any]:
        # What has this id may be usable and yet not be listed, as an image that another project shares with everybody.
        if _ID.fullmatch(name) and (entry := self._by_id(kind, name)):
            return entry
        entries = self._all(kind)
        matching = [entry for entry in entries if entry["id"] == name] or [
            entry for entry in entries if entry.get(kind.label) == name
        ]
        if len(matching) > 1:
            ids = ", ".join(sorted(str(entry["id"]) for entry in matching))
            raise Broken(f"{kind.word}: {len(matching)} are called {name!r}: write the id of one of them: {ids}")
        if matching:
            return matching[0]
        raise Broken(self._missing(kind, name, entries))

    def _all(self, kind: Kind) -> list[Mapping[str, Any]]:
        # Networks come whole: Nova answers 500 when that list is asked for with any query.
        if kind is NETWORK:
            return list(self._nova.call("GET", kind.path).get(kind.items, ()))
        return list(self._nova.items(kind.path, kind.items))

    def _by_id(self, kind: Kind, name: str) -> Mapping[str, Any] | None:
        """The entry of an id, None where there is none. An id is enough where the user may not look at it."""
        try:
            answer = self._nova.call("GET", f"{kind.path.removesuffix('/detail')}/{name}")
        except Gone:
            return None
        except Denied:
            return {"id": name}
        return {"id": name, **answer[kind.key]}

    def _missing(self, kind: Kind, name: str, entries: list[Mapping[str, Any]]) -> str:
        """The sentence about a name that is not there. A wrong region is told from a wrong name."""
        regions = [region for region in self._elsewhere(kind, name) if region != self._settings.region]
        if regions:
            return (
                f"{kind.word}: {name!r} is not in {self._here}, but in {' and '.join(map(repr, regions))}: "
                f"give that as cloud.openstack.region, or name a {kind.word} of this region"
            )
        there = sorted({str(entry.get(kind.label)) for entry in entries})
        more = f" and {len(there) - 8} more" if len(there) > 8 else ""
        return f"{kind.word}: there is no {name!r} in {self._here}; it has {', '.join(there[:8]) or 'none'}{more}"

    def _elsewhere(self, kind: Kind, name: str) -> list[str]:
        """The other regions that have it, as far as they answer."""
        regions = []
        for region, url in sorted(compute_regions(self._settings).items()):
            entries = ask_elsewhere(self._settings, url.rstrip("/") + kind.path).get(kind.items, ())
            if any(name in (entry.get("id"), entry.get(kind.label)) for entry in entries):
                regions.append(region)
        return regions
