"""What is there before a roll-out begins, read from the clouds alone: the servers of earlier deploys, and the floor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bootstrap.deploy.faults import Gone
from bootstrap.deploy.model import DeployPlan, Member, MemberState, OldServer, Server, TierPlan
from bootstrap.deploy.protocols import Pool, Servers


def with_old(plan: DeployPlan, servers: Servers, pools: Mapping[str, Pool]) -> DeployPlan:
    """The plan with the servers that each tier replaces, and with the floors that can hold.

    A floor is never above the number of old members that are up now: nobody can keep what is not there. Raises the
    faults of the drivers.
    """
    return replace(plan, tiers=tuple(_seen(tier, plan.deploy_id, servers, pools) for tier in plan.tiers))


def _seen(tier: TierPlan, deploy_id: str, servers: Servers, pools: Mapping[str, Pool]) -> TierPlan:
    members = {pool.name: members_of(pools[pool.name]) for pool in tier.pools}
    theirs = [s for s in marked(servers, tier) if s.marks and s.marks.deploy != deploy_id]
    old = tuple(old_server(server, pools_of(server, members)) for server in theirs)
    ups = [sum(is_up(member) for server in theirs for member in of(server, listed)) for listed in members.values()]
    return replace(tier, old=old, floor=min([tier.floor, *ups]))


def marked(servers: Servers, tier: TierPlan) -> list[Server]:
    """The servers whose own marks name this tier. A cloud's filter may be ignored, so the marks decide."""
    return [s for s in servers.find(tier.pool) if s.marks is not None and s.marks.pool == tier.pool]


def members_of(pool: Pool) -> tuple[Member, ...]:
    """The members of a pool; none where it does not exist yet."""
    try:
        return pool.members()
    except Gone:
        return ()


def of(server: Server, members: Sequence[Member]) -> list[Member]:
    """The members that are this server: name and address must both be its own."""
    return [m for m in members if m.name == server.name and m.address == server.address]


def is_up(member: Member) -> bool:
    return member.state is MemberState.UP


def pools_of(server: Server, members: Mapping[str, Sequence[Member]]) -> tuple[str, ...]:
    """The names of the pools of which a server is a member."""
    return tuple(name for name, listed in members.items() if of(server, listed))


def old_server(server: Server, pools: tuple[str, ...]) -> OldServer:
    """A server of an earlier deploy, with the pools that it serves in."""
    marks = server.marks
    deploy, revision = (marks.deploy, marks.revision) if marks else ("", None)
    return OldServer(server.id, server.name, server.address, deploy, pools, revision)
