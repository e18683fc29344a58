"""Driver `openstack`: servers of Nova, and of clouds with Nova's API such as Rackspace's.

A server's metadata are its marks, since every Nova has them and returns them with the server. Filters are not asked
for: an ordinary user's filter by metadata is ignored without a word, and the answer is everybody's servers.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from bootstrap.deploy.drivers import openstack_preflight, openstack_settings
from bootstrap.deploy.drivers.openstack_answers import fault
from bootstrap.deploy.drivers.openstack_api import Api, connection
from bootstrap.deploy.drivers.openstack_names import FLAVOR, IMAGE, NETWORK, Names, networks_of
from bootstrap.deploy.drivers.openstack_payload import carried
from bootstrap.deploy.drivers.openstack_settings import RACKSPACE, ServerSettings
from bootstrap.deploy.faults import Broken, Exists, Fault, Gone, Unknown
from bootstrap.deploy.model import PREFIX, Marks, Server, ServerRequest, ServerState

# The oldest, which every Nova still has: it takes injected files (they end with 2.56), has lists of images and
# networks (they end with 2.35), and joins a server to the only network where none is named (that ends with 2.36).
MICROVERSION = "2.1"
# From here on a list names the servers of a cell that does not answer, without their metadata, where earlier ones leave
# them out without a word: a server that is there would be made a second time.
WITH_CELLS = "2.69"
# Metadata with the name of the network in which a server's address is looked for.
NETWORK_KEY = PREFIX + "network"
CONSOLE_LINES = 50

_BUILDING = {"BUILD", "REBUILD"}
_LEAVING = {"DELETED", "SOFT_DELETED"}
_STOPPED = {"SHUTOFF", "PAUSED", "SUSPENDED", "RESCUE", "SHELVED", "SHELVED_OFFLOADED"}


def servers(settings: Mapping[str, Any]) -> NovaServers:
    """Make the driver. settings: `cloud.openstack` of the deploy file. Raises UsageError."""
    read = openstack_settings.read_servers(settings)
    # It sends nothing yet, but a missing library or a wrong entry of clouds.yaml shows here.
    connection(read)
    return NovaServers(read)


class NovaServers:
    """The servers of one project in one region."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        # Rackspace's Nova is older than microversions.
        self._nova = Api(settings, "compute", None if settings.provider == RACKSPACE else MICROVERSION)
        self._lists: Api | None = None
        self._names = Names(settings, self._nova)

    def preflight(self, requests: Sequence[ServerRequest]) -> list[str]:
        """Every reason why these servers cannot be made now: region, names, quota, size of the payload."""
        return openstack_preflight.problems(self.settings, self._nova, self._names, requests)

    def create(self, request: ServerRequest) -> Server:
        """Ask for a server. Nova answers with its id before anything is built."""
        try:
            body = self._create_body(request)
        except KeyError as error:
            raise Broken(f"server.{error.args[0]}: it is missing") from error
        answer = self._nova.answer("POST", "/servers", {"server": body})
        if answer.status >= 400:
            raise self._refusal(fault(answer, f"create {request.name}"), answer.status, request)
        marks = Marks.read(body["metadata"])
        return Server(str(answer.body["server"]["id"]), request.name, ServerState.BUILDING, None, marks)

    def find(self, pool: str) -> tuple[Server, ...]:
        """Every server with our marks for this pool in its own body, of however many the project has."""
        if self._lists is None:
            is_old = self.settings.provider == RACKSPACE
            self._lists = self._nova if is_old else self._nova.with_microversion(WITH_CELLS)
        pages = list(self._lists.pages("/servers/detail", "servers"))
        if len(pages) > 1:
            # Between two pages a server that is being built moves to another place of the list, so that a young one
            # may be on two pages or on none. The youngest are on the first page, and on this one again.
            pages.append(next(self._lists.pages("/servers/detail", "servers")))
        seen = {body["id"]: self._seen(body, page.now) for page in pages for body in page.body["servers"]}
        return tuple(server for server in seen.values() if server.marks and server.marks.pool == pool)

    def get(self, server_id: str) -> Server:
        """One server. Raises Gone."""
        answer = self._nova.good("GET", _path(server_id))
        return self._server(answer.body["server"], answer.now)

    def delete(self, server_id: str) -> None:
        """Ask for its end. Raises Gone."""
        self._nova.call("DELETE", _path(server_id))

    def console(self, server_id: str) -> str:
        """The last lines of its console; empty where the cloud, or its hypervisor, gives none. Raises Gone."""
        action = {"os-getConsoleOutput": {"length": CONSOLE_LINES}}
        answer = self._nova.answer("POST", f"{_path(server_id)}/action", action)
        if answer.status < 400:
            return str(answer.body.get("output") or "")
        if answer.status in (400, 404, 409, 501):
            # Nova has one answer for a server that is gone and for a console that is not there yet.
            self.get(server_id)
            return ""
        raise fault(answer, f"console of {server_id}")

    def _create_body(self, request: ServerRequest) -> dict[str, Any]:
        settings = request.settings
        metadata = {str(key): str(value) for key, value in (settings.get("metadata") or {}).items()}
        body: dict[str, Any] = {
            "name": request.name,
            "imageRef": self._names.entry(IMAGE, str(settings["image"]))["id"],
            "flavorRef": self._names.entry(FLAVOR, str(settings["flavor"]))["id"],
            "metadata": {**metadata, **request.marks.metadata()},
        }
        if networks := networks_of(request):
            entries: list[Mapping[str, Any]] = [{"label": networks[0]}]
            # Rackspace joins every server to its public and its private network, which are not listed.
            if self.settings.provider != RACKSPACE:
                entries = [self._names.entry(NETWORK, name) for name in networks]
                body["networks"] = [{"uuid": entry["id"]} for entry in entries]
            if label := entries[0].get("label"):
                body["metadata"][NETWORK_KEY] = str(label)
        for key in ("key_name", "availability_zone"):
            if settings.get(key) is not None:
                body[key] = str(settings[key])
        if settings.get("config_drive") is not None:
            # The `server:` map is the driver's own, so nobody has read its texts as anything else before.
            body["config_drive"] = str(settings["config_drive"]).lower() in ("true", "yes", "on")
        if groups := settings.get("security_groups"):
            body["security_groups"] = [{"name": str(name)} for name in groups]
        return {**body, **carried(self.settings, request.payload)}

    def _refusal(self, refused: Fault, status: int, request: ServerRequest) -> Fault:
        """The fault of a create call. There is nothing yet that could be busy, or gone."""
        if status == 409:
            # Clouds may keep names unique; every other 409 is about what was asked for, such as the networks.
            names = f"^{re.escape(request.name)}$"
            same = [body["id"] for body in self._nova.items("/servers", "servers", name=names) if _is(body, request)]
            return Exists(f"{refused.message}; it is {same[0]}") if same else Broken(refused.message)
        return Broken(refused.message) if isinstance(refused, Gone) else refused

    def _seen(self, body: Mapping[str, Any], now: float) -> Server:
        """A server of a list. Raises Unknown where the list does not have all of it."""
        if "metadata" not in body:
            raise Unknown(f"Nova does not see all of its cells: it cannot say whose server {body['id']} is")
        return self._server(body, now)

    def _server(self, body: Mapping[str, Any], now: float) -> Server:
        """A server as its body describes it. now: the cloud's time."""
        metadata = body.get("metadata") or {}
        state = _state(str(body.get("status", "")), body.get("OS-EXT-STS:task_state"))
        words = _fault_text(body) if state is ServerState.ERROR else None
        if state is ServerState.BUILDING and now - _created(body, now) > self.settings.build_timeout:
            state, words = ServerState.ERROR, f"it has been building for more than {self.settings.build_timeout:.0f} s"
        address = _address(body.get("addresses") or {}, metadata)
        return Server(str(body["id"]), str(body.get("name") or ""), state, address, Marks.read(metadata), words)


