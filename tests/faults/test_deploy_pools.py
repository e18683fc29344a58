"""Faults of a roll-out at the balancer: it is busy or broken, its members stay down, old ones would leave too early."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from simulated import GATE, R1, R2, Altered, Cloud

from bootstrap.deploy.faults import Broken, Busy, Exists, Unknown
from bootstrap.deploy.model import MemberState

NEW = {"revision": "222222222222"}
OLD = ["shop-web-1-000001", "shop-web-2-000001"]
BOTH_NEW = ["shop-web-1-000002", "shop-web-2-000002"]


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    """A cloud on which the first deploy has put two servers into the pool."""
    cloud = Cloud(tmp_path)
    assert cloud.deploy(R1).code == 0
    cloud.settle()
    return cloud


def deploy(cloud: Cloud, **calls: Any) -> Any:
    """The second deploy, with other calls of the pool."""
    plan = cloud.plan(R2, cloud.tier(**NEW))
    cloud.records.clear()
    pools = {name: Altered(pool, **calls) for name, pool in cloud.pools(plan).items()}
    return cloud.deployer(plan, pools=pools).deploy()


def ups(cloud: Cloud) -> list[str]:
    return sorted(member.name for member in cloud.members() if member.state is MemberState.UP)


@pytest.mark.fault(100)
def test_a_balancer_that_is_busy_is_asked_again(cloud: Cloud) -> None:
    refused: list[str] = []

    def busy_at_first(inner: Any, *arguments: str) -> None:
        if len(refused) < 6 and refused.count(arguments[0]) < 2:
            refused.append(arguments[0])
            raise Busy("the load balancer is immutable (PENDING_UPDATE)")
        inner(*arguments)

    assert deploy(cloud, add=busy_at_first, drain=busy_at_first, remove=busy_at_first).code == 0
    assert len(refused) == 6 and ups(cloud) == BOTH_NEW == cloud.member_names()


@pytest.mark.fault(100)
def test_a_member_that_is_there_already_is_read_back_before_it_is_accepted(cloud: Cloud) -> None:
    """The answer to the first call was lost, and the second one meets what the first has done."""
    asked: list[str] = []

    def add(inner: Any, name: str, address: str) -> None:
        asked.append(name)
        if asked.count(name) == 1:
            # The member shows up only after the look that follows a lost answer.
            raise Unknown("the connection was reset")
        inner(name, address)
        raise Exists("another member of the pool is already using this address")

    assert deploy(cloud, add=add).code == 0
    assert ups(cloud) == BOTH_NEW


@pytest.mark.fault(100)
def test_an_address_of_somebody_elses_member_is_never_taken_over(cloud: Cloud) -> None:
    def add(inner: Any, name: str, address: str) -> None:
        raise Exists("another member of the pool is already using this address")

    ending = deploy(cloud, add=add)
    assert ending.code == 5 and "cannot join web: another member" in ending.lines[0]
    assert cloud.names() == OLD == ups(cloud)


@pytest.mark.fault(100)
def test_a_balancer_in_error_ends_the_deploy_at_once(cloud: Cloud) -> None:
    asked: list[str] = []

    def add(inner: Any, name: str, address: str) -> None:
        asked.append(name)
        raise Broken("the load balancer is in ERROR")

    ending = deploy(cloud, add=add)
    assert ending.code == 5 and "the load balancer is in ERROR" in ending.lines[0]
    assert len(asked) == 1 and cloud.names() == OLD == ups(cloud)


@pytest.mark.fault(101)
def test_members_that_the_balancer_never_calls_up_go_and_no_others(cloud: Cloud) -> None:
    cloud.world.nature = replace(cloud.world.nature, dead=1.0)
    ending = cloud.deploy(R2, cloud.tier(**NEW))
    assert ending.code == 6 and "was not up at the balancer within 120 s: web says down" in ending.lines[0]
    left = {call["server"] for call in cloud.calls() if call["call"] in ("drain", "remove", "delete")}
    assert left == set(BOTH_NEW)
    assert cloud.names() == OLD == ups(cloud)


@pytest.mark.fault(102)
def test_an_old_server_stays_until_its_last_session_has_ended(cloud: Cloud) -> None:
    for seat in cloud.world.balancers["web"].seats.values():
        seat.busy, seat.load = 8.0, 3
    sessions: list[int | None] = []

    def remove(inner: Any, member_id: str) -> None:
        sessions.extend(member.sessions for member in cloud.members() if member.id == member_id)
        inner(member_id)

    assert deploy(cloud, remove=remove).code == 0
    assert sessions == [0, 0] and cloud.of("cut") == []
    steps = [record["call"] for record in cloud.calls()]
    assert steps == ["create"] * 2 + ["add"] * 2 + ["drain"] * 2 + ["remove"] * 2


@pytest.mark.fault(102)
def test_sessions_that_outlast_the_time_to_drain_are_counted(cloud: Cloud) -> None:
    for seat in cloud.world.balancers["web"].seats.values():
        seat.busy, seat.load = 1e9, 3
    began = cloud.world.clock
    assert deploy(cloud).code == 0
    assert cloud.of("cut")[0]["sessions"] == 6
    assert cloud.world.clock - began >= 10.0 and ups(cloud) == BOTH_NEW


@pytest.mark.fault(103)
@pytest.mark.parametrize("batch", [None, 1])
def test_fewer_than_the_floor_are_never_up(cloud: Cloud, batch: int | None) -> None:
    counts: list[int] = []
    cloud.observe = lambda record: counts.append(len(ups(cloud)))
    assert cloud.deploy(R2, cloud.tier(batch=batch, **NEW)).code == 0
    assert min(counts) >= 2 and len(counts) > 20


@pytest.mark.fault(103)
def test_no_old_server_leaves_when_the_new_ones_have_died_meanwhile(cloud: Cloud) -> None:
    def command(inner: Any, line: str, environment: dict[str, str], timeout_s: float) -> tuple[int, str]:
        # Between the balancer's word and the first drain.
        for machine in cloud.machines(R2):
            machine.dies_at = cloud.world.clock
        cloud.settle(5.0)
        return 0, ""

    tier = cloud.tier(gate=replace(GATE, before_swap="./migrate.sh"), **NEW)
    ending = cloud.deploy(R2, tier, outside=Altered(cloud.outside, command=command))
    assert ending.code == 6 and "cannot leave: fewer than 2 members would be up" in ending.lines[0]
    assert cloud.names() == OLD == ups(cloud)
