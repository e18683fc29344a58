"""The text of `deploy --dry-run`: what is made and replaced, in which order, and how many calls it takes. Pure."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Mapping
from typing import Any

from bootstrap.client.wording import plain, span
from bootstrap.deploy.model import DeployPlan, OldServer, TierPlan

# More names than this are counted: the plan of 200 servers has to be read too.
MOST_NAMES = 6


def forecast(
    plan: DeployPlan,
    facts: Mapping[str, str],
    payloads: Mapping[str, str],
    *,
    dry_run: bool = True,
    leave_old: bool = False,
) -> list[str]:
    """Return the lines for people.

    facts: label and text of what holds for all tiers, such as the cloud; payloads: by tier, its size beside the limit.
    leave_old: the old servers are not deleted.
    """
    lines = [f"{plan.name}: deploy {plan.deploy_id}{' (dry run: nothing is changed)' if dry_run else ''}"]
    lines += [f"  {label:<9}{text}" for label, text in facts.items()]
    for number, tier in enumerate(plan.tiers, 1):
        lines += ["", f"{number}. {tier.name}: revision {tier.revision}"]
        lines += [f"   {label:<9}{text}" for label, text in _tier(plan, tier, payloads.get(tier.name))]
        lines += [f"   {label:<9}{text}" for label, text in _steps(tier)]
    lines += ["", _ending(plan, leave_old), _calls_text(calls(plan, leave_old))]
    return [plain(line) for line in lines]


def wrapped(line: str, columns: int) -> list[str]:
    """Return a line of the forecast as lines of a terminal; what goes on stands below the text, not below the label."""
    match = re.match(r"(   ?)(\w+(?: \d)?) +", line)
    indent = " " * len(match[0]) if match else "  "
    if len(line) <= columns:
        return [line]
    return textwrap.wrap(
        line, max(columns, 2 * len(indent)), subsequent_indent=indent, break_on_hyphens=False, drop_whitespace=True
    )


def as_json(
    plan: DeployPlan, facts: Mapping[str, str], payloads: Mapping[str, str], *, leave_old: bool = False
) -> dict[str, Any]:
    """Return the same for programs."""
    return {
        "type": "plan",
        "name": plan.name,
        "deploy": plan.deploy_id,
        **facts,
        "tiers": [
            {
                "tier": tier.name,
                "revision": tier.revision,
                "servers": [] if tier.adopted else [plan.server_name(tier, slot, 1) for slot in tier.slots],
                "swapped_back": [old.name for old in tier.adopted],
                "replaces": [old.name for old in tier.old],
                "settings": dict(tier.settings),
                "pools": [pool.name for pool in tier.pools],
                "floor": tier.floor,
                "batch": tier.batch,
                "payload": payloads.get(tier.name),
            }
            for tier in plan.tiers
        ],
        "calls": dict(calls(plan, leave_old)),
    }


def calls(plan: DeployPlan, leave_old: bool = False) -> Counter[str]:
    """Count the changing calls of a roll-out in which nothing fails. leave_old: the old servers are not deleted."""
    count: Counter[str] = Counter()
    for tier in plan.tiers:
        served = sum(len(old.pools) for old in tier.old)
        count["create"] += 0 if tier.adopted else tier.count
        count["add"] += tier.count * len(tier.pools)
        count["drain"] += served
        count["remove"] += served
        count["delete"] += 0 if leave_old else len(tier.old)
    return +count


def _tier(plan: DeployPlan, tier: TierPlan, payload: str | None) -> list[tuple[str, str]]:
    """Return label and text of each fact of a tier."""
    if tier.adopted:
        rows = [("takes", f"{_names(tier.adopted)}, which still exist{'s' if len(tier.adopted) == 1 else ''}")]
    else:
        names = [plan.server_name(tier, slot, 1) for slot in tier.slots]
        rows = [("makes", f"{_listed(names)}")]
        rows += [("with", ", ".join(f"{key} {value}" for key, value in tier.settings.items()))] if tier.settings else []
        rows += [("payload", payload)] if payload else []
    for pool in tier.pools:
        listen = f", clients connect to port {pool.listen}" if pool.listen else ""
        rows.append(("pool", f"{pool.name}: port {pool.port} of each server{listen}"))
    up = sum(bool(old.pools) for old in tier.old)
    rows.append(("replaces", _names(tier.old) if tier.old else "nothing: no server of this tier exists"))
    if tier.pools:
        rows.append(("floor", f"{tier.floor} up in each pool at any time; {up} serve{'s' if up == 1 else ''} now"))
    return rows


def _steps(tier: TierPlan) -> list[tuple[str, str]]:
    """Return the steps of a tier in their order, numbered."""
    size = tier.batch or tier.count
    batches = -(-tier.count // max(1, size))
    each = f" (in {batches} batches of at most {size})" if batches > 1 else ""
    steps = [f"create {tier.count} server{_s(tier.count)}{each}"] if not tier.adopted else []
    steps.append(f"wait until each {_gate(tier)}; at most {_span(tier.gate.deadline_s)}")
    if tier.pools:
        steps.append("add them to the pools, and wait until the balancer says that they are up")
    if tier.gate.before_swap:
        steps.append(f"run `{tier.gate.before_swap}`: the swap goes on if its exit code is 0")
    if tier.pools and any(old.pools for old in tier.old):
        steps.append(
            f"drain the old ones until they have no sessions, at most {_span(tier.drain_s)}, and take them out"
        )
    return [(f"step {number}", text) for number, text in enumerate(steps, 1)]


def _gate(tier: TierPlan) -> str:
    """Return what a new server has to show, as the end of `wait until each …`."""
    shows = ["reports healthy"] if tier.reports and not tier.adopted else []
    if tier.gate.probe:
        texts = " and ".join(map(repr, tier.gate.contains))
        contains = f" with {texts}" if texts else ""
        shows.append(f"answers {tier.gate.status}{contains} at {tier.gate.probe}")
    shows = shows or ["is active"]
    stable = f", for {_span(tier.gate.stable_s)} without a break" if tier.gate.stable_s and not tier.adopted else ""
    return " and ".join(shows) + stable


def _ending(plan: DeployPlan, leave_old: bool) -> str:
    old = [server for tier in plan.tiers for server in tier.old]
    if not old:
        return "Then nothing is left to delete."
    if leave_old:
        return "Then the old servers stay until `bootstrap reap`; until then `--previous` swaps them back."
    spans = {_span(tier.keep_old_s) for tier in plan.tiers if tier.old}
    kept = " and ".join(sorted(spans))
    return f"Then the old servers are kept for {kept}, and deleted. Until then everything can be rolled back."


def _calls_text(count: Counter[str]) -> str:
    parts = ", ".join(f"{number} {call}" for call, number in count.items())
    return f"{sum(count.values())} changing call{_s(sum(count.values()))}: {parts or 'none'}."


def _names(servers: tuple[OldServer, ...]) -> str:
    """Return the names, each with the pools it serves in."""
    texts = [f"{old.name} ({'in ' + ', '.join(old.pools) if old.pools else 'in no pool'})" for old in servers]
    return _listed(texts)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:MOST_NAMES]) + (f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else "")


def _s(number: int) -> str:
    return "" if number == 1 else "s"


def _span(seconds: float) -> str:
    """Return a duration as somebody writes it: `15m`, not `15m00s`."""
    return span(seconds).replace("m00s", "m").replace(".0s", "s")
