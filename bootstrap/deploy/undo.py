"""Takes a roll-out back: the old servers serve again, and what this deploy made goes."""

from __future__ import annotations

from bootstrap.deploy.faults import Fault
from bootstrap.deploy.model import Server, TierPlan
from bootstrap.deploy.remove import await_gone, delete
from bootstrap.deploy.stopping import Failure
from bootstrap.deploy.swap import IN_A_ROW, Leaving, join, not_up, serving
from bootstrap.deploy.work import Pace, Work

# A create whose answer was lost may show its server this late.
STRAY_LOOKS, STRAY_PAUSE_S = 3, 2.0


def take_back(work: Work) -> None:
    """Undo every tier, the last one first, since a later tier uses the earlier ones. What fails is owed."""
    for tier in reversed(work.plan.tiers):
        work.journal.add("phase", tier=tier.name, phase="rolling-back")
        try:
            later = later_deploy(work)
            if later is None:
                _restore(work, tier)
            else:
                # The old servers are that deploy's by now, which may have replaced them.
                work.journal.add("spared", server=tier.name, why=f"the later deploy {later} decides who serves")
            _withdraw(work, tier)
        except (Failure, Fault) as fault:
            text = getattr(fault, "text", None) or getattr(fault, "message", "")
            work.journal.add("owed", server=tier.name, why=f"the rollback of this tier stopped: {text}")
        else:
            # An earlier attempt at this rollback may have stopped here.
            if tier.name in work.journal.recall.owed:
                work.journal.add("paid", server=tier.name)


def later_deploy(work: Work) -> str | None:
    """The newest deploy of these pools that began after this one, by the marks of its servers."""
    deploys = [server.marks.deploy for tier in work.plan.tiers for server in work.of_pool(tier) if server.marks]
    newest = max(deploys, default="")
    return newest if newest > work.plan.deploy_id else None


def _restore(work: Work, tier: TierPlan) -> None:
    """Put the old servers back into the pools they were in, as far as they still exist, and wait until they are up."""
    served = [old for old in tier.old if old.pools]
    living = [old for old in served if old.address and work.get(old.id) is not None]
    servers = [serving(old) for old in living]
    if not servers or not tier.pools:
        return
    join(work, tier, servers)
    pace, end, looks = Pace(work.outside, 2.0), work.outside.clock() + tier.gate.deadline_s, 0
    while looks < IN_A_ROW:
        members = {pool.name: work.members(pool) for pool in tier.pools}
        looks = looks + 1 if all(not_up(members, server) is None for server in servers) else 0
        # The floor alone decides below whether the new ones may leave, so a dead old server holds up nothing.
        if work.outside.clock() >= end:
            return
        pace.rest()


def _withdraw(work: Work, tier: TierPlan) -> None:
    """Take the new servers out of the pools, and delete those that this deploy has made."""
    ours = list(work.ours(tier))
    servers = [*map(serving, ours), *map(serving, tier.adopted)]
    own = {server.name for server in servers} | {old.name for old in tier.old}
    stay = {server.name for server in Leaving(work, tier, own).leave(servers)} if tier.pools else set()
    for name in sorted(stay):
        why = f"it serves still: without it fewer than {tier.floor} members would be up"
        work.journal.add("owed", server=name, why=why)
    sweep(work, tier, [server for server in ours if server.name not in stay])
    recall = work.journal.recall
    for _ in range(STRAY_LOOKS):
        late = [server for server in work.ours(tier) if server.name not in stay]
        if late:
            sweep(work, tier, late)
        elif recall.may_have_strays or recall.living - stay:
            work.outside.pause(STRAY_PAUSE_S)
        else:
            return


def sweep(work: Work, tier: TierPlan, servers: list[Server]) -> None:
    """Delete these servers of this deploy, and wait until they are gone."""
    orders = [(s.id, s.name) for s in servers if delete(work, tier, s.id, s.name, work.plan.deploy_id)]
    await_gone(work, tier, orders)
