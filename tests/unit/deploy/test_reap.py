"""Cleaning up by the marks alone, when the folder of the deploy is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from simulated import R1, R2, R3, Cloud

from bootstrap.deploy.model import DeployPlan, Marks, ServerRequest
from bootstrap.deploy.reap import Judgement, judge
from bootstrap.errors import UsageError

NEW = {"revision": "222222222222"}


class Killed(BaseException):
    """The process ends here, and its folder with it."""


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    cloud = Cloud(tmp_path)
    cloud.deploy(R1)
    cloud.settle()
    return cloud


def kill_after(cloud: Cloud, records: int, **tier: Any) -> bool:
    """Whether a second deploy was killed after so many records, before it ended by itself."""

    def kill(record: dict[str, Any]) -> None:
        if len(cloud.records) == records:
            raise Killed

    plan = cloud.plan(R2, cloud.tier(**NEW, **tier))
    cloud.records.clear()
    cloud.observe = kill
    try:
        cloud.deployer(plan, leave_old=False).deploy()
    except Killed:
        return True
    finally:
        cloud.observe = lambda record: None
        cloud.settle(61)
    return False


def asked(cloud: Cloud, deploy: str | None = None) -> Judgement:
    plan = DeployPlan("shop", "", (cloud.tier(),))
    return judge(plan, cloud.servers, cloud.pools(plan), deploy)


def reap(cloud: Cloud, deploy: str | None = None) -> Judgement:
    """Do what the marks ask for, with a journal of its own."""
    judgement = asked(cloud, deploy)
    (cloud.folder / judgement.plan.deploy_id).unlink(missing_ok=True)
    deployer = cloud.deployer(judgement.plan, leave_old=False)
    ending = deployer.finish("reap") if judgement.is_complete else deployer.roll_back(judgement.reason)
    assert ending.code in (0, 5)
    return judgement


def test_killed_after_any_record_the_marks_alone_are_enough(tmp_path: Path) -> None:
    points, ends = 0, set()
    while True:
        points += 1
        folder = tmp_path / str(points)
        folder.mkdir()
        cloud = Cloud(folder)
        cloud.deploy(R1)
        cloud.settle()
        stranger = cloud.world.create(ServerRequest("shop-web-1-000002", Marks("x", "y", 1, 1, "z"), {}))
        stranger.metadata = {"owner": "somebody"}
        if not kill_after(cloud, points):
            break
        if cloud.machines(R2):
            reap(cloud)
        mine = [machine.name for machine in cloud.machines() if machine is not stranger]
        assert sorted(mine) == cloud.member_names() and len(mine) == 2
        # All of one deploy: nothing is left half replaced.
        assert len({name[-6:] for name in mine}) == 1 and stranger in cloud.machines()
        ends.add(mine[0][-6:])
    assert points > 30 and ends == {"000001", "000002"}


def test_a_deploy_that_came_through_is_finished_not_taken_back(cloud: Cloud) -> None:
    assert cloud.deploy(R2, cloud.tier(**NEW)).code == 0
    judgement = reap(cloud)
    assert judgement.is_complete and [name for name, _ in judgement.goes] == ["shop-web-1-000001", "shop-web-2-000001"]
    assert cloud.names() == cloud.member_names() == ["shop-web-1-000002", "shop-web-2-000002"]


def test_a_first_deploy_that_serves_is_left_alone(cloud: Cloud) -> None:
    judgement = reap(cloud)
    assert judgement.is_complete and judgement.goes == ()
    assert cloud.names() == cloud.member_names() == ["shop-web-1-000001", "shop-web-2-000001"]


def test_an_earlier_deploy_loses_only_what_serves_nowhere(cloud: Cloud) -> None:
    cloud.deploy(R2, cloud.tier(**NEW))
    cloud.settle()
    cloud.deploy(R3, cloud.tier(revision="333333333333"))
    judgement = reap(cloud, R1)
    assert [name for name, _ in judgement.goes] == ["shop-web-1-000001", "shop-web-2-000001"]
    assert cloud.names() == [f"shop-web-{slot}-00000{deploy}" for slot in (1, 2) for deploy in (2, 3)]
    assert cloud.member_names() == ["shop-web-1-000003", "shop-web-2-000003"]


def test_a_deploy_without_servers_is_said(cloud: Cloud) -> None:
    with pytest.raises(UsageError, match="no server carries the marks of deploy 20261299T000000-ffffff"):
        asked(cloud, "20261299T000000-ffffff")
    for machine in cloud.machines():
        machine.metadata = {}
    with pytest.raises(UsageError, match="no server carries the marks of a deploy of shop"):
        asked(cloud)
