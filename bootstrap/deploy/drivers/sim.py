"""The drivers of a simulated cloud: servers and pools of a world in memory or in a file, with a clock that jumps.

In a deploy file: `cloud: {servers: sim, pool: sim, sim: {state: FILE, seed: N}}`. A `server:` map may name the end that
its servers come to, as in `fate: failed`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from bootstrap.client.wording import plain
from bootstrap.deploy.faults import Broken
from bootstrap.deploy.model import Member, PoolPlan, Server, ServerRequest
from bootstrap.deploy.protocols import ProbeRequest, Report
from bootstrap.deploy.simulate.dice import Dice
from bootstrap.deploy.simulate.nature import FATES, NEVER, Nature
from bootstrap.deploy.simulate.things import Hold, Machine
from bootstrap.deploy.simulate.world import World
from bootstrap.deploy.stopping import Lost, Stopped

if TYPE_CHECKING:
    from bootstrap.deploy.signals import Stop


class Place(Protocol):
    """A world, wherever it is kept: entering it gives it as it is now, leaving it keeps what was changed."""

    def __enter__(self) -> World: ...

    def __exit__(self, *error: object) -> None: ...


class SimServers:
    """The servers of a world."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def preflight(self, requests: Sequence[ServerRequest]) -> list[str]:
        """Name what the world cannot make: a fate that it does not know, or more servers than its quota allows."""
        problems = [
            f"the simulated cloud knows no fate {request.settings['fate']!r}: write one of {', '.join(FATES)}"
            for request in requests
            if request.settings.get("fate", "good") not in FATES
        ]
        with self._place as world:
            quota = world.nature.quota
            room = len(requests) if quota is None else quota - world.count()
        if len(requests) > room:
            problems.append(
                f"{len(requests)} servers are needed at the same time and the quota has room for {room}: "
                "raise the quota, or delete servers that are not needed"
            )
        return list(dict.fromkeys(problems))

    def create(self, request: ServerRequest) -> Server:
        """Make a server, which is building when this returns."""
        if request.settings.get("fate", "good") not in FATES:
            raise Broken(f"The simulated cloud knows no fate {request.settings['fate']!r}.")
        with self._place as world:
            world.tick()
            machine = world.create(request)
            return machine.seen(world.clock)

    def find(self, pool: str) -> tuple[Server, ...]:
        """The servers of a pool, or all servers where the world's filter is ignored."""
        with self._place as world:
            world.tick()
            return world.listed(pool)

    def get(self, server_id: str) -> Server:
        """One server as it is now."""
        with self._place as world:
            world.tick()
            return world.machine(server_id).seen(world.clock)

    def delete(self, server_id: str) -> None:
        """Ask for its end."""
        with self._place as world:
            world.tick()
            world.delete(server_id)

    def console(self, server_id: str) -> str:
        """Its console: a login prompt once it has booted."""
        with self._place as world:
            machine = world.machine(server_id)
            return f"{machine.name} login:" if machine.active_at <= world.clock else ""


class SimPool:
    """One pool of a world."""

    def __init__(self, place: Place, name: str, port: int) -> None:
        self._place, self.name, self._port = place, name, port

    def members(self) -> tuple[Member, ...]:
        """All members. Raises Gone, or Broken when the pool has no monitor."""
        with self._place as world:
            world.tick()
            balancer = world.balancer(self.name).checked()
            return tuple(world.member(seat, balancer) for seat in balancer.seats.values())

    def add(self, name: str, address: str) -> None:
        """Put a server into the pool."""
        with self._place as world:
            world.tick()
            world.join(self.name, self._port, name, address)

    def drain(self, member_id: str) -> None:
        """Give a member no new sessions."""
        with self._place as world:
            world.tick()
            world.drain(self.name, member_id)

    def remove(self, member_id: str) -> None:
        """Take a member out."""
        with self._place as world:
            world.tick()
            world.leave(self.name, member_id)


class SimOutside:
    """Time, probes and reports of a world. stopped: says once that the user has asked for the end."""

    def __init__(self, place: Place, stopped: Callable[[], bool] = lambda: False) -> None:
        self._place, self._stopped = place, stopped

    def now(self) -> float:
        """The world's time, for people."""
        with self._place as world:
            return world.epoch + world.clock

    def clock(self) -> float:
        """The world's clock."""
        with self._place as world:
            return world.clock

    def pause(self, seconds: float) -> None:
        """Let the world's clock jump."""
        if self._stopped():
            raise Stopped
        if seconds > 0:
            with self._place as world:
                world.clock = round(world.clock + seconds, 2)

    def probe(self, probes: Sequence[ProbeRequest]) -> list[str | None]:
        """Look at the apps of the servers at these addresses."""
        with self._place as world:
            world.tick()
            return [_probed(world, probe) for probe in probes]

    def reports(self, deploy_id: str, names: Sequence[str]) -> Mapping[str, Report]:
        """The reports of the runners of these servers."""
        with self._place as world:
            world.tick()
            machines = {machine.name: machine for machine in world.live()}
            return {name: _report(machines.get(name), deploy_id, world.clock) for name in names}

    def command(self, line: str, environment: Mapping[str, str], timeout_s: float) -> tuple[int, str]:
        """The end of a command in a world where nothing runs: `exit 3` and `false` fail, all else is good."""
        words = line.split()
        if words[:1] == ["exit"] and words[1:]:
            return int(words[1]), f"{line}: the command failed"
        return (1, "false: the command failed") if words == ["false"] else (0, "")


