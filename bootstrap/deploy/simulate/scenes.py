"""Makes the scene of a seed: the world before the roll-out, the plan, and the faults that it will meet."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bootstrap.deploy.drivers.sim import SimServers
from bootstrap.deploy.model import DeployPlan, GatePlan, Marks, PoolPlan, TierPlan
from bootstrap.deploy.observe import with_old
from bootstrap.deploy.previous import swapped_back
from bootstrap.deploy.simulate import stand
from bootstrap.deploy.simulate.dice import Dice
from bootstrap.deploy.simulate.faults import Mood
from bootstrap.deploy.simulate.haproxy import SimHaproxy
from bootstrap.deploy.simulate.nature import FATES, NEVER, Nature
from bootstrap.deploy.simulate.things import Balancer, Machine, Seat
from bootstrap.deploy.simulate.world import World

NAME = "shop"
EARLIER = ("20270101T080000Z-aaaa", "20270101T090000Z-bbbb")
DEPLOY = "20270102T080000Z-cccc"
TIERS = ("db", "cache", "web")
BAD_FATES = tuple(name for name in FATES if name != "good")
# A deadline in which every good server of these worlds passes the gate, also when calls are refused now and then.
DEADLINE_S = 40.0


@dataclass(frozen=True)
class Scene:
    """One seed before it begins.

    strip: (time, server) at which an operator takes the marks off a server; folder_is_lost: after a kill only the marks
    are left; turns_back: after a kill the user wants it back; downtime: seconds after a kill; haproxy: is behind the
    pools, where there is one.
    """

    world: World
    plan: DeployPlan
    mood: Mood
    leave_old: bool
    strip: tuple[float, str] | None
    folder_is_lost: bool
    turns_back: bool
    downtime: float
    haproxy: SimHaproxy | None = None


def leases(plan: DeployPlan) -> list[str]:
    """The names of the leases of a plan."""
    return [f"{plan.name}.{tier.name}" for tier in plan.tiers]


def ports(plan: DeployPlan) -> dict[str, int]:
    """The ports of the pools of a plan, by pool."""
    return {pool.name: pool.port for tier in plan.tiers for pool in tier.pools}


def make(seed: int) -> Scene:
    """The scene of a seed."""
    dice = Dice(seed).fork("scene")
    nature = _nature(dice)
    world = World(nature, Dice(seed).fork("world"))
    haproxy = SimHaproxy(world) if dice.chance(0.02) else None
    tiers = tuple(_tier(dice, name) for name in TIERS[-dice.choose((1, 1, 1, 1, 2, 3)) :])
    goes_back = dice.chance(0.05)
    for tier in tiers:
        _furnish(dice, world, tier, haproxy, tier.count if goes_back else 0)
    _strangers(world, tiers, haproxy)
    world.clock = 100.0
    plan = DeployPlan(NAME, DEPLOY, tiers)
    plan = with_old(plan, SimServers(world), stand.pools(world, haproxy, ports(plan)))
    back = swapped_back(plan) if goes_back else None
    plan = back or plan
    old = [server for tier in plan.tiers for server in tier.old]
    strip = None
    if old and dice.chance(0.05):
        strip = (world.clock + dice.between(0.0, 60.0), dice.choose(old).id)
    for server in old:
        if dice.chance(0.04):
            world.machines[server.id].dies_at = world.clock + dice.between(0.0, 60.0)
    mood = _mood(dice)
    is_calm = nature.is_kind and strip is None and mood.is_calm
    if not is_calm and dice.chance(0.03):
        world.nature = replace(nature, quota=world.count() + dice.below(3))
    if haproxy is not None:
        reloads = Dice(seed).fork("reloads")
        mood = replace(mood, reloads=frozenset(1 + reloads.below(150) for _ in range(30)))
    # A swap back makes no server, so that no mark tells of it.
    folder_is_lost = dice.chance(0.2) and back is None
    leaves_old, turns_back, downtime = dice.chance(0.05), dice.chance(0.15), dice.between(0.0, dice.choose((2.0, 90.0)))
    return Scene(world, plan, mood, leaves_old, strip, folder_is_lost, turns_back, downtime, haproxy)


def _nature(dice: Dice) -> Nature:
    """How kind the world is: a fifth of the worlds is as kind as can be."""
    nature = Nature(
        reuse=dice.chance(0.4), filters=dice.chance(0.6), drain=(0.0, dice.choose((2.0, 6.0, 12.0))),
        latency=dice.choose((0.02, 0.1, 0.2)),
    )  # fmt: skip
    if dice.chance(0.3):
        return nature
    share = dice.choose((0.02, 0.1, 0.3))
    fates = {name: share for name in BAD_FATES if dice.chance(0.25)}
    return replace(
        nature,
        fates=fates,
        lag=dice.choose((0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 4.0)),
        forever=dice.choose((0.0, 0.0, 0.3)),
        late=dice.choose((0.0, 0.2)),
        dead=dice.choose((0.0, 0.0, 0.1)),
        keeps=dice.choose((0.0, 0.0, 0.0, 0.1)),
    )


def _tier(dice: Dice, name: str) -> TierPlan:
    """One tier of the deploy file."""
    count = 1 + dice.below(3)
    pools = tuple(PoolPlan(f"{name}-{port}", port, port) for port in dice.choose(((8080,), (8080,), (8080, 8443), ())))
    gate = GatePlan(
        probe="http://{address}:8080/ping" if dice.chance(0.9) else None,
        contains=("revision={revision} ", "server={server} "),
        stable_s=dice.choose((0.0, 2.0, 5.0)),
        deadline_s=DEADLINE_S,
        before_swap="./migrate.sh" if dice.chance(0.3) else None,
    )
    return TierPlan(
        name=name, pool=f"{NAME}/{name}", revision=f"{name}-r2", count=count, floor=dice.below(count + 1),
        settings={}, pools=pools, gate=gate, batch=dice.choose((None, 1, 2)), drain_s=dice.choose((0.0, 4.0, 8.0)),
        keep_old_s=dice.choose((0.0, 3.0, 10.0)), replace_errors=dice.below(3),
        reports=gate.probe is None or dice.chance(0.8),
    )  # fmt: skip


def _furnish(dice: Dice, world: World, tier: TierPlan, haproxy: SimHaproxy | None, kept: int) -> None:
    """Servers of earlier deploys, which serve in the tier's pools; some of the last but one are kept still."""
    for number in range(max(dice.below(4), min(kept, 1))):
        machine = _standing(world, tier, EARLIER[1], number + 1)
        for pool in tier.pools:
            _seat(dice, world, haproxy, pool, machine)
    for number in range(max(kept, dice.chance(0.1))):
        _standing(world, tier, EARLIER[0], number + 1)


