"""The stand of one story: the drivers as the core sees them, each call through the faults and before the judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bootstrap.deploy.drivers.sim import SimLease, SimOutside, SimPool, SimServers
from bootstrap.deploy.faults import Unknown
from bootstrap.deploy.model import Member, Server, ServerRequest
from bootstrap.deploy.protocols import Pool, ProbeRequest, Report
from bootstrap.deploy.simulate.faults import Trouble
from bootstrap.deploy.simulate.haproxy import SimHaproxy, haproxy_pools
from bootstrap.deploy.simulate.invariants import Violation
from bootstrap.deploy.simulate.world import World
from bootstrap.deploy.stopping import Left, Stopped

RIVAL, RIVAL_TTL_S = "another-deployer", 30.0
# No roll-out of a scene takes longer, kills and all.
LONGEST_S = 20_000.0


class StandServers:
    """The servers of the world, with faults."""

    def __init__(self, trouble: Trouble) -> None:
        self._trouble, self._inner = trouble, SimServers(trouble.world)

    def preflight(self, requests: Sequence[ServerRequest]) -> list[str]:
        return self._trouble.read("preflight", "", lambda: self._inner.preflight(requests))

    def create(self, request: ServerRequest) -> Server:
        judge = self._trouble.judge
        return self._trouble.change(
            "create", request.name, request, lambda: self._inner.create(request), lambda: judge.create(request)
        )

    def find(self, pool: str) -> tuple[Server, ...]:
        servers = self._trouble.read("find", pool, lambda: self._inner.find(pool))
        self._trouble.judge.looked_up(pool)
        return servers

    def get(self, server_id: str) -> Server:
        return self._trouble.read("get", server_id, lambda: self._inner.get(server_id))

    def delete(self, server_id: str) -> None:
        judge = self._trouble.judge
        self._trouble.change(
            "delete", server_id, server_id, lambda: self._inner.delete(server_id), lambda: judge.delete(server_id)
        )

    def console(self, server_id: str) -> str:
        self._trouble.judge.consoles.add(server_id)
        return self._trouble.read("console", server_id, lambda: self._inner.console(server_id))


class StandPool:
    """A pool of the world, with faults."""

    def __init__(self, trouble: Trouble, inner: Pool) -> None:
        self._trouble, self._inner, self.name = trouble, inner, inner.name

    def members(self) -> tuple[Member, ...]:
        return self._trouble.read("members", self.name, self._inner.members)

    def add(self, name: str, address: str) -> None:
        judge = self._trouble.judge
        self._trouble.change(
            "add", f"{self.name} {name}", name, lambda: self._inner.add(name, address),
            lambda: judge.add(self.name, name, address),
        )  # fmt: skip

    def drain(self, member_id: str) -> None:
        judge = self._trouble.judge
        self._trouble.change(
            "drain", f"{self.name} {member_id}", member_id, lambda: self._inner.drain(member_id),
            lambda: judge.drain(self.name, member_id),
        )  # fmt: skip

    def remove(self, member_id: str) -> None:
        judge = self._trouble.judge
        self._trouble.change(
            "remove", f"{self.name} {member_id}", member_id, lambda: self._inner.remove(member_id),
            lambda: judge.remove(self.name, member_id),
        )  # fmt: skip


class StandOutside(SimOutside):
    """Time and probes of the world, with sleeps, a user's Ctrl-C, and looks that fail."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.world)
        self._trouble = trouble

    def pause(self, seconds: float) -> None:
        trouble = self._trouble
        world, mood = trouble.world, trouble.mood
        trouble.pauses += 1
        if trouble.pauses in mood.stops:
            trouble.judge.is_stopped = True
            trouble.tell("the user asks for the end")
            raise Stopped if trouble.pauses == mood.stops[0] else Left
        trouble.pass_time(seconds)
        if trouble.pauses in mood.sleeps:
            self._sleep(mood.sleeps[trouble.pauses])
        if trouble.pauses in mood.rivals:
            trouble.rival()
        if trouble.pauses in mood.reloads and trouble.haproxy is not None:
            trouble.tell("somebody reloads HAProxy")
            trouble.judge.reload(trouble.haproxy.begin_again)
        if world.clock > LONGEST_S:
            raise Violation(f"the roll-out has not ended after {LONGEST_S:.0f} s")

    def _sleep(self, seconds: float) -> None:
        """The machine sleeps. Leases that ran out meanwhile are taken by somebody else."""
        world = self._trouble.world
        world.clock = round(world.clock + seconds, 2)
        self._trouble.tell(f"the machine slept for {seconds:.0f} s")
        for name, hold in world.leases.items():
            if hold.until <= world.clock:
                self._trouble.tell(f"{RIVAL} takes the lease {name}")
                world.lease(name, RIVAL, RIVAL_TTL_S)

    def probe(self, probes: Sequence[ProbeRequest]) -> list[str | None]:
        trouble = self._trouble
        trouble.story.calls += 1
        share = trouble.mood.probes
        answers = super().probe(probes)
        return ["timed out" if share and trouble.dice.chance(share) else answer for answer in answers]

    def reports(self, deploy_id: str, names: Sequence[str]) -> Mapping[str, Report]:
        trouble = self._trouble
        trouble.story.calls += 1
        if trouble.mood.reads and trouble.dice.chance(trouble.mood.reads):
            raise Unknown("the collector does not answer")
        reports = super().reports(deploy_id, names)
        trouble.judge.failing.update(name for name, report in reports.items() if report.state == "failed")
        return reports

    def command(self, line: str, environment: Mapping[str, str], timeout_s: float) -> tuple[int, str]:
        trouble = self._trouble
        trouble.story.calls += 1
        trouble.point("before the command")
        trouble.world.tick()
        code = trouble.mood.hook
        trouble.judge.hook(environment["INITIALRUNNER_TIER"], code)
        trouble.tell(f"{line}: exit {code}")
        trouble.point("after the command")
        return code, "" if code == 0 else "migration 0042 failed"


