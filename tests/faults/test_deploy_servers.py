"""Faults of a roll-out at the servers: lost answers, quotas, servers that never come up, and answers of others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from simulated import R1, R2, Altered, Cloud

from bootstrap.deploy.faults import Broken, Throttled, Unknown
from bootstrap.deploy.model import DeployPlan, Server, ServerRequest
from bootstrap.deploy.reap import judge

NEW = {"revision": "222222222222"}
OLD = ["shop-web-1-000001", "shop-web-2-000001"]


class Killed(BaseException):
    """The deployer ends here, with whatever it was doing."""


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    """A cloud on which the first deploy has put two servers into the pool."""
    return with_two(Cloud(tmp_path))


def with_two(cloud: Cloud) -> Cloud:
    assert cloud.deploy(R1).code == 0
    cloud.settle()
    return cloud


def created_ever(cloud: Cloud, deploy: str) -> list[str]:
    """The names of all servers that a deploy has made, also of those that are gone."""
    machines = cloud.world.machines.values()
    return sorted(m.name for m in machines if m.metadata.get("initialrunner-deploy") == deploy)


def killed_after_a_create(cloud: Cloud) -> DeployPlan:
    """The plan of a deploy that was killed when the cloud had made its first server, and had not answered yet."""

    def create(inner: Any, request: ServerRequest) -> Server:
        inner(request)
        raise Killed

    plan = cloud.plan(R2, cloud.tier(**NEW))
    with pytest.raises(Killed):
        cloud.deployer(plan, servers=Altered(cloud.servers, create=create)).deploy()
    # The killed process held the lease, which runs out.
    cloud.settle(61)
    return plan


@pytest.mark.fault(94)
def test_a_deployer_that_died_after_a_create_finds_the_server_again(cloud: Cloud) -> None:
    plan = killed_after_a_create(cloud)
    assert cloud.deployer(plan, leave_old=False).deploy().code == 0
    assert created_ever(cloud, R2) == cloud.names() == ["shop-web-1-000002", "shop-web-2-000002"]


@pytest.mark.fault(94)
def test_without_its_folder_the_marks_are_enough_to_clean_up(cloud: Cloud) -> None:
    plan = killed_after_a_create(cloud)
    (cloud.folder / R2).unlink()
    judgement = judge(replace(plan, deploy_id=""), cloud.servers, cloud.pools(plan))
    assert [name for name, _ in judgement.goes] == ["shop-web-1-000002"]
    assert cloud.deployer(judgement.plan).roll_back(judgement.reason).code == 5
    assert cloud.names() == cloud.member_names() == OLD


@pytest.mark.fault(95)
@pytest.mark.parametrize("was_made", [True, False])
def test_a_create_whose_answer_was_lost_is_looked_up_first(cloud: Cloud, was_made: bool) -> None:
    lost: list[str] = []

    def create(inner: Any, request: ServerRequest) -> Server:
        if lost:
            server: Server = inner(request)
            return server
        lost.append(request.name)
        if was_made:
            inner(request)
        raise Unknown("the connection was reset")

    assert cloud.deploy(R2, cloud.tier(**NEW), servers=Altered(cloud.servers, create=create)).code == 0
    # The number of an attempt that may have worked is never used again.
    first = "shop-web-1-000002" if was_made else "shop-web-1-000002-2"
    assert created_ever(cloud, R2) == sorted([first, "shop-web-2-000002"])


@pytest.mark.fault(96)
def test_a_quota_is_never_asked_twice_and_nothing_half_made_stays(tmp_path: Path) -> None:
    cloud = with_two(Cloud(tmp_path, quota=3))
    ending = cloud.deploy(R2, cloud.tier(**NEW))
    assert ending.code == 5
    assert "the quota of instances is exceeded: 0 are left, 1 are needed" in ending.lines[0]
    assert [call["server"] for call in cloud.calls("create")] == ["shop-web-1-000002", "shop-web-2-000002"]
    assert cloud.names() == cloud.member_names() == OLD


@pytest.mark.fault(96)
def test_a_cloud_that_limits_the_rate_is_given_the_time_that_it_asks_for(cloud: Cloud) -> None:
    times: list[float] = []

    def create(inner: Any, request: ServerRequest) -> Server:
        times.append(cloud.world.clock)
        if len(times) == 1:
            raise Throttled("too many requests", 30.0)
        server: Server = inner(request)
        return server

    assert cloud.deploy(R2, cloud.tier(**NEW), servers=Altered(cloud.servers, create=create)).code == 0
    assert times[1] - times[0] >= 30.0 and len(created_ever(cloud, R2)) == 2


@pytest.mark.fault(97)
@pytest.mark.parametrize(("fate", "code", "words"), [("error", 5, "No valid host was found"), ("stuck", 6, "building")])
def test_servers_that_never_come_up_are_replaced_a_few_times(cloud: Cloud, fate: str, code: int, words: str) -> None:
    ending = cloud.deploy(R2, cloud.tier(settings={"fate": fate}, replace_errors=2, **NEW))
    assert ending.code == code and words in ending.lines[0]
    # Two slots, and two replacements for both of them together.
    assert len(created_ever(cloud, R2)) == 4
    assert cloud.names() == cloud.member_names() == OLD
    assert any(words in line for record in cloud.of("reason") for line in record["lines"])


@pytest.mark.fault(98)
def test_nothing_is_rebooted_however_late_a_server_begins(tmp_path: Path) -> None:
    cloud = with_two(Cloud(tmp_path, run=(60.0, 60.0)))
    assert cloud.deploy(R2, cloud.tier(**NEW), leave_old=False).code == 0
    assert {call["call"] for call in cloud.calls()} == {"create", "add", "drain", "remove", "delete"}
    assert created_ever(cloud, R2) == cloud.names()


@pytest.mark.fault(99)
@pytest.mark.parametrize("fate", ["stale", "stranger"])
def test_an_answer_of_another_release_or_server_never_passes(cloud: Cloud, fate: str) -> None:
    ending = cloud.deploy(R2, cloud.tier(settings={"fate": fate}, **NEW))
    assert ending.code == 6 and "answers without" in ending.lines[0]
    assert cloud.calls("add") == [] and cloud.names() == cloud.member_names() == OLD


@pytest.mark.fault(99)
def test_an_address_that_two_servers_have_proves_nothing(cloud: Cloud) -> None:
    taken = cloud.machines(R1)[0]

    def get_taken(server: Server) -> Server:
        return replace(server, address=taken.address) if server.name == "shop-web-1-000002" else server

    servers = Altered(
        cloud.servers,
        find=lambda inner, pool: tuple(get_taken(server) for server in inner(pool)),
        get=lambda inner, server_id: get_taken(inner(server_id)),
        create=lambda inner, request: get_taken(inner(request)),
    )
    ending = cloud.deploy(R2, cloud.tier(**NEW), servers=servers)
    assert ending.code == 6 and f"shop-web-1-000001 has its address {taken.address} as well" in ending.lines[0]
    assert cloud.calls("add") == [] and cloud.member_names() == OLD


@pytest.mark.fault(105)
def test_a_rollback_whose_delete_fails_is_owed_and_paid_by_the_next_one(cloud: Cloud) -> None:
    def refuse(inner: Any, server_id: str) -> None:
        raise Broken("the volume is still attached")

    tier = cloud.tier(settings={"fate": "failed"}, **NEW)
    plan = cloud.plan(R2, tier)
    ending = cloud.deployer(plan, servers=Altered(cloud.servers, delete=refuse)).deploy()
    assert ending.code == 7
    owed = [line for line in ending.lines if line.startswith("owed: ")]
    assert len(owed) == 2 and "shop-web-1-000002: its deletion failed: the volume is still attached" in owed[0]
    assert len(cloud.names(R2)) == 2
    # What is owed is tried again, and the deploy ends with the code of its failure.
    assert cloud.deployer(plan).deploy().code == 5
    assert cloud.names() == cloud.member_names() == OLD


@pytest.mark.fault(106)
@pytest.mark.parametrize("batch", [None, 1])
def test_a_part_that_is_healthy_is_not_enough(cloud: Cloud, batch: int | None) -> None:
    """All of a tier, or nothing: the good servers go as well, and the old ones are back in every pool."""

    def create(inner: Any, request: ServerRequest) -> Server:
        fate = "failed" if request.marks.slot == 2 else "good"
        server: Server = inner(replace(request, settings={"fate": fate}))
        return server

    ending = cloud.deploy(R2, cloud.tier(batch=batch, **NEW), servers=Altered(cloud.servers, create=create))
    assert ending.code == 5 and "shop-web-2-000002 failed: stage app exits 7" in ending.lines[0]
    assert cloud.names() == cloud.member_names() == OLD
    assert {member.state.value for member in cloud.members()} == {"up"}
