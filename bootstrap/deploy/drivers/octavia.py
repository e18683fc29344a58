"""Driver `octavia`: a pool of an OpenStack load balancer.

Octavia answers 409 for a load balancer at work, for one in ERROR, and for an address that is a member already; only the
words differ. So each 409 is decided by reading back what there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from bootstrap.deploy.drivers import openstack_settings
from bootstrap.deploy.drivers.octavia_ports import POOLS, Ports
from bootstrap.deploy.drivers.openstack_api import Api, connection
from bootstrap.deploy.drivers.openstack_names import Names
from bootstrap.deploy.drivers.openstack_settings import PoolSettings
from bootstrap.deploy.faults import Busy, Exists, Gone
from bootstrap.deploy.model import Member, MemberState, PoolPlan

# Octavia's own default. A member whose weight is 0 gets no new connection.
WEIGHT = 1
_STATES = {"ONLINE": MemberState.UP, "DRAINING": MemberState.DRAINING, "NO_MONITOR": MemberState.UNKNOWN}


def pool(settings: Mapping[str, Any], plan: PoolPlan) -> OctaviaPool:
    """Make the driver. settings: `cloud.octavia` of the deploy file. Raises UsageError."""
    read = openstack_settings.read_pool(settings)
    connection(read)
    return OctaviaPool(read, plan)


class OctaviaPool:
    """One pool. Octavia does not count the sessions of a member, so they are None."""

    def __init__(self, settings: PoolSettings, plan: PoolPlan) -> None:
        self.name = plan.name
        self._settings, self._plan = settings, plan
        # Members whose removal Octavia has been asked for.
        self._leaving: set[str] = set()
        self._octavia = Api(settings, "load_balancer")
        self._ports = Ports(settings, self._octavia, Names(settings, Api(settings, "compute", "2.1")), plan)

    def members(self) -> tuple[Member, ...]:
        """All members; those that Octavia is about to take out are draining until they are gone."""
        return tuple(_member(body) for body in self._bodies(self._ports.pool()["id"]))

    def add(self, name: str, address: str) -> None:
        """Put a server into the pool, which is made before where it does not exist; or give a drained one its weight.

        Raises Busy until Octavia is done with each of the steps.
        """
        pool_id = self._ports.make()["id"]
        try:
            self._add(pool_id, name, address)
        except Busy:
            # Another call of ours, whose answer was lost, may have been first.
            if not any(_serves(body) for body in self._same(pool_id, name, address)):
                self._ports.balancer()
                raise

    def drain(self, member_id: str) -> None:
        """Set its weight to 0. Raises Gone."""
        path = self._path(member_id)
        try:
            self._octavia.call("PUT", path, {"member": {"weight": 0}})
        except Busy:
            if self._octavia.call("GET", path)["member"]["weight"] != 0:
                self._ports.balancer()
                raise

    def remove(self, member_id: str) -> None:
        """Take it out. Raises Gone, and Busy until Octavia has done it: no server is to be deleted before that."""
        path = self._path(member_id)
        try:
            self._octavia.call("DELETE", path)
            self._leaving.add(member_id)
            self._octavia.call("GET", path)
        except Gone:
            # After the order was taken, to be gone is what was asked for.
            if member_id not in self._leaving:
                raise
            self._leaving.remove(member_id)
            return
        except Busy:
            # A balancer in ERROR answers like one at work.
            self._ports.balancer()
            raise
        raise Busy(f"the member {member_id} is being removed")

    def _add(self, pool_id: str, name: str, address: str) -> None:
        path, there = f"{POOLS}/{pool_id}/members", self._same(pool_id, name, address)
        for body in there:
            if body["weight"] == 0:
                self._octavia.call("PUT", f"{path}/{body['id']}", {"member": {"weight": WEIGHT}})
        if not there:
            member: dict[str, Any] = {
                "name": name, "address": address, "protocol_port": self._plan.port, "weight": WEIGHT,
            }  # fmt: skip
            if self._settings.member_subnet:
                member["subnet_id"] = self._settings.member_subnet
            self._octavia.call("POST", path, {"member": member})

    def _same(self, pool_id: str, name: str, address: str) -> list[Mapping[str, Any]]:
        """The member of this name and address, if there is one. Raises Exists where one has only half of that."""
        same = []
        for body in self._bodies(pool_id):
            is_address = (body["address"], body["protocol_port"]) == (address, self._plan.port)
            if is_address and body["name"] == name:
                same.append(body)
            elif is_address or body["name"] == name:
                if body["provisioning_status"] == "PENDING_DELETE":
                    raise Busy(f"the member {body['name']!r} at {body['address']} is being removed")
                raise Exists(
                    f"the pool {self.name!r} has the member {body['name']!r} at "
                    f"{body['address']}:{body['protocol_port']} already"
                )
        if any(body["provisioning_status"] == "PENDING_DELETE" for body in same):
            raise Busy(f"the member {name!r} at {address} is being removed")
        return same

    def _bodies(self, pool_id: str) -> Iterator[Mapping[str, Any]]:
        return self._octavia.items(f"{POOLS}/{pool_id}/members", "members")

    def _path(self, member_id: str) -> str:
        return f"{POOLS}/{self._ports.pool()['id']}/members/{quote(member_id, safe='')}"


def _serves(body: Mapping[str, Any]) -> bool:
    return bool(body["weight"] != 0)


def _member(body: Mapping[str, Any]) -> Member:
    return Member(
        body["id"], body.get("name") or "", body["address"], int(body["protocol_port"]), _state(body), sessions=None
    )


def _state(body: Mapping[str, Any]) -> MemberState:
    """The balancer's word, unless what was asked of it already says that no new session is to come."""
    if body["weight"] == 0 or body["provisioning_status"] == "PENDING_DELETE":
        return MemberState.DRAINING
    return _STATES.get(body["operating_status"], MemberState.DOWN)