class StandLease(SimLease):
    """The leases of the world, whose judge knows what the deployer holds."""

    def __init__(self, trouble: Trouble, names: Sequence[str], holder: str) -> None:
        super().__init__(trouble.world, names, holder)
        self._trouble = trouble

    def take(self) -> None:
        super().take()
        self._trouble.judge.fences = dict(self._fences)

    def release(self) -> None:
        super().release()
        self._trouble.judge.fences = {}


class StandLog:
    """The bytes of a journal in memory. A kill may tear a line, as a power cut does."""

    def __init__(self, trouble: Trouble) -> None:
        self._trouble, self.text = trouble, b""

    def read(self) -> bytes:
        return self.text

    def append(self, line: bytes) -> None:
        trouble = self._trouble
        if trouble.points + 1 in trouble.mood.kills:
            # A third of the kills here come before any byte, the others in the middle of the line.
            self.text += line[: len(line) * trouble.dice.below(3) // 3]
        trouble.point("before a record was whole")
        self.text += line
        if trouble.story.is_told:
            trouble.tell("journal:", _shortened(line))
        trouble.point("after a record")

    def cut(self, size: int) -> None:
        self.text = self.text[:size]


class QuietLog:
    """A journal that nobody reads again."""

    def read(self) -> bytes:
        return b""

    def append(self, line: bytes) -> None:
        pass

    def cut(self, size: int) -> None:
        pass


class StandPayloads:
    """Payloads of a world where nothing is rendered: their name."""

    def payload(self, tier: str, server: str, values: Mapping[str, Any]) -> Any:
        return f"{tier}/{server}"


def pools(world: World, haproxy: SimHaproxy | None, ports: Mapping[str, int]) -> dict[str, Pool]:
    """The pools of a world by name: of its own driver, or of the one for HAProxy. ports: by pool."""
    if haproxy is not None:
        return dict(haproxy_pools(haproxy, ports))
    return {name: SimPool(world, name, port) for name, port in ports.items()}


def _shortened(line: bytes) -> str:
    """A record without what every record has."""
    import json

    record = json.loads(line)
    words = [f"{name}={value}" for name, value in record.items() if name not in ("at", "crc", "seq", "type", "version")]
    return f"{record['seq']} {record['type']} {' '.join(words)}"
