"""Names the runner's functions that a plan never calls: they are left out, since every byte counts in some channel.

A gate depends on the plan alone. Functions that depend on the host (dpkg, a mount over the state) are always in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bootstrap.runner.defaults import filled
from bootstrap.spec.check_kinds import CHECK_KINDS

Plan = Mapping[str, Any]


@dataclass(frozen=True)
class Gate:
    """Top-level names of the runner that only a plan with this feature calls."""

    feature: str
    wanted: Callable[[Plan], bool]
    names: tuple[str, ...]


def _of_a_stage(key: str) -> Callable[[Plan], bool]:
    return lambda plan: any(stage.get(key) for stage in plan["stages"])


def _check(kind: str) -> Callable[[Plan], bool]:
    return lambda plan: any(check["kind"] == kind for check in plan.get("health", {}).get("checks", ()))


def _connects(plan: Plan) -> bool:
    needs = [need for stage in plan["stages"] for need in stage.get("needs", ())]
    return _check("tcp")(plan) or any("tcp" in need for need in needs)


def _reboots(plan: Plan) -> bool:
    return any(stage["reboot"] != "never" for stage in plan["stages"])


def _awaits(plan: Plan) -> bool:
    return bool(plan.get("wait_for")) or any(file.get("deliver") == "inject" for file in plan["files"])


# tests/unit/payload/test_gates.py compares each name with its callers.
GATES = (
    Gate("late files", _awaits, ("Waiting", "wait_for_files", "still_missing")),
    Gate("proxy", lambda plan: bool(plan.get("proxy")), ("proxy_for", "through")),
    Gate("units", lambda plan: bool(plan.get("units")), ("ensure_units",)),
    Gate("needs", _of_a_stage("needs"), ("need_missing", "network", "resolve", "server_ready")),
    Gate("tcp", _connects, ("connect",)),
    Gate("reboot", _reboots, ("reboot_after", "required", "covered_at_boot")),
    Gate("rollback", lambda plan: bool(plan["rollback"]), ("roll_back",)),
    Gate("group", lambda plan: plan["server"].endswith("*"), ("instance_name",)),
    *(Gate(f"{kind} check", _check(kind), (f"look_{kind}",)) for kind in CHECK_KINDS),
)


def unreached(plan: Plan) -> frozenset[str]:
    """Return the names that this host plan never calls."""
    # A gate must see what the host will do, so the defaults are filled in that the plan leaves out.
    plan = filled(plan)
    return frozenset(name for gate in GATES if not gate.wanted(plan) for name in gate.names)
