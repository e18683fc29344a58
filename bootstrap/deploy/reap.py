"""Reaps by the marks of the servers alone: cleans up after a deploy whose folder with plan and journal is gone.

Marks say which deploy made a server, and the pools say who serves. From these two it is decided whether the newest
deploy had come through, so that the servers it replaced go, or not, so that it is taken back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bootstrap.deploy.model import DeployPlan, Member, MemberState, Server, ServerState, TierPlan
from bootstrap.deploy.observe import is_up, marked, members_of, of, old_server
from bootstrap.deploy.protocols import Pool, Servers
from bootstrap.errors import UsageError


@dataclass(frozen=True)
class Judgement:
    """What is to be done. plan: with the deploy that is judged, and what it replaces. goes: (name, reason) of each
    server that is to be deleted. is_complete: the deploy has come through."""

    plan: DeployPlan
    is_complete: bool
    reason: str
    goes: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Tier:
    """What is seen of one tier."""

    plan: TierPlan
    servers: list[Server]
    members: Mapping[str, tuple[Member, ...]]

    def of_deploy(self, deploy: str) -> list[Server]:
        return [server for server in self.servers if server.marks is not None and server.marks.deploy == deploy]

    def serves(self, server: Server) -> bool:
        """Whether every pool of the tier gives it new sessions; in a tier without pools every active server serves."""
        if not self.members:
            return server.state is ServerState.ACTIVE
        # A member that drains is leaving: a rollback was at work.
        draining = MemberState.DRAINING
        return all(any(m.state is not draining for m in of(server, listed)) for listed in self.members.values())

    def is_member(self, server: Server) -> bool:
        return any(of(server, listed) for listed in self.members.values())

    def strays(self, deploy: str) -> list[Server]:
        """Servers of a deploy that has come through that no slot uses: members of no pool, or replaced ones."""
        servers = self.of_deploy(deploy)
        if self.members:
            return [server for server in servers if not self.is_member(server)]
        last = {s.marks.slot: s.marks.attempt for s in sorted(servers, key=_attempt) if s.marks is not None}
        return [s for s in servers if s.marks is not None and s.marks.attempt != last[s.marks.slot]]


def _attempt(server: Server) -> int:
    return server.marks.attempt if server.marks else 0


def judge(plan: DeployPlan, servers: Servers, pools: Mapping[str, Pool], deploy_id: str | None = None) -> Judgement:
    """Decide about one deploy. plan: of the deploy file, its id and old servers are not read; deploy_id: None is the
    newest deploy that any server is marked with.

    Raises UsageError where no server is marked with it, and the faults of the drivers.
    """
    tiers = [
        _Tier(tier, marked(servers, tier), {pool.name: members_of(pools[pool.name]) for pool in tier.pools})
        for tier in plan.tiers
    ]
    deploys = sorted({s.marks.deploy for tier in tiers for s in tier.servers if s.marks is not None})
    if not deploys or (deploy_id is not None and deploy_id not in deploys):
        sought = f"deploy {deploy_id}" if deploy_id else f"a deploy of {plan.name}"
        raise UsageError(f"no server carries the marks of {sought}", hint="there is nothing to clean up")
    chosen = deploy_id or deploys[-1]
    if chosen != deploys[-1]:
        return _leftovers(plan, tiers, chosen)
    is_complete = all(_is_through(tier, tiers[place + 1 :], chosen) for place, tier in enumerate(tiers))
    judged = replace(plan, deploy_id=chosen, tiers=tuple(_with_old(tier, chosen, is_complete) for tier in tiers))
    if is_complete:
        reason = f"deploy {chosen} has come through: it serves in every slot, and what it replaced serves nowhere"
        goes = [(old.name, f"deploy {chosen} has replaced it") for tier in judged.tiers for old in tier.old]
        goes += [(server.name, "no slot uses it") for tier in tiers for server in tier.strays(chosen)]
    else:
        reason = f"deploy {chosen} has not come through"
        goes = [(server.name, reason) for tier in tiers for server in tier.of_deploy(chosen)]
    return Judgement(judged, is_complete, reason, tuple(goes))


def _is_through(tier: _Tier, later: list[_Tier], deploy: str) -> bool:
    """Whether a deploy has every slot of a tier in every pool, while no server of another deploy is a member.

    Without pools nobody can see whether it was proven, unless a later tier was begun. Servers that it would replace are
    then kept, and it is taken back.
    """
    slots = {server.marks.slot for server in tier.of_deploy(deploy) if server.marks and tier.serves(server)}
    others = [s for s in tier.servers if s.marks and s.marks.deploy != deploy]
    if tier.members:
        others = [server for server in others if tier.is_member(server)]
    elif any(after.of_deploy(deploy) for after in later):
        others = []
    return slots >= set(tier.plan.slots) and not others


def _with_old(tier: _Tier, deploy: str, is_complete: bool) -> TierPlan:
    """The tier with the servers of other deploys. Where the deploy is taken back, those of the last one serve again."""
    others = [server for server in tier.servers if server.marks and server.marks.deploy != deploy]
    last = max((server.marks.deploy for server in others if server.marks), default=None)
    names = tuple(pool.name for pool in tier.plan.pools)
    old = tuple(
        old_server(server, names if not is_complete and server.marks and server.marks.deploy == last else ())
        for server in others
    )
    ups = [sum(is_up(m) for s in tier.servers for m in of(s, listed)) for listed in tier.members.values()]
    return replace(tier.plan, old=old, floor=min([tier.plan.floor, *ups]), adopted=())


def _leftovers(plan: DeployPlan, tiers: list[_Tier], deploy: str) -> Judgement:
    """An earlier deploy than the newest: those of its servers that serve nowhere go."""
    by_tier = [
        replace(
            tier.plan,
            old=tuple(old_server(server, ()) for server in tier.of_deploy(deploy) if not tier.is_member(server)),
        )
        for tier in tiers
        # Without a pool nobody can see whether a server is in use.
        if tier.plan.pools
    ]
    reason = f"a later deploy than {deploy} serves"
    goes = tuple((old.name, "it is a member of no pool") for tier in by_tier for old in tier.old)
    return Judgement(replace(plan, deploy_id=deploy, tiers=tuple(by_tier)), True, reason, goes)
