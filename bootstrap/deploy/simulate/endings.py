"""The judge's last look: what a roll-out that has ended must have left in the world."""

from __future__ import annotations

from bootstrap.deploy.model import TierPlan
from bootstrap.deploy.simulate.invariants import Judge, Violation
from bootstrap.deploy.simulate.nature import NEVER
from bootstrap.deploy.simulate.things import Machine
from bootstrap.errors import ExitCode

INTERRUPTED = 130
CODES = {ExitCode.GOOD, ExitCode.FAILED, ExitCode.TIMEOUT, ExitCode.OWED, INTERRUPTED}


def judge_end(
    judge: Judge, code: int, lines: tuple[str, ...], *, is_calm: bool, came_through: bool, keeps_old: bool
) -> None:
    """Judge the world after the end. Raises Violation.

    is_calm: nothing went wrong; came_through: the new servers serve, and the old ones go, unless keeps_old.
    """
    _hold(code in CODES, f"the exit code is {code}")
    _hold(code == 0 or not is_calm, f"nothing went wrong, and the exit code is {code}: {' '.join(lines)}")
    _hold(code != INTERRUPTED or judge.is_stopped, "the exit code is 130, and nobody asked for the end")
    text = "\n".join(lines)
    _hold(code != ExitCode.OWED or "owed" in text, "something is owed, and nobody says what")
    for tier in judge.plan.tiers:
        is_owed = code == ExitCode.OWED and any(f"owed: {name}:" in text for name in (tier.name, judge.plan.name))
        if came_through:
            _new_serve(judge, tier)
        elif not is_owed:
            _old_serve(judge, tier)
        for machine in _leftovers(judge, tier, came_through, keeps_old):
            is_listed = code == ExitCode.OWED and (is_owed or machine.name in text)
            _hold(is_listed, f"{machine.name} is left, and the exit code is {code}")


def _new_serve(judge: Judge, tier: TierPlan) -> None:
    """Each slot has one server, which has proven itself and is a member of each pool."""
    world, slots = judge.world, []
    adopted = {old.id: slot for slot, old in enumerate(tier.adopted, 1)}
    ours = [(machine, marks.slot) for machine, marks in judge.ours(tier)]
    ours += [(machine, adopted[machine.id]) for machine in world.live() if machine.id in adopted]
    for machine, slot in ours:
        if machine.deleted_at != NEVER or (machine.keeps and machine.id in judge.unkept):
            continue
        seats = [
            seat
            for pool in tier.pools
            for seat in (world.balancers[pool.name].seats.values() if pool.name in world.balancers else ())
            if (seat.name, seat.address) == (machine.name, machine.address) and seat.serves
        ]
        if tier.pools and not seats:
            continue
        slots.append(slot)
        _hold(len(seats) == len(tier.pools), f"{machine.name} is a member of {len(seats)} pools of {len(tier.pools)}")
        is_proven = machine.healthy and machine.error is None and machine.ends_at <= world.clock
        # Marks alone do not tell whether a server without a pool was proven, where it replaces nothing.
        is_visible = bool(tier.pools) or not judge.is_reaping or bool(tier.old)
        _hold(is_proven or not tier.reports or not is_visible, f"{machine.name} serves and is not healthy")
    _hold(sorted(slots) == list(tier.slots), f"the slots of {tier.name} that serve are {sorted(slots)}")


def _old_serve(judge: Judge, tier: TierPlan) -> None:
    """The old servers exist, and serve where they served before."""
    world = judge.world
    for old in tier.old:
        machine = world.machines[old.id]
        if judge.is_reaping or machine.marks is None:
            continue
        _hold(machine.deleted_at == NEVER, f"{old.name} is old and was deleted")
        for pool in old.pools:
            seats = world.balancers[pool].seats.values()
            is_member = any(seat.name == old.name and seat.serves for seat in seats)
            _hold(is_member, f"{old.name} is old and serves no more in {pool}")


def _leftovers(judge: Judge, tier: TierPlan, came_through: bool, keeps_old: bool) -> list[Machine]:
    """Servers that should be gone: of this deploy after a rollback, else the old ones and what no slot uses."""
    world, clock = judge.world, judge.world.clock
    balancers = [world.balancers[pool.name] for pool in tier.pools if pool.name in world.balancers]
    names = {seat.name for balancer in balancers for seat in balancer.seats.values()}
    machines = []
    for machine in world.live():
        marks = machine.marks
        if marks is None or marks.pool != tier.pool or machine.deleted_at <= clock:
            continue
        is_new = marks.deploy == judge.plan.deploy_id
        if machine.id in judge.adopted:
            continue
        if came_through:
            is_used = (machine.name in names or not tier.pools) if is_new else keeps_old or machine.name in names
            if not is_used:
                machines.append(machine)
        elif is_new:
            machines.append(machine)
    return machines


def _hold(is_so: bool, text: str) -> None:
    if not is_so:
        raise Violation(text)
