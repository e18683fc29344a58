"""The OpenStack drivers through the contracts of all drivers, on a real Nova and a real Octavia."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from itertools import count
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

import pytest
from one_cloud import machines
from one_cloud.site import Site
from pool_contract import CONTRACT, Behaviour, name_of
from servers_contract import RealTime, ServersContract

import bootstrap
from bootstrap.deploy.drivers import octavia, openstack
from bootstrap.deploy.faults import Busy
from bootstrap.deploy.model import Marks, Member, PoolPlan
from bootstrap.deploy.protocols import Pool

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
]

SPEC = """
version: 1
name: web
stages:
  - {name: touch, run: touch /srv/done}
"""


class NovaWorld(RealTime):
    """The project of a site."""

    impossible: Mapping[str, Any] = {"image": "no-such-image", "flavor": "m1.tiny"}

    def __init__(self, site: Site, folder: Path) -> None:
        self._site, self._spec = site, folder / "web.yaml"
        self._spec.write_text(SPEC)
        self.settings: Mapping[str, Any] = site.server_settings

    def servers(self) -> openstack.NovaServers:
        return openstack.servers(self._site.settings)

    def payload(self, name: str, of: Marks) -> Any:
        return bootstrap.load(self._spec).plan(name, deploy_id=of.deploy).render()

    def foreign(self, name: str, metadata: Mapping[str, str]) -> str:
        return self._site.foreign(name, dict(metadata))


class TestNovaServers(ServersContract):
    """Servers of a real Nova."""

    @pytest.fixture
    def world(self, site: Site, tmp_path: Path) -> NovaWorld:
        return NovaWorld(site, tmp_path)


class Patient:
    """A pool whose changing calls are tried again while it is busy, as the core does it, and then waited for.

    Octavia takes a call first, and its provider does it later.
    """

    def __init__(self, pool: Pool, site: Site) -> None:
        self._pool, self._site, self.name = pool, site, pool.name

    def members(self) -> tuple[Member, ...]:
        return self._pool.members()

    def add(self, name: str, address: str) -> None:
        self._change(lambda: self._pool.add(name, address))

    def drain(self, member_id: str) -> None:
        self._change(lambda: self._pool.drain(member_id))

    def remove(self, member_id: str) -> None:
        self._change(lambda: self._pool.remove(member_id))

    def _change(self, call: Callable[[], None]) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                call()
                break
            except Busy:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        while any(one["provisioning_status"] != "ACTIVE" for one in self._balancers()):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def _balancers(self) -> list[dict[str, Any]]:
        return list(self._site.balance("GET", "/loadbalancers")["loadbalancers"])


class OctaviaBench:
    """A load balancer with somebody else's pool and member; servers are machines without a Nova."""

    stranger = "their-server"

    def __init__(self, site: Site, folder: Path) -> None:
        self._site, self._folder, self._numbers = site, folder, count(10)
        self._machines: dict[str, machines.Machine] = {}
        self._opener = build_opener(ProxyHandler({}))

    def begin(self) -> None:
        """Let the stranger serve."""
        address = self.address()
        self.serve(address)
        self.pool().add(self.stranger, address)

    def pool(self) -> Patient:
        return self._named("web", 80)

    def absent(self) -> Patient:
        return self._named("other", 81)

    def unmonitored(self) -> Patient:
        balancer = self._site.balance("GET", "/loadbalancers")["loadbalancers"][0]["id"]
        body = {"name": "bare", "protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "loadbalancer_id": balancer}
        self._site.balance("POST", "/pools", {"pool": body})
        return self._named("bare", None)

    def address(self) -> str:
        return f"192.168.1.{next(self._numbers)}"

    def serve(self, address: str) -> None:
        user_data = self._folder / "nothing"
        user_data.touch()
        with (self._folder / address).open("wb") as console:
            self._machines[address] = machines.Machine(address, user_data, console)

    def stop(self, address: str) -> None:
        self._machines.pop(address).power_off()

    def stop_all(self) -> None:
        while self._machines:
            self.stop(next(iter(self._machines)))

    def visits(self, number: int) -> list[str] | None:
        url = f"http://{machines.GATEWAY}/ping"
        return [self._opener.open(url, timeout=10).headers["X-Address"] for _ in range(number)]

    def hold(self, address: str) -> AbstractContextManager[None]:
        # Octavia counts no sessions, so the contract takes None for their number.
        return nullcontext()

    def until(self, question: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 30
        while not question():
            assert time.monotonic() < deadline, "it did not come to pass"
            time.sleep(0.1)

    def _named(self, name: str, listen: int | None) -> Patient:
        return Patient(octavia.pool(self._site.pool_settings, PoolPlan(name, machines.PORT, listen)), self._site)


@pytest.fixture
def bench(site: Site, tmp_path: Path) -> Iterator[OctaviaBench]:
    bench = OctaviaBench(site, tmp_path)
    try:
        bench.begin()
        yield bench
    finally:
        bench.stop_all()


@pytest.mark.parametrize("behaviour", CONTRACT, ids=name_of)
def test_the_pool_does_what_every_pool_does(behaviour: Behaviour, bench: OctaviaBench) -> None:
    behaviour(bench)
