"""The pools: the balancer's word, the floor, drains and lost answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from simulated import R1, R2, Altered, Cloud

from bootstrap.deploy.faults import Broken, Busy, Exists, Unknown
from bootstrap.deploy.model import DeployPlan, MemberState
from bootstrap.deploy.simulate.nature import NEVER

NEW = {"revision": "222222222222"}


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    cloud = Cloud(tmp_path)
    cloud.deploy(R1)
    cloud.settle()
    return cloud


def altered(cloud: Cloud, plan: DeployPlan, **calls: Any) -> dict[str, Any]:
    return {name: Altered(pool, **calls) for name, pool in cloud.pools(plan).items()}


def run(cloud: Cloud, **calls: Any) -> Any:
    plan = cloud.plan(R2, cloud.tier(**NEW))
    cloud.records.clear()
    return cloud.deployer(plan, pools=altered(cloud, plan, **calls)).deploy()


def test_a_member_that_is_never_up_is_taken_back(tmp_path: Path) -> None:
    cloud = Cloud(tmp_path, dead=1.0)
    ending = cloud.deploy(R1)
    assert ending.code == 6 and "was not up at the balancer within 120 s: web says down" in ending.lines[0]
    assert cloud.machines() == [] and cloud.members() == ()


def test_old_servers_leave_only_when_the_balancer_says_up(cloud: Cloud) -> None:
    states: list[dict[str, str]] = []

    def look(inner: Any, member_id: str) -> None:
        states.append({member.name: member.state.value for member in cloud.members()})
        inner(member_id)

    assert run(cloud, drain=look).code == 0
    assert [states[0][f"shop-web-{slot}-000002"] for slot in (1, 2)] == ["up", "up"]


def test_the_floor_holds_when_a_new_server_goes_down_before_the_drain(cloud: Cloud) -> None:
    plan = cloud.plan(R2, cloud.tier(**NEW))

    def die(record: dict[str, Any]) -> None:
        if record.get("call") == "drain":
            # One of the new ones has stopped serving, and the balancer's checks have seen it.
            machine = next(m for m in cloud.machines(R2) if m.name == "shop-web-2-000002")
            machine.dies_at = min(machine.dies_at, cloud.world.clock - 10.0)

    cloud.observe = die
    cloud.records.clear()
    ending = cloud.deployer(plan).deploy()
    assert ending.code == 6 and "cannot leave: fewer than 2 members would be up" in ending.lines[0]
    ups = sorted(member.name for member in cloud.members() if member.state is MemberState.UP)
    assert ups == ["shop-web-1-000001", "shop-web-2-000001"]


def test_sessions_that_do_not_end_are_cut_after_the_drain_and_counted(tmp_path: Path) -> None:
    cloud = Cloud(tmp_path, forever=1.0)
    cloud.deploy(R1)
    cloud.settle()
    load = sum(member.sessions or 0 for member in cloud.members())
    began = cloud.world.clock
    assert cloud.deploy(R2, cloud.tier(**NEW)).code == 0
    assert sum(record["sessions"] for record in cloud.of("cut")) == load > 0
    drained = next(r["at"] for r in cloud.of("phase") if r["phase"] == "draining")
    removed = next(r["at"] for r in cloud.of("phase") if r["phase"] == "removing")
    assert removed - drained >= 10.0 and cloud.world.clock > began


def test_a_balancer_that_counts_no_sessions_gets_the_whole_drain(cloud: Cloud) -> None:
    def uncounted(inner: Any) -> Any:
        return tuple(type(m)(m.id, m.name, m.address, m.port, m.state, None) for m in inner())

    assert run(cloud, members=uncounted).code == 0
    drained, removed = (
        next(r["at"] for r in cloud.of("phase") if r["phase"] == phase) for phase in ("draining", "removing")
    )
    assert removed - drained >= 10.0 and cloud.of("cut") == []


@pytest.mark.parametrize("call", ["add", "drain", "remove"])
@pytest.mark.parametrize("is_done", [True, False], ids=["after the effect", "before the effect"])
def test_a_lost_answer_of_a_pool_is_read_back(cloud: Cloud, call: str, is_done: bool) -> None:
    lost: list[object] = []

    def lose(inner: Any, *arguments: str) -> None:
        if len(lost) < 2:
            lost.append(arguments)
            if is_done:
                inner(*arguments)
            raise Unknown("the connection was closed")
        inner(*arguments)

    assert run(cloud, **{call: lose}).code == 0
    assert cloud.member_names() == ["shop-web-1-000002", "shop-web-2-000002"]
    # What was done is not asked for again, but a drain, which may be half done: HAProxy drains, and its file serves.
    assert len(cloud.calls(call)) == (2 if is_done and call != "drain" else 4)


def test_a_busy_balancer_is_asked_again_and_the_floor_is_looked_at_again(cloud: Cloud) -> None:
    refusals: list[str] = []

    def refuse(inner: Any, member_id: str) -> None:
        if len(refusals) < 5:
            refusals.append(member_id)
            raise Busy("the load balancer is immutable")
        inner(member_id)

    assert run(cloud, drain=refuse).code == 0
    assert len(cloud.calls("drain")) == 7


def test_an_address_of_another_member_is_refused(cloud: Cloud) -> None:
    def refuse(inner: Any, name: str, address: str) -> None:
        raise Exists("Another member on this pool is already using ip 10.0.0.3")

    ending = run(cloud, add=refuse)
    assert ending.code == 5 and "cannot join web: Another member on this pool" in ending.lines[0]
    assert cloud.member_names() == ["shop-web-1-000001", "shop-web-2-000001"] and cloud.machines(R2) == []


def test_an_address_that_we_have_put_in_ourselves_is_accepted(cloud: Cloud) -> None:
    def twice(inner: Any, name: str, address: str) -> None:
        inner(name, address)
        raise Exists("Another member on this pool is already using ip " + address)

    assert run(cloud, add=twice).code == 0


def test_a_pool_without_a_monitor_is_refused(cloud: Cloud) -> None:
    cloud.world.balancers["web"].monitored = False
    with pytest.raises(Broken, match="has no health monitor"):
        cloud.plan(R2)


def test_a_member_without_a_monitor_never_passes(cloud: Cloud) -> None:
    def unknown(inner: Any) -> Any:
        return tuple(
            type(m)(m.id, m.name, m.address, m.port, MemberState.UNKNOWN if "000002" in m.name else m.state, m.sessions)
            for m in inner()
        )

    ending = run(cloud, members=unknown)
    assert ending.code == 5 and "web has no monitor, so nobody knows" in ending.lines[0]


def test_a_member_that_serves_again_while_it_drains_is_drained_again(cloud: Cloud) -> None:
    def reload(record: dict[str, Any]) -> None:
        if record["type"] == "answer" and len(cloud.calls("drain")) == 2 and not cloud.calls("remove"):
            # The balancer reads a file that does not say that it drains.
            seat = next(s for s in cloud.world.balancers["web"].seats.values() if s.name == "shop-web-1-000001")
            seat.drained_at = NEVER

    states: list[str] = []

    def remove(inner: Any, member_id: str) -> None:
        states.append(next(m.state.value for m in cloud.members() if m.id == member_id))
        inner(member_id)

    cloud.observe = reload
    assert run(cloud, remove=remove).code == 0
    assert states == ["draining", "draining"] and len(cloud.calls("drain")) == 3
