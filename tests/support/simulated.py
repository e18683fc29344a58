"""Roll-outs on a simulated cloud, for the tests of the deployer: the real core, and a world with a clock that jumps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bootstrap.deploy.drivers.sim import SimLease, SimOutside, SimPool, SimServers
from bootstrap.deploy.journal import FileLog, Journal, Record
from bootstrap.deploy.model import DeployPlan, GatePlan, Member, PoolPlan, Server, TierPlan
from bootstrap.deploy.observe import with_old
from bootstrap.deploy.protocols import Pool
from bootstrap.deploy.roll import Deployer, Ending
from bootstrap.deploy.simulate.dice import Dice
from bootstrap.deploy.simulate.nature import Nature
from bootstrap.deploy.simulate.things import Machine
from bootstrap.deploy.simulate.world import World

R1, R2, R3 = (f"2026120{day}T120000-00000{day}" for day in (1, 2, 3))
GATE = GatePlan("http://{address}:{port}/ping", contains=("{revision}", "{server}"), stable_s=5.0, deadline_s=120.0)


class Names:
    """Renders nothing, and remembers for which servers a payload was asked, with what they are given."""

    def __init__(self) -> None:
        self.values: dict[str, Mapping[str, Any]] = {}

    def payload(self, tier: str, server: str, values: Mapping[str, Any]) -> Any:
        self.values[server] = values
        return server


class Cloud:
    """One world, and the roll-outs that it has seen. folder: their journals; nature: how the world is."""

    def __init__(self, folder: Path, **nature: Any) -> None:
        self.folder, self.world = folder, World(Nature(**nature), Dice(1))
        self.servers, self.outside, self.payloads = SimServers(self.world), SimOutside(self.world), Names()
        self.records: list[Record] = []
        self.observe: Callable[[Record], None] = lambda record: None

    def tier(self, name: str = "web", revision: str = "111111111111", **changes: Any) -> TierPlan:
        facts: dict[str, Any] = {
            "name": name, "pool": f"shop/{name}", "revision": revision, "count": 2, "floor": 2, "settings": {},
            "pools": (PoolPlan(name, 8080, 80),), "gate": GATE, "drain_s": 10.0, "keep_old_s": 30.0,
        }  # fmt: skip
        return TierPlan(**{**facts, **changes})

    def plan(self, deploy: str, *tiers: TierPlan) -> DeployPlan:
        """The plan of a deploy of these tiers, with what they replace."""
        plan = DeployPlan("shop", deploy, tiers or (self.tier(),))
        return with_old(plan, self.servers, self.pools(plan))

    def pools(self, plan: DeployPlan) -> dict[str, Pool]:
        return {p.name: SimPool(self.world, p.name, p.port) for tier in plan.tiers for p in tier.pools}

    def deployer(self, plan: DeployPlan, **parts: Any) -> Deployer:
        """The deployer of a plan, which goes on with the journal of this deploy."""
        journal = Journal(FileLog(self.folder / plan.deploy_id), self.outside.now, self._take)
        lease = SimLease(self.world, [f"shop.{tier.name}" for tier in plan.tiers], plan.deploy_id)
        lease.take()
        drivers = {"servers": self.servers, "pools": self.pools(plan), "outside": self.outside, "lease": lease}
        options = {"leave_old": True} | parts
        return Deployer(plan, journal, **{**drivers, "payloads": self.payloads, **options})

    def deploy(self, deploy: str, *tiers: TierPlan, **parts: Any) -> Ending:
        """One whole deploy, which leaves its old servers unless `leave_old=False` is given."""
        self.records.clear()
        return self.deployer(self.plan(deploy, *tiers), **parts).deploy()

    def _take(self, record: Record) -> None:
        self.records.append(record)
        self.observe(record)

    def calls(self, name: str | None = None) -> list[Record]:
        return [r for r in self.records if r["type"] == "call" and name in (None, r["call"])]

    def of(self, kind: str) -> list[Record]:
        return [record for record in self.records if record["type"] == kind]

    def machines(self, deploy: str | None = None) -> list[Machine]:
        """The servers that are there and stay, of one deploy or of all."""
        live = [machine for machine in self.world.live() if machine.deleted_at > self.world.clock]
        return [m for m in live if deploy is None or m.metadata.get("initialrunner-deploy") == deploy]

    def names(self, deploy: str | None = None) -> list[str]:
        return sorted(machine.name for machine in self.machines(deploy))

    def members(self, pool: str = "web") -> tuple[Member, ...]:
        return SimPool(self.world, pool, 8080).members()

    def member_names(self, pool: str = "web") -> list[str]:
        return sorted(member.name for member in self.members(pool))

    def settle(self, seconds: float = 60.0) -> None:
        """Let time pass in which nobody does anything."""
        self.world.clock += seconds


class Altered:
    """A driver whose calls can be replaced: `Altered(servers, delete=lambda inner, *arguments: ...)`."""

    def __init__(self, inner: Any, **calls: Callable[..., Any]) -> None:
        self._inner, self._calls = inner, calls

    def __getattr__(self, name: str) -> Any:
        call = self._calls.get(name)
        if call is None:
            return getattr(self._inner, name)
        return lambda *arguments: call(getattr(self._inner, name), *arguments)


def server_names(servers: tuple[Server, ...]) -> list[str]:
    return sorted(server.name for server in servers)
