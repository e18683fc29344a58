"""Servers are made once for each slot, whatever becomes of the answers, and are replaced only up to a bound."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from simulated import R1, R2, Altered, Cloud

from bootstrap.deploy.faults import Busy, Denied, Quota, Throttled, Unknown

NEW = {"revision": "222222222222"}


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    cloud = Cloud(tmp_path)
    cloud.deploy(R1)
    cloud.settle()
    return cloud


def test_an_answer_that_is_lost_after_the_effect_makes_no_second_server(cloud: Cloud) -> None:
    def lose(inner: Any, request: Any) -> None:
        inner(request)
        raise Unknown("the connection was closed")

    assert cloud.deploy(R2, cloud.tier(**NEW), servers=Altered(cloud.servers, create=lose)).code == 0
    assert cloud.names(R2) == ["shop-web-1-000002", "shop-web-2-000002"] and len(cloud.calls("create")) == 2


def test_an_answer_that_is_lost_before_the_effect_leads_to_another_attempt(cloud: Cloud) -> None:
    requests: list[str] = []

    def lose_first(inner: Any, request: Any) -> Any:
        requests.append(request.name)
        if len(requests) == 1:
            raise Unknown("the connection was refused")
        return inner(request)

    assert cloud.deploy(R2, cloud.tier(**NEW), servers=Altered(cloud.servers, create=lose_first)).code == 0
    assert requests == ["shop-web-1-000002", "shop-web-1-000002-2", "shop-web-2-000002"]


def test_a_server_that_a_list_shows_late_is_swept(tmp_path: Path) -> None:
    # The list is further behind than all looks together.
    cloud = Cloud(tmp_path, lag=15.0)

    def lose(inner: Any, request: Any) -> Any:
        server = inner(request)
        if request.marks.slot == 1 and request.marks.attempt == 1:
            raise Unknown("the connection was closed")
        return server

    assert cloud.deploy(R1, servers=Altered(cloud.servers, create=lose)).code == 0
    assert cloud.names() == cloud.member_names() == ["shop-web-1-000001-2", "shop-web-2-000001"]


def test_quota_is_never_asked_again_and_the_message_has_the_numbers(cloud: Cloud) -> None:
    def refuse(inner: Any, request: Any) -> None:
        raise Quota("Quota exceeded for cores", "cores", 2, 4)

    ending = cloud.deploy(R2, cloud.tier(**NEW), servers=Altered(cloud.servers, create=refuse))
    assert ending.code == 5 and len(cloud.calls("create")) == 1
    assert ending.lines[0].startswith("the quota of cores is exceeded: 2 are left, 4 are needed")
    assert cloud.member_names() == ["shop-web-1-000001", "shop-web-2-000001"] and cloud.machines(R2) == []


def test_denied_is_not_asked_again(cloud: Cloud) -> None:
    def refuse(inner: Any, request: Any) -> None:
        raise Denied("you have no right to create servers")

    ending = cloud.deploy(R2, cloud.tier(**NEW), servers=Altered(cloud.servers, create=refuse))
    assert ending.code == 5 and len(cloud.calls("create")) == 1 and "you have no right" in ending.lines[0]


@pytest.mark.parametrize("fault", [Busy("try later"), Throttled("too many requests", 4.0)])
def test_busy_and_throttled_are_waited_for(cloud: Cloud, fault: Exception) -> None:
    times: list[float] = []

    def refuse_twice(inner: Any, request: Any) -> Any:
        times.append(cloud.world.clock)
        if len(times) <= 2:
            raise fault
        return inner(request)

    assert cloud.deploy(R2, cloud.tier(**NEW), servers=Altered(cloud.servers, create=refuse_twice)).code == 0
    # Nothing was made by the refused calls, so the number of the attempt stays.
    assert [call["attempt"] for call in cloud.calls("create")] == [1, 1, 1, 1]
    if isinstance(fault, Throttled):
        assert times[1] - times[0] >= 4.0


def failing(names: dict[str, str]) -> Any:
    """A create call whose server has a fate of its own, by the end of its name."""

    def create(inner: Any, request: Any) -> Any:
        fate = names.get(request.name, "good")
        return inner(type(request)(request.name, request.marks, {"fate": fate}, request.payload))

    return create


def test_a_server_in_error_is_replaced_with_its_reason_kept(cloud: Cloud) -> None:
    servers = Altered(cloud.servers, create=failing({"shop-web-2-000002": "error"}))
    assert cloud.deploy(R2, cloud.tier(**NEW), servers=servers).code == 0
    assert cloud.names(R2) == ["shop-web-1-000002", "shop-web-2-000002-2"]
    reason, delete = cloud.of("reason")[0], cloud.calls("delete")[0]
    assert reason["lines"][0].startswith("No valid host was found") and reason["seq"] < delete["seq"]


@pytest.mark.parametrize(("fate", "code"), [("error", 5), ("stuck", 6)])
def test_replacing_is_bounded(cloud: Cloud, fate: str, code: int) -> None:
    ending = cloud.deploy(R2, cloud.tier(count=1, floor=1, replace_errors=2, settings={"fate": fate}, **NEW))
    assert ending.code == code and "after 2 others were replaced" in ending.lines[0]
    assert len(cloud.calls("create")) == 3 and cloud.machines(R2) == []


def test_a_cloud_that_drops_the_marks_is_refused(cloud: Cloud) -> None:
    def forget(inner: Any, request: Any) -> Any:
        server = inner(request)
        return type(server)(server.id, server.name, server.state)

    ending = cloud.deploy(R2, cloud.tier(**NEW), servers=Altered(cloud.servers, create=forget))
    assert ending.code == 5 and "the cloud has made it without its marks" in ending.lines[0]
