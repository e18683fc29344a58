"""A simulated world as the contract suites of the drivers want it: an account of servers, and a balancer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from bootstrap.deploy.drivers.haproxy import HaproxyPool
from bootstrap.deploy.drivers.haproxy_settings import sections
from bootstrap.deploy.drivers.sim import Place, SimPool, SimServers
from bootstrap.deploy.model import Marks, PoolPlan
from bootstrap.deploy.protocols import Pool, Servers
from bootstrap.deploy.simulate.dice import Dice
from bootstrap.deploy.simulate.haproxy import SETTINGS, SimHaproxy
from bootstrap.deploy.simulate.nature import NEVER, Nature
from bootstrap.deploy.simulate.things import Balancer, Machine, Seat
from bootstrap.deploy.simulate.world import World

PORT = 8080


def machine(world: World, name: str, metadata: Mapping[str, str], answers_at: float = NEVER) -> Machine:
    """A server that somebody else has made."""
    return world.settle(
        Machine(world.next_id("s"), name, dict(metadata), "", world.clock, world.clock, answers_at=answers_at)
    )


class SimAccount:
    """A world of servers, in memory or in a file."""

    settings: Mapping[str, Any] = {"image": "debian-12"}
    impossible: Mapping[str, Any] = {"fate": "sealed"}

    def __init__(self, place: Place) -> None:
        self._place = place

    def servers(self) -> Servers:
        return SimServers(self._place)

    def payload(self, name: str, marks: Marks) -> Any:
        return name

    def foreign(self, name: str, metadata: Mapping[str, str]) -> str:
        with self._place as world:
            return machine(world, name, metadata).id

    def let_pass(self, seconds: float) -> None:
        with self._place as world:
            world.clock += seconds

    def clock(self) -> float:
        with self._place as world:
            return world.clock


class SimBench:
    """A pool of a world, with the driver that is its own."""

    stranger = "printer"

    def __init__(self) -> None:
        self.world = World(Nature(drain=(0.0, 0.0)), Dice(1))
        for name in ("web", "plain"):
            self.world.balancers[name] = Balancer(name, PORT, monitored=name == "web")
            self._put(name, machine(self.world, self.stranger, {}, answers_at=0.0).address)

    def _put(self, pool: str, address: str) -> None:
        self.world.balancers[pool].seats["m0"] = Seat("m0", self.stranger, address, 0.0, 1.0, 0.0, 0)

    def driver(self, name: str) -> Pool:
        return SimPool(self.world, name, PORT)

    def pool(self) -> Pool:
        return self.driver("web")

    def absent(self) -> Pool:
        return self.driver("absent")

    def unmonitored(self) -> Pool:
        return self.driver("plain")

    def address(self) -> str:
        return machine(self.world, "somebody", {}).address

    def serve(self, address: str) -> None:
        self._at(address).answers_at = self.world.clock

    def stop(self, address: str) -> None:
        self._at(address).dies_at = self.world.clock

    def _at(self, address: str) -> Machine:
        return self.world.machines[self.world.occupants[address]]

    def visits(self, count: int) -> list[str] | None:
        return None

    @contextmanager
    def hold(self, address: str) -> Iterator[None]:
        seats = [s for pool in self.world.balancers.values() for s in pool.seats.values() if s.address == address]
        for seat in seats:
            seat.load, seat.busy = 1, NEVER
        yield
        for seat in seats:
            seat.load = 0

    def until(self, question: Callable[[], bool]) -> None:
        end = self.world.clock + 60.0
        while not question():
            assert self.world.clock < end, "it did not come to pass"
            self.world.clock += 0.1


class HaproxySimBench(SimBench):
    """The same with the driver for HAProxy, over a HAProxy of the world."""

    def __init__(self) -> None:
        super().__init__()
        self.process = SimHaproxy(self.world)
        for name, balancer in self.world.balancers.items():
            address = balancer.seats.pop("m0").address
            self.process.text += f"\nbackend {name}\n    server {self.stranger} {address}:{PORT} check\n"
        self.process.begin_again()

    def driver(self, name: str) -> Pool:
        plan = PoolPlan(name, PORT)
        return HaproxyPool(self.process, plan, sections(SETTINGS, plan))