def _standing(world: World, tier: TierPlan, deploy: str, slot: int) -> Machine:
    """A server of an earlier deploy that has been there for a while."""
    name = f"{NAME}-{tier.name}-{slot}-{deploy[-4:]}"
    marks = Marks(tier.pool, deploy, slot, 1, f"{tier.name}-{'r1' if deploy == EARLIER[1] else 'r0'}")
    return world.settle(_machine(world, name, marks.metadata(), (name, marks.revision, deploy)))


def _seat(dice: Dice, world: World, haproxy: SimHaproxy | None, pool: PoolPlan, machine: Machine) -> None:
    """A member that has been up for a while."""
    busy = NEVER if dice.chance(world.nature.forever) else dice.between(*world.nature.drain)
    load = dice.below(5)
    if haproxy is None:
        balancer = world.balancers.setdefault(pool.name, Balancer(pool.name, pool.port))
        seat = Seat(world.next_id("m"), machine.name, machine.address, 0.0, 1.0, busy, load)
        balancer.seats[seat.id] = seat
    else:
        haproxy.serves(pool.name, machine.name, machine.address, pool.port)
        seat = world.balancers[pool.name].seats[machine.name]
        seat.check, seat.busy, seat.load = 1.0, busy, load


def _strangers(world: World, tiers: tuple[TierPlan, ...], haproxy: SimHaproxy | None) -> None:
    """Add what is not ours: a server of our name without marks, one of another pool, and a member of somebody else."""
    tier = tiers[-1]
    for name in (f"{NAME}-{tier.name}-1-{DEPLOY[-4:]}", "printer"):
        world.settle(_machine(world, name, {"owner": "somebody"}, ("", "", "")))
    _standing(world, replace(tier, name="blog", pool="other/web"), EARLIER[1], 1)
    foreign = next(machine for machine in world.live() if machine.name == "printer")
    for pool in tier.pools:
        if haproxy is None:
            _seat(Dice(1), world, None, pool, foreign)
        elif pool.name in world.balancers:
            haproxy.stranger(pool.name, foreign.name, foreign.address, pool.port)


def _machine(world: World, name: str, metadata: dict[str, str], says: tuple[str, str, str]) -> Machine:
    """A server that has been there from the beginning."""
    return Machine(world.next_id("s"), name, metadata, "", 0.0, 0.0, 0.0, 0.0, says=says)


def _mood(dice: Dice) -> Mood:
    """The faults: a quarter of the seeds has none, some have one, and some have all kinds at once."""
    if dice.chance(0.2):
        return Mood()
    kills = frozenset(1 + dice.below(320) for _ in range(dice.choose((0, 0, 1, 1, 2, 3))))
    share = dice.choose((0.0, 0.0, 0.02, 0.1))
    mood = Mood(
        busy=share, throttled=share / 2, lost=dice.choose((0.0, 0.0, 0.05, 0.2)), reads=dice.choose((0.0, 0.0, 0.02)),
        probes=dice.choose((0.0, 0.0, 0.05)), kills=kills,
    )  # fmt: skip
    if dice.chance(0.1):
        call, fault = dice.choose((("create", "quota"), ("create", "denied"), ("create", "broken"), ("add", "broken"),
                                   ("drain", "broken"), ("remove", "broken"), ("delete", "broken")))  # fmt: skip
        mood = replace(mood, fatal=(call, 1 + dice.below(3), fault))
    if dice.chance(0.04):
        start = dice.below(300)
        mood = replace(mood, denied=(start, start + dice.choose((5, 50, 10_000))))
    if dice.chance(0.1):
        mood = replace(mood, sleeps={1 + dice.below(150): dice.between(30.0, 400.0)})
    if dice.chance(0.06):
        mood = replace(mood, rivals=frozenset((1 + dice.below(150),)))
    if dice.chance(0.5):
        mood = replace(mood, reloads=frozenset(1 + dice.below(200) for _ in range(4)))
    if dice.chance(0.08):
        first = 1 + dice.below(120)
        mood = replace(mood, stops=(first, *([first + 1 + dice.below(60)] if dice.chance(0.3) else [])))
    return replace(mood, hook=3) if dice.chance(0.1) else mood
