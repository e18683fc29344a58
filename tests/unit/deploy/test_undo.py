"""The way back: only what this deploy made goes, and the floor holds there too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from simulated import R1, R2, Altered, Cloud

from bootstrap.deploy.faults import Broken
from bootstrap.deploy.model import Marks, MemberState, ServerRequest

NEW = {"revision": "222222222222"}


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    cloud = Cloud(tmp_path)
    cloud.deploy(R1)
    cloud.settle()
    return cloud


def half_way(cloud: Cloud, call: str = "remove") -> Any:
    """A deploy that was killed after its first call of this kind."""

    class Killed(BaseException):
        pass

    def kill(record: dict[str, Any]) -> None:
        if record["type"] == "answer" and cloud.calls(call):
            raise Killed

    plan = cloud.plan(R2, cloud.tier(**NEW))
    cloud.records.clear()
    cloud.observe = kill
    with pytest.raises(Killed):
        cloud.deployer(plan).deploy()
    cloud.observe = lambda record: None
    cloud.settle(61)
    return plan


@pytest.mark.parametrize("call", ["create", "add", "drain", "remove"])
def test_the_old_servers_serve_again_before_the_new_ones_leave(cloud: Cloud, call: str) -> None:
    plan = half_way(cloud, call)
    cloud.records.clear()
    ups: list[int] = []

    def drain(inner: Any, member_id: str) -> None:
        inner(member_id)
        ups.append(sum(m.state is MemberState.UP and "000001" in m.name for m in cloud.members()))

    pools = {name: Altered(pool, drain=drain) for name, pool in cloud.pools(plan).items()}
    assert cloud.deployer(plan, pools=pools).roll_back("it is not wanted").code == 5
    assert set(ups) <= {2}
    assert cloud.names() == cloud.member_names() == ["shop-web-1-000001", "shop-web-2-000001"]


def test_new_servers_stay_while_the_old_ones_cannot_serve(cloud: Cloud) -> None:
    plan = half_way(cloud)
    for machine in cloud.machines(R1):
        machine.dies_at = cloud.world.clock
    ending = cloud.deployer(plan).roll_back("it is not wanted")
    assert ending.code == 7 and "it serves still: without it fewer than 2 members would be up" in ending.lines[1]
    assert [m.name for m in cloud.members() if m.state is MemberState.UP] == ["shop-web-1-000002", "shop-web-2-000002"]


def test_servers_of_others_are_not_touched(cloud: Cloud) -> None:
    marks = Marks("shop/web", R2, 1, 1, "222222222222")
    foreign = cloud.world.create(ServerRequest("shop-web-1-000002", marks, {}))
    foreign.metadata = {"owner": "somebody"}
    cloud.world.join("web", 8080, "foreign", foreign.address)
    plan = half_way(cloud)
    assert cloud.deployer(plan).roll_back("it is not wanted").code == 5
    assert "foreign" in cloud.member_names() and foreign.id in {m.id for m in cloud.machines()}
    assert cloud.machines(R2) == []


def test_a_server_that_lost_its_marks_is_spared(cloud: Cloud) -> None:
    plan = half_way(cloud)
    adopted = cloud.machines(R2)[0]
    listed = cloud.servers.find("shop/web")

    def find(inner: Any, pool: str) -> Any:
        # The list is older than the change; the server's own body decides.
        return tuple(server for server in listed if server.id == adopted.id) + inner(pool)

    adopted.metadata = {}
    servers = Altered(cloud.servers, find=find)
    cloud.deployer(plan, servers=servers).roll_back("it is not wanted")
    assert adopted.id in {m.id for m in cloud.machines()} and cloud.of("spared")


def test_a_deletion_that_the_cloud_never_does_is_owed(cloud: Cloud) -> None:
    plan = half_way(cloud)
    servers = Altered(cloud.servers, delete=lambda inner, server_id: None)
    ending = cloud.deployer(plan, servers=servers).roll_back("it is not wanted")
    assert ending.code == 7 and "the cloud has taken the order to delete it, but still lists it" in ending.lines[1]
    assert cloud.deployer(plan).deploy().code == 5 and cloud.machines(R2) == []


def test_one_deletion_that_fails_does_not_keep_the_others(cloud: Cloud) -> None:
    plan = half_way(cloud)

    def refuse(inner: Any, server_id: str) -> None:
        if cloud.world.machines[server_id].name == "shop-web-1-000002":
            raise Broken("500: internal error")
        inner(server_id)

    ending = cloud.deployer(plan, servers=Altered(cloud.servers, delete=refuse)).roll_back("it is not wanted")
    assert ending.code == 7 and cloud.names(R2) == ["shop-web-1-000002"]
    assert ending.lines[1] == "owed: shop-web-1-000002: its deletion failed: 500: internal error"
