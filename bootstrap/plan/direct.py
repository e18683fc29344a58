"""Lets reports go past the spec's proxy, to a collector that only this machine reaches. Pure."""

from __future__ import annotations

from dataclasses import replace

from bootstrap.plan.model import Plan


def direct(plan: Plan, host: str) -> Plan:
    """Add a host to those that the plan's proxy is not used for; a plan without a proxy stays as it is."""
    if not plan.proxy:
        return plan
    no_proxy = plan.proxy.get("no_proxy")
    first = no_proxy or next(iter(plan.proxy.values()))
    names = f"{no_proxy.value},{host}" if no_proxy else host
    return replace(plan, proxy={**plan.proxy, "no_proxy": replace(first, value=names, rule=None)})
