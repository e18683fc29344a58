"""The load balancer, listener, pool and monitor of one pool in Octavia: looked up, and made where they are missing.

Each step looks first. Octavia refuses every change of a load balancer that is still at work on the last one: then the
step is Busy, and the caller's next try goes on from there.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from bootstrap.deploy.drivers.openstack_api import Api
from bootstrap.deploy.drivers.openstack_names import NETWORK, Names
from bootstrap.deploy.drivers.openstack_settings import PoolSettings
from bootstrap.deploy.faults import Broken, Gone
from bootstrap.deploy.model import PoolPlan

BALANCERS, LISTENERS, POOLS, MONITORS = (
    f"/lbaas/{name}" for name in ("loadbalancers", "listeners", "pools", "healthmonitors")
)
# The mark of what was made here, for people and for the next step; nothing of it is ever removed.
TAG = "initialrunner"
_WORDS = {"loadbalancers": "load balancer", "listeners": "listener", "pools": "pool"}
# Octavia leaves an object in one of these for ever.
_FAILED = ("ERROR", "DELETED")


class Ports:
    """The port of a pool on the load balancer of a deploy. Several pools share the balancer, and so its address."""

    def __init__(self, settings: PoolSettings, octavia: Api, names: Names, plan: PoolPlan) -> None:
        self._settings, self._octavia, self._names, self._plan = settings, octavia, names, plan

    def balancer(self) -> Mapping[str, Any]:
        """The load balancer. Raises Gone, or Broken when it is in ERROR or cannot be made, or several have its name."""
        name = self._settings.load_balancer
        try:
            balancer = self._one(BALANCERS, "loadbalancers", lambda body: name in (body["name"], body["id"]), name)
        except Gone as error:
            if self._settings.network or self._settings.subnet:
                raise
            hint = "and to make one its network is needed: give cloud.octavia.network or subnet"
            raise Broken(f"{error.message}, {hint}") from None
        if balancer["provisioning_status"] in _FAILED:
            raise Broken(
                f"the load balancer {name!r} is in {balancer['provisioning_status']}, which no retry ends: "
                "`openstack loadbalancer failover`, or delete it"
            )
        return balancer

    def pool(self) -> Mapping[str, Any]:
        """The pool, with a monitor. Raises Gone when it does not exist yet, Broken when its members are not watched."""
        balancer = self.balancer()
        pool = self._pool(balancer)
        if pool["provisioning_status"] in _FAILED:
            raise Broken(f"the pool {self._plan.name!r} is in {pool['provisioning_status']}, which no retry ends")
        if not pool.get("healthmonitor_id"):
            words = f"the pool {self._plan.name!r} of the load balancer {balancer['name']!r} has no monitor"
            # Ours had none yet when its making was cut short.
            if TAG in (pool.get("tags") or ()):
                raise Gone(f"{words} yet")
            raise Broken(
                f"{words}, so that nobody knows which of its members serve: "
                f"`openstack loadbalancer healthmonitor create … {self._plan.name}` makes one"
            )
        return pool

    def make(self) -> Mapping[str, Any]:
        """The pool, after every part that is missing was made. Raises Busy while Octavia is at work on one of them."""
        balancer = _looked_up_or_made(self.balancer, self._make_balancer)
        if self._plan.listen is not None:
            _looked_up_or_made(lambda: self._listener(balancer), lambda: self._make_listener(balancer))
        pool = _looked_up_or_made(lambda: self._pool(balancer), lambda: self._make_pool(balancer))
        return _looked_up_or_made(self.pool, lambda: self._make_monitor(pool))

    def _pool(self, balancer: Mapping[str, Any]) -> Mapping[str, Any]:
        """The pool of this name on the balancer, whether or not it has a monitor. Raises Gone."""
        name = self._plan.name

        def is_it(body: Mapping[str, Any]) -> bool:
            return body["name"] == name and balancer["id"] in _ids(body.get("loadbalancers"))

        return self._one(POOLS, "pools", is_it, name, loadbalancer_id=balancer["id"])

    def _listener(self, balancer: Mapping[str, Any]) -> Mapping[str, Any]:
        """The listener on the port. Raises Gone, or Broken when it hands its connections to another pool."""
        port = self._plan.listen

        def is_it(body: Mapping[str, Any]) -> bool:
            return body["protocol_port"] == port and balancer["id"] in _ids(body.get("loadbalancers"))

        listener = self._one(LISTENERS, "listeners", is_it, f"port {port}", loadbalancer_id=balancer["id"])
        theirs = listener.get("default_pool_id")
        if theirs and self._octavia.call("GET", f"{POOLS}/{theirs}")["pool"]["name"] != self._plan.name:
            raise Broken(
                f"port {port} of the load balancer {balancer['name']!r} belongs to another pool than "
                f"{self._plan.name!r}: give the pool another `listen`, or the name of that pool"
            )
        return listener

    def _one(self, path: str, key: str, is_it: Any, name: str, **query: str) -> Mapping[str, Any]:
        """The only entry of a list for which is_it says yes. Raises Gone, or Broken for several."""
        matching = [body for body in self._octavia.items(path, key, **query) if is_it(body)]
        word = _WORDS[key]
        if not matching:
            raise Gone(f"there is no {word} {name!r}")
        if len(matching) > 1:
            ids = ", ".join(sorted(body["id"] for body in matching))
            raise Broken(f"{len(matching)} {word}s are called {name!r} ({ids}): rename or delete all but one")
        return matching[0]

    def _make_balancer(self) -> None:
        settings, vip = self._settings, {}
        if settings.network:
            vip["vip_network_id"] = self._names.entry(NETWORK, settings.network)["id"]
        if settings.subnet:
            vip["vip_subnet_id"] = settings.subnet
        if settings.address:
            vip["vip_address"] = settings.address
        self._make(BALANCERS, "loadbalancer", {"name": settings.load_balancer, **vip})

    def _make_listener(self, balancer: Mapping[str, Any]) -> None:
        body: dict[str, Any] = {
            "name": f"{self._plan.name}-{self._plan.listen}", "loadbalancer_id": balancer["id"],
            "protocol": self._settings.protocol, "protocol_port": self._plan.listen,
        }  # fmt: skip
        # A pool may be there, from an earlier deploy that had no `listen`.
        with contextlib.suppress(Gone):
            body["default_pool_id"] = self._pool(balancer)["id"]
        self._make(LISTENERS, "listener", body)

    def _make_pool(self, balancer: Mapping[str, Any]) -> None:
        # A pool hangs on its listener, or where it has none on the balancer; Octavia takes only one of the two.
        above = {"loadbalancer_id": balancer["id"]}
        if self._plan.listen is not None:
            above = {"listener_id": self._listener(balancer)["id"]}
        body = {"name": self._plan.name, "protocol": self._settings.protocol}
        body["lb_algorithm"] = self._settings.algorithm
        self._make(POOLS, "pool", {**body, **above})

    def _make_monitor(self, pool: Mapping[str, Any]) -> None:
        wanted = self._settings.monitor
        body: dict[str, Any] = {
            "name": self._plan.name, "pool_id": pool["id"], "type": "TCP", "delay": wanted.delay,
            "timeout": wanted.whole_timeout, "max_retries": wanted.rise, "max_retries_down": wanted.fall,
        }  # fmt: skip
        if wanted.path is not None:
            body |= {"type": "HTTP", "url_path": wanted.path, "expected_codes": "200"}
        self._make(MONITORS, "healthmonitor", body)

    def _make(self, path: str, key: str, body: Mapping[str, Any]) -> None:
        marks = {"tags": [TAG], "description": f"made by initialrunner for the pool {self._plan.name}"}
        # Octavia's monitors have no description.
        if key == "healthmonitor":
            del marks["description"]
        self._octavia.call("POST", path, {key: {**body, **marks}})


def _looked_up_or_made(look: Callable[[], Mapping[str, Any]], make: Callable[[], None]) -> Mapping[str, Any]:
    try:
        return look()
    except Gone:
        make()
        return look()


def _ids(bodies: Any) -> list[str]:
    return [body["id"] for body in bodies or ()]
