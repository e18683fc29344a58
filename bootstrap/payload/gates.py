"""Decides which features of the runner a plan asks for: a bundle leaves out the code of the others.

In the runner a statement that only one feature needs ends with `# for: FEATURE`. It does nothing for a plan that lacks
the feature, so that shake.py may leave it out, and what nothing else uses with it. A gate depends on the plan alone:
code that depends on the host (dpkg, a mount over the state) is always in, and so is what a text on the image may use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bootstrap.runner.defaults import FILE, STAGE, filled
from bootstrap.spec.check_kinds import CHECK_KINDS

Plan = Mapping[str, Any]
Wanted = Callable[[Plan], bool]
# The kinds of needs, as host plans have them.
NEEDS = ("network", "file", "cloud-init", "tcp", "dns", "server")


def _top(key: str) -> Wanted:
    return lambda plan: bool(plan.get(key))


def _of_a_stage(key: str) -> Wanted:
    return lambda plan: any(stage.get(key) for stage in plan["stages"])


def _of_a_file(key: str) -> Wanted:
    return lambda plan: any(file.get(key) for file in plan["files"])


def _check(kind: str) -> Wanted:
    return lambda plan: any(check["kind"] == kind for check in _checks(plan))


def _need(kind: str) -> Wanted:
    return lambda plan: any(kind in need for stage in plan["stages"] for need in stage.get("needs", ()))


def _checks(plan: Plan) -> list[dict[str, Any]]:
    return list(plan.get("health", {}).get("checks", ()))


def _texts(plan: Plan) -> Iterator[dict[str, Any]]:
    return iter([*plan["stages"], *plan["every_boot"]])


def _awaits(plan: Plan) -> bool:
    return bool(plan.get("wait_for")) or any(file.get("deliver") == "inject" for file in plan["files"])


def _encrypts(plan: Plan) -> bool:
    # A fetch may be redirected from http to https.
    urls = [plan.get("report", {}).get("url", ""), *(check.get("url", "") for check in _checks(plan))]
    return _of_a_file("fetch")(plan) or any(url.startswith("https:") for url in urls)


def _has_owners(plan: Plan) -> bool:
    owners = {owner for file in [*plan["files"], *plan.get("wait_for", ())] for owner in _owner(file)}
    return owners != {FILE["user"]} and bool(owners)


def _owner(file: Plan) -> tuple[str, str]:
    return file.get("user", FILE["user"]), file.get("group", FILE["group"])


def _has_users(plan: Plan) -> bool:
    return any(text["user"] != STAGE["user"] for text in _texts(plan))


# Feature: whether a plan asks for it. `make size` prints what each saves.
GATES: dict[str, Wanted] = {
    "report": _top("report"),
    "https": _encrypts,
    "proxy": _top("proxy"),
    "late-files": _awaits,
    "fetch": _of_a_file("fetch"),
    "owners": _has_owners,
    "after": _of_a_file("after"),
    "keep": lambda plan: any(not file["keep"] for file in plan["files"]),
    "units": _top("units"),
    "needs": lambda plan: _of_a_stage("needs")(plan) or any(s["user"] != STAGE["user"] for s in plan["stages"]),
    **{f"need-{kind}": _need(kind) for kind in NEEDS},
    "retry": lambda plan: any(stage["attempts"] > 1 for stage in plan["stages"]),
    "skip-if": _of_a_stage("skip_if"),
    "verify": _of_a_stage("verify"),
    "user": _has_users,
    "secrets": lambda plan: bool(plan.get("secrets")) or any(text.get("secrets") for text in _texts(plan)),
    "reboot": lambda plan: any(stage["reboot"] != STAGE["reboot"] for stage in plan["stages"]),
    "rollback": _top("rollback"),
    "group": lambda plan: plan["server"].endswith("*"),
    "every-boot": _top("every_boot"),
    "health": _top("health"),
    **{f"check-{kind}": _check(kind) for kind in CHECK_KINDS},
}


def absent(plan: Plan) -> frozenset[str]:
    """Return the features that this host plan lacks."""
    # A gate must see what the host will do, so the defaults are filled in that the plan leaves out.
    plan = filled(plan)
    return frozenset(feature for feature, is_wanted in GATES.items() if not is_wanted(plan))