def _probed(world: World, probe: ProbeRequest) -> str | None:
    """None when the app at the address answers with all texts, else what was seen."""
    address = urlsplit(probe.url).hostname or ""
    machine = world.at(address)
    if machine is None:
        return f"{address} does not answer"
    if probe.status != 200:
        return f"{address} answers with the status 200 instead of {probe.status}"
    page = " ".join(("server={} revision={} deploy={}").format(*machine.says).split())
    missing = [text for text in probe.contains if text not in page and world.is_named(text)]
    return f"{address} answers without {', '.join(map(repr, missing))}: {page}" if missing else None


def _report(machine: Machine | None, deploy_id: str, clock: float) -> Report:
    """The report of the runner of one machine."""
    marks = machine.marks if machine else None
    if machine is None or clock < machine.active_at or machine.ends_at == NEVER or not marks:
        return Report(None)
    if marks.deploy != deploy_id:
        return Report(None)
    if clock < machine.ends_at:
        return Report("running")
    if machine.healthy:
        return Report("healthy", outputs={"address": machine.address})
    return Report("failed", "stage app exits 7", ("install: the package is broken", "exit 7"))


class SimLease:
    """The leases of some names in a world, for one holder. They are renewed when a third of their time is over."""

    def __init__(self, place: Place, names: Iterable[str], holder: str, ttl_s: float = 60.0) -> None:
        self._place, self._names, self._holder, self._ttl_s = place, sorted(set(names)), holder, ttl_s
        self._fences: dict[str, int] = {}
        self._renewed_at = -NEVER

    def take(self) -> None:
        """Get all the leases, or keep them. Raises Lost when somebody else has one of them, and then has none."""
        with self._place as world:
            for name in self._names:
                hold = world.lease(name, self._holder, self._ttl_s)
                if hold.holder != self._holder:
                    self._give_back(world)
                    raise _lost(name, hold)
                self._fences[name] = hold.fence
            self._renewed_at = world.clock

    def check(self) -> None:
        """Renew what is due. Raises Lost when somebody else has one of the leases, or has had it meanwhile."""
        if len(self._fences) < len(self._names):
            raise Lost("the right to change the pools was given back, or was never taken")
        with self._place as world:
            if world.clock - self._renewed_at < self._ttl_s / 3:
                return
            for name, fence in self._fences.items():
                hold = world.leases[name]
                if hold.fence != fence:
                    raise _lost(name, hold)
                world.lease(name, self._holder, self._ttl_s)
            self._renewed_at = world.clock

    def release(self) -> None:
        """Give the leases back."""
        with self._place as world:
            self._give_back(world)

    def _give_back(self, world: World) -> None:
        fences, self._fences = self._fences, {}
        for name, fence in fences.items():
            world.release(name, fence)


def _lost(name: str, hold: Hold) -> Lost:
    return Lost(f"pool {name} is held by {plain(hold.holder)}", hold.holder)


# Worlds without a file, by seed: servers, pools and clock of one process share one.
_WORLDS: dict[int, World] = {}


def servers(settings: Mapping[str, Any]) -> SimServers:
    """The servers of the world that a deploy file names."""
    return SimServers(_place(settings))


def pool(settings: Mapping[str, Any], plan: PoolPlan) -> SimPool:
    """One pool of that world."""
    return SimPool(_place(settings), plan.name, plan.port)


def outside(settings: Mapping[str, Any], stop: Stop) -> SimOutside:
    """The clock of that world, its probes and its reports."""
    return PacedOutside(_place(settings), stop, settings.get("pace"))


class PacedOutside(SimOutside):
    """A world's clock that people can watch. pace: simulated seconds in each real one, None: the clock jumps."""

    def __init__(self, place: Place, stop: Stop, pace: int | None) -> None:
        super().__init__(place)
        self._stop, self._pace = stop, pace

    def pause(self, seconds: float) -> None:
        """Let the world's time pass. Raises Stopped when the user asks for the end."""
        self._stop.pause(seconds / self._pace if self._pace else 0.0)
        super().pause(seconds)


def _place(settings: Mapping[str, Any]) -> Place:
    """The world of these settings: in a file where they name one, else in this process."""
    from bootstrap.deploy.drivers.sim_file import SimFile

    seed, nature = settings.get("seed", 1), Nature(quota=settings.get("quota"))
    if "state" in settings:
        return SimFile(Path(settings["state"]), seed, nature)
    if seed not in _WORLDS:
        _WORLDS[seed] = World(nature, Dice(seed), epoch=round(time.time()))
    return _WORLDS[seed]
