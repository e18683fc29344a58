"""Faults around a roll-out: two at the same time, credentials that end, and a user or a CI job that ends it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from simulated import R1, R2, R3, Altered, Cloud

from bootstrap.deploy.faults import Denied
from bootstrap.deploy.model import Server, ServerRequest
from bootstrap.deploy.stopping import Lost, Stopped

NEW = {"revision": "222222222222"}
OLD = ["shop-web-1-000001", "shop-web-2-000001"]


class Killed(BaseException):
    """The deployer ends here."""


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    """A cloud on which the first deploy has put two servers into the pool."""
    cloud = Cloud(tmp_path)
    assert cloud.deploy(R1).code == 0
    cloud.settle()
    return cloud


@pytest.mark.fault(104)
def test_a_second_deploy_names_the_holder_and_changes_nothing(cloud: Cloud) -> None:
    second: list[str] = []

    def compete(record: dict[str, Any]) -> None:
        if record.get("phase") == "gating" and not second:
            second.append("asked")
            with pytest.raises(Lost, match=R2):
                cloud.deployer(cloud.plan(R3, cloud.tier(revision="333333333333")))

    plan = cloud.plan(R2, cloud.tier(**NEW))
    cloud.observe = compete
    assert cloud.deployer(plan).deploy().code == 0
    assert second and cloud.machines(R3) == []


@pytest.mark.fault(104)
def test_a_holder_that_wakes_after_its_lease_changes_nothing_any_more(cloud: Cloud) -> None:
    plan = cloud.plan(R2, cloud.tier(**NEW))
    cloud.records.clear()

    def sleep(record: dict[str, Any]) -> None:
        if record.get("phase") == "joining":
            cloud.world.clock += 1000.0
            cloud.world.lease("shop.web", "somebody else", 3600.0)

    cloud.observe = sleep
    with pytest.raises(Lost, match="somebody else"):
        cloud.deployer(plan).deploy()
    # Not even its own new servers: they may be the other one's by now.
    assert [call["call"] for call in cloud.calls()] == ["create", "create"]
    assert cloud.member_names() == OLD


@pytest.mark.fault(107)
def test_credentials_that_end_in_the_middle_turn_it_back_and_are_not_asked_again(cloud: Cloud) -> None:
    asked: list[str] = []

    def create(inner: Any, request: ServerRequest) -> Server:
        asked.append(request.name)
        if len(asked) == 2:
            raise Denied("the token has expired, and a new login was refused")
        server: Server = inner(request)
        return server

    ending = cloud.deploy(R2, cloud.tier(**NEW), servers=Altered(cloud.servers, create=create))
    assert ending.code == 5 and "a new login was refused" in ending.lines[0]
    assert len(asked) == 2 and cloud.names() == cloud.member_names() == OLD


@pytest.mark.fault(107)
@pytest.mark.parametrize("phase", ["creating", "joining", "draining"])
def test_a_wish_to_stop_is_heard_between_two_calls_and_turns_back(cloud: Cloud, phase: str) -> None:
    """Ctrl-C and SIGTERM are this wish."""
    wishes: list[str] = []
    cloud.observe = lambda record: wishes.append(phase) if record.get("phase") == phase else None

    def pause(inner: Any, seconds: float) -> None:
        if len(wishes) == 1:
            wishes.append("heard")
            raise Stopped
        inner(seconds)

    ending = cloud.deploy(R2, cloud.tier(**NEW), outside=Altered(cloud.outside, pause=pause))
    assert ending.code == 130
    answered = {record["to"] for record in cloud.of("answer")}
    assert {call["seq"] for call in cloud.calls()} == answered
    assert cloud.names() == cloud.member_names() == OLD


@pytest.mark.fault(107)
def test_a_job_that_is_killed_is_gone_on_with_or_turned_back(cloud: Cloud) -> None:
    def kill(record: dict[str, Any]) -> None:
        if record.get("call") == "drain":
            raise Killed

    plan = cloud.plan(R2, cloud.tier(**NEW))
    cloud.observe = kill
    with pytest.raises(Killed):
        cloud.deployer(plan).deploy()
    cloud.observe = lambda record: None
    cloud.settle(61)
    assert cloud.deployer(plan).roll_back("the job was killed").code == 5
    assert cloud.names() == cloud.member_names() == OLD
