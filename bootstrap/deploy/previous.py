"""`deploy --previous`: the servers before those in service, as they still exist, or what is kept to make them again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bootstrap.deploy.model import DeployPlan, OldServer, TierPlan
from bootstrap.deploy.state import Deploys, Folder
from bootstrap.errors import UsageError


def in_service(plan: DeployPlan) -> str | None:
    """Return the deploy whose servers serve now; where no tier has a pool, the newest one that has servers."""
    old = [server for tier in plan.tiers for server in tier.old]
    serving = [server for server in old if server.pools]
    return max((server.deploy for server in serving or old), default=None)


def swapped_back(plan: DeployPlan, counts: Mapping[str, int] | None = None) -> DeployPlan | None:
    """Return the plan that swaps the servers of the deploy before back; None where they do not all exist any more.

    plan: of the deploy file, with the servers that are there. counts: by tier, how many that deploy had; those of the
    deploy file unless given.
    """
    current = in_service(plan)
    earlier = [s.deploy for tier in plan.tiers for s in tier.old if current and s.deploy < current]
    if not earlier:
        return None
    target = max(earlier)
    tiers = [_swapped(tier, target, (counts or {}).get(tier.name, tier.count)) for tier in plan.tiers]
    whole = tuple(tier for tier in tiers if tier is not None)
    return replace(plan, tiers=whole) if len(whole) == len(tiers) else None


def _swapped(tier: TierPlan, deploy: str, count: int) -> TierPlan | None:
    """Return the tier with the servers of this deploy in place of new ones; None where some of them are missing."""
    back = sorted((s for s in tier.old if s.deploy == deploy and s.address), key=lambda server: server.name)
    if len(back) != count or any(server.revision is None for server in back):
        return None
    others = tuple(server for server in tier.old if server not in back)
    return replace(
        tier, count=count, adopted=tuple(_without_pools(server) for server in back), old=others,
        revision=back[0].revision or tier.revision,
    )  # fmt: skip


def _without_pools(server: OldServer) -> OldServer:
    # It joins all pools of the tier again, whichever it is a member of still.
    return replace(server, pools=())


def last_good(plan: DeployPlan, deploys: Deploys) -> Folder:
    """Return the folder of the last good deploy before the one in service. Raises UsageError."""
    current = in_service(plan)
    earlier = [folder for folder in deploys.good(plan.name) if current is None or folder.deploy_id < current]
    if not earlier:
        raise UsageError(
            f"there is no deploy of {plan.name} to go back to",
            hint="its servers are gone, and this machine keeps no earlier deploy that ended well: `bootstrap deploys`",
        )
    return _origin(earlier[0], deploys)


def _origin(folder: Folder, deploys: Deploys) -> Folder:
    """The deploy that made the servers of this one: after a swap back, the sources are those of the earlier one."""
    adopted = [server.deploy for tier in folder.plan().tiers for server in tier.adopted]
    return deploys.find(max(adopted)) if adopted else folder


def counts_of(plan: DeployPlan, deploys: Deploys) -> dict[str, int]:
    """Return how many servers each tier had in the deploy before, as far as this machine knows it."""
    current = in_service(plan)
    earlier = [s.deploy for tier in plan.tiers for s in tier.old if current and s.deploy < current]
    if not earlier:
        return {}
    try:
        return {tier.name: tier.count for tier in deploys.find(max(earlier)).plan().tiers}
    except UsageError:
        return {}
