"""Decides a roll-out from its deploy file and the servers that are there, and keeps the decision as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bootstrap.deploy.model import DeployPlan, GatePlan, OldServer, PoolPlan, TierPlan
from bootstrap.errors import UsageError
from bootstrap.plan.resolve import revision
from bootstrap.spec.servers import NAME_HINT, name_fault

if TYPE_CHECKING:
    from bootstrap.deploy.file import DeployFile

VERSION = 1


def make_plan(
    deploy_file: DeployFile, deploy_id: str, old: Mapping[str, Sequence[OldServer]] | None = None
) -> DeployPlan:
    """Everything about a roll-out. old: by tier, the servers that are there now, each with the pools that it is up in.

    None: nobody has looked yet, and the floors are those of the file; `observe.with_old` looks and lowers them.

    Raises UsageError for a deploy id that cannot be one.
    """
    tiers = tuple(
        _tier(deploy_file, number, None if old is None else tuple(old.get(tier.name, ())))
        for number, tier in enumerate(deploy_file.tiers)
    )
    plan = DeployPlan(deploy_file.name, deploy_id, tiers)
    # The end of the id is a part of the names of servers, whose lengths were judged with that of an id of our own.
    for tier in tiers:
        longest = plan.server_name(tier, tier.count, 99)
        if name_fault(deploy_id) or name_fault(longest):
            raise UsageError(f"deploy id {deploy_id!r} makes no good names of servers: {longest}", hint=NAME_HINT)
    return plan


def _tier(deploy_file: DeployFile, number: int, old: tuple[OldServer, ...] | None) -> TierPlan:
    tier = deploy_file.tiers[number]
    model, gate = tier.model, tier.model.gate
    pools = tuple(PoolPlan(pool.name, pool.port, pool.listen) for pool in model.pools)
    floor = model.count if model.floor is None else model.floor
    return TierPlan(
        name=tier.name,
        pool=f"{deploy_file.name}/{tier.name}",
        # The revision is that of the spec alone: another count or another flavor makes no new revision.
        revision=revision(tier.spec),
        count=model.count,
        floor=floor if old is None else floor_in_force(floor, pools, old),
        settings=model.server,
        pools=pools,
        gate=GatePlan(
            probe=gate.probe,
            status=gate.status,
            contains=tuple(gate.contains),
            stable_s=gate.stable,
            deadline_s=gate.deadline,
            before_swap=deploy_file.command(number),
        ),
        batch=model.batch,
        drain_s=model.drain,
        keep_old_s=model.keep_old,
        replace_errors=model.replace_errors,
        reports=tier.reports,
        old=old or (),
    )


def floor_in_force(floor: int, pools: Sequence[PoolPlan], old: Sequence[OldServer]) -> int:
    """The members that have to be up in each pool of a tier: no more than were up when the plan was made.

    Before the first deploy it is 0. A pool that is new in an old tier has none up, and so lowers the floor of them all.
    """
    up = [sum(pool.name in server.pools for server in old) for pool in pools]
    return min([floor, *up]) if up else 0


def to_json(plan: DeployPlan) -> str:
    """The plan as it is kept, with the version of its form."""
    return json.dumps({"version": VERSION, **asdict(plan)}, indent=2) + "\n"


def from_json(text: str, subject: str = "plan.json") -> DeployPlan:
    """The plan of such a text. subject: the name of its file in messages. Raises UsageError."""
    try:
        record = json.loads(text)
        version = record.pop("version")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{subject} is not the plan of a roll-out: {error}", hint=_DAMAGED) from error
    if version != VERSION:
        raise UsageError(
            f"{subject} has version {version!r}, and this program reads {VERSION}",
            hint="use the release that began this roll-out",
        )
    try:
        return DeployPlan(**{**record, "tiers": tuple(_tier_of(tier) for tier in record["tiers"])})
    except (KeyError, TypeError) as error:
        raise UsageError(f"{subject} is not the plan of a roll-out: {error}", hint=_DAMAGED) from error


_DAMAGED = "without its plan a roll-out can only be taken back, by the marks of its servers: bootstrap reap ID"


def _tier_of(record: Mapping[str, Any]) -> TierPlan:
    gate = record["gate"]
    return TierPlan(
        **{
            **record,
            "pools": tuple(PoolPlan(**pool) for pool in record["pools"]),
            "gate": GatePlan(**{**gate, "contains": tuple(gate["contains"])}),
            "old": _servers(record["old"]),
            "adopted": _servers(record["adopted"]),
        }
    )


def _servers(records: Sequence[Mapping[str, Any]]) -> tuple[OldServer, ...]:
    return tuple(OldServer(**{**record, "pools": tuple(record["pools"])}) for record in records)
