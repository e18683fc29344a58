"""Code that a plan never calls is left out, code that it calls is packed, and only gated callers use gated names."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import pytest
from handmade import payload, stage

from bootstrap.payload import gates, pack
from bootstrap.payload.bundle import unpack

# A plan with the one feature, by its gate.
WITH: dict[str, dict[str, Any]] = {
    "late files": {"wait_for": [{"path": "/a", "min_size": 1}]},
    "proxy": {"proxy": {"http": "http://proxy:3128"}},
    "units": {"trigger": "both"},
    "needs": {"stages": [stage("a", "true", needs=[{"network": True}])]},
    "tcp": {"checks": [{"kind": "tcp", "address": "127.0.0.1:80"}]},
    "reboot": {"stages": [stage("a", "true", reboot="after")]},
    "rollback": {"rollback": True},
    "group": {"server": "web-*"},
    **{f"{kind} check": {"checks": [{"kind": kind}]} for kind in gates.CHECK_KINDS},
}
# Gated names and their callers, which call them under the very condition that the gate reads from the plan. A new
# caller is added here only with that condition before its call.
CALLERS = {
    "Waiting": {"wait_for_files", "still_missing", "sentences"},  # where awaited(plan)
    "wait_for_files": {"Run"},  # likewise
    "still_missing": {"prepare"},  # likewise
    "proxy_for": {"exchange"},  # where plan["proxy"]
    "through": {"exchange"},
    "ensure_units": {"Run"},  # where units_wanted(plan), which asks plan["units"]
    "need_missing": {"Stages"},  # work through stage["needs"]
    "network": {"need_missing"},
    "resolve": {"need_missing"},
    "server_ready": {"need_missing"},
    "connect": {"need_missing", "look_tcp"},
    "address": {"connect"},
    "reboot_after": {"Stages"},  # where stage["reboot"] is not "never"
    "required": {"reboot_after"},
    "covered_at_boot": {"reboot_after"},
    "roll_back": {"Run"},  # where plan["rollback"]
    "instance_name": {"main"},  # where the server's name ends in a star
    **{f"look_{kind}": set() for kind in gates.CHECK_KINDS},  # by check_fault, for the kind of a check
}


def names(lean: bool, **features: Any) -> set[str]:
    """Every top-level name of the code in a bundle of such a plan. lean: without the verbs that have a stand-in."""
    stages = features.pop("stages", [stage("a", "true")])
    features.setdefault("trigger", "cron")  # without units
    inside = unpack(payload(stages, lean=lean, **features).bundle)
    return {n for text in (inside.hot, inside.cold) for n in pack.top_level_names(text)}


def callers(name: str) -> Iterator[str]:
    """The top-level definitions that name it, as a name or as what `later` is asked for."""
    for text in pack.sources():
        for node in ast.parse(text).body:
            words = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
            calls = [n for n in ast.walk(node) if isinstance(n, ast.Call) and ast.unparse(n.func) == "later"]
            words |= {arg.value for call in calls for arg in call.args if isinstance(arg, ast.Constant)}
            if name in words and getattr(node, "name", None) != name:
                yield getattr(node, "name", ast.unparse(node))


@pytest.mark.parametrize("gate", gates.GATES, ids=lambda gate: gate.feature)
@pytest.mark.parametrize("lean", [False, True])
def test_a_payload_has_what_its_plan_calls_and_not_the_rest(gate: gates.Gate, lean: bool) -> None:
    assert set(gate.names) <= names(lean, **WITH[gate.feature])
    assert not set(gate.names) & names(lean)


@pytest.mark.parametrize("name", sorted({name for gate in gates.GATES for name in gate.names}))
def test_nothing_else_calls_what_may_stay_behind(name: str) -> None:
    assert set(callers(name)) == CALLERS[name]


def test_each_kind_of_check_has_its_look() -> None:
    looks = {name for name in pack.top_level_names(pack.sources()[0]) if name.startswith("look_")}
    assert looks == {f"look_{kind}" for kind in gates.CHECK_KINDS}