def _created(body: Mapping[str, Any], otherwise: float) -> float:
    """The time of the create call, in seconds since 1970."""
    try:
        return datetime.fromisoformat(str(body.get("created"))).timestamp()
    except ValueError:
        return otherwise


def _is(body: Mapping[str, Any], request: ServerRequest) -> bool:
    return bool(body.get("name") == request.name)


def _path(server_id: str) -> str:
    return f"/servers/{quote(server_id, safe='')}"


def _state(status: str, task: Any) -> ServerState:
    # A server that is being deleted keeps its status until it is gone; the task says what happens to it.
    if status in _LEAVING or task in ("deleting", "soft-deleting"):
        return ServerState.DELETING
    if status in _BUILDING:
        return ServerState.BUILDING
    # Other states, as REBOOT or MIGRATING, are those of a server that runs or soon does; the gate proves it.
    return ServerState.ERROR if status == "ERROR" or status in _STOPPED else ServerState.ACTIVE


def _fault_text(body: Mapping[str, Any]) -> str:
    """Nova's own words about an ERROR; for a server that was stopped, its status."""
    words = (body.get("fault") or {}).get("message")
    if not words:
        return f"its status is {body.get('status')}, and Nova gives no reason"
    return " ".join(str(words).split()).rstrip(".")


def _address(addresses: Mapping[str, Any], metadata: Mapping[str, str]) -> str | None:
    """The fixed address in the network that was asked for; without one, an internal address before a public one."""
    label = metadata.get(NETWORK_KEY)
    networks = [addresses.get(label, ())] if label else addresses.values()
    return min(_fixed([entry for entries in networks for entry in entries]), default=(0, 0, None))[2]


def _fixed(entries: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, int, Any]]:
    """Each address that is no floating one, with its rank: IPv4 before IPv6, internal before public."""
    for entry in entries:
        if entry.get("OS-EXT-IPS:type", "fixed") == "fixed":
            address = ipaddress.ip_address(entry["addr"])
            yield address.version, int(not address.is_private), str(address)
