"""What is refused before the first server is made: all of it, each reason once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from rollouts import plan, tier

from bootstrap.deploy.faults import Broken, Denied, Fault, Gone
from bootstrap.deploy.model import Member, PoolPlan, ServerRequest
from bootstrap.deploy.preflight import Findings, Refused, judge_pools, judge_servers, requests
from bootstrap.errors import ExitCode, UsageError


class OnePool:
    """A pool that answers the question for its members in one way."""

    def __init__(self, name: str, fault: Fault | None) -> None:
        self.name, self._fault = name, fault

    def members(self) -> tuple[Member, ...]:
        if self._fault is not None:
            raise self._fault
        return ()

    def add(self, name: str, address: str) -> None:
        raise AssertionError("a preflight changes nothing")

    def drain(self, member_id: str) -> None:
        raise AssertionError("a preflight changes nothing")

    remove = drain


class Names:
    """Payloads that are the name of their server."""

    def payload(self, tier: str, server: str, values: Mapping[str, Any]) -> Any:
        return f"{tier}/{server}/{','.join(values)}"


def messages(findings: Findings) -> list[str]:
    with pytest.raises(Refused) as caught:
        findings.end()
    assert caught.value.exit_code == ExitCode.REFUSED
    return [problem.message for problem in caught.value.problems]


def test_no_problem_refuses_nothing() -> None:
    Findings().end()
    assert Findings().is_empty


def test_every_problem_is_there_once_and_keeps_its_hint() -> None:
    findings = Findings()
    for _ in range(3):
        findings.add("image x does not exist", "openstack image list")
    findings.take(UsageError("no secret is given", hint="--secret-file"))
    assert messages(findings) == ["image x does not exist", "no secret is given"]
    with pytest.raises(Refused) as caught:
        findings.end()
    assert [problem.hint for problem in caught.value.problems] == ["openstack image list", "--secret-file"]


def test_a_pool_may_be_missing_but_not_broken() -> None:
    names = {"new": Gone("404"), "good": None, "blind": Broken("the pool has no monitor"), "far": Denied("HTTP 401")}
    many = plan(tier(pools=tuple(PoolPlan(name, 80) for name in names)))
    findings = Findings()
    judge_pools(findings, many, {name: OnePool(name, fault) for name, fault in names.items()})
    assert messages(findings) == [
        "pool blind of tier web cannot be used: the pool has no monitor",
        "pool far of tier web cannot be used: HTTP 401",
    ]


def test_every_slot_of_every_tier_is_asked_for_with_its_marks() -> None:
    two = plan(tier(name="db", count=1), tier(count=3))
    wanted = requests(two, Names(), {"web": {"tiers": {}}})
    assert [(r.name, r.marks.slot, r.payload) for r in wanted] == [
        ("shop-db-1-ab12cd", 1, "db/shop-db-1-ab12cd/"),
        *((f"shop-web-{n}-ab12cd", n, f"web/shop-web-{n}-ab12cd/tiers") for n in (1, 2, 3)),
    ]


class Cloud:
    """The preflight of a driver."""

    def __init__(self, answer: list[str] | Fault) -> None:
        self._answer = answer

    def preflight(self, requests: Sequence[ServerRequest]) -> list[str]:
        if isinstance(self._answer, Fault):
            raise self._answer
        return self._answer


def test_the_problems_of_the_driver_and_one_that_does_not_answer() -> None:
    findings = Findings()
    judge_servers(findings, Cloud(["flavor m9 does not exist", "cores: 2 are left, 4 are needed"]), [])  # type: ignore[arg-type]
    judge_servers(findings, Cloud(Denied("HTTP 401")), [])  # type: ignore[arg-type]
    assert messages(findings) == [
        "flavor m9 does not exist", "cores: 2 are left, 4 are needed", "the cloud cannot be asked: HTTP 401",
    ]  # fmt: skip
