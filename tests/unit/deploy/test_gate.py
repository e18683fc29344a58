"""A server passes only with its report, its own answer from outside, and long enough."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from simulated import GATE, R1, R2, Altered, Cloud

from bootstrap.deploy.faults import Denied, Unknown
from bootstrap.deploy.model import GatePlan
from bootstrap.deploy.protocols import Report

NEW = {"revision": "222222222222"}


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    cloud = Cloud(tmp_path)
    cloud.deploy(R1)
    cloud.settle()
    return cloud


@pytest.mark.parametrize(
    ("fate", "seen"),
    [("stale", "answers without '222222222222'"), ("stranger", "answers without 'shop-web-1-000002'"),
     ("mute", "does not answer")],
)  # fmt: skip
def test_another_answer_never_passes(cloud: Cloud, fate: str, seen: str) -> None:
    ending = cloud.deploy(R2, cloud.tier(settings={"fate": fate}, **NEW))
    assert ending.code == 6 and seen in ending.lines[0]
    assert cloud.calls("add") == [] and cloud.machines(R2) == []


def test_a_healthy_report_alone_is_not_enough(cloud: Cloud) -> None:
    def reports(inner: Any, deploy: str, names: list[str]) -> dict[str, Report]:
        return {name: Report("healthy") for name in names}

    outside = Altered(cloud.outside, reports=reports)
    assert cloud.deploy(R2, cloud.tier(settings={"fate": "mute"}, **NEW), outside=outside).code == 6


def test_a_good_probe_alone_is_not_enough(cloud: Cloud) -> None:
    def reports(inner: Any, deploy: str, names: list[str]) -> dict[str, Report]:
        return {name: Report("running") for name in names}

    outside = Altered(cloud.outside, reports=reports)
    ending = cloud.deploy(R2, cloud.tier(**NEW), outside=outside)
    assert ending.code == 6 and "it reports running" in ending.lines[0]


def test_a_spec_that_does_not_report_is_judged_by_its_probe(cloud: Cloud) -> None:
    def reports(inner: Any, deploy: str, names: list[str]) -> dict[str, Report]:
        raise AssertionError("nobody reports")

    outside = Altered(cloud.outside, reports=reports)
    assert cloud.deploy(R2, cloud.tier(reports=False, **NEW), outside=outside).code == 0


def test_an_answer_that_stops_begins_its_time_again(cloud: Cloud) -> None:
    passes: list[float] = []

    def probe(inner: Any, requests: list[Any]) -> list[str | None]:
        passes.append(cloud.world.clock)
        # The third look fails.
        return ["status 503" if len(passes) == 3 else None for _ in requests]

    tier = cloud.tier(count=1, floor=1, gate=GatePlan(GATE.probe, contains=GATE.contains, stable_s=20.0), **NEW)
    assert cloud.deploy(R2, tier, outside=Altered(cloud.outside, probe=probe)).code == 0
    joined = next(r["at"] for r in cloud.of("phase") if r["phase"] == "joining")
    assert joined - cloud.world.epoch - passes[3] >= 20.0


def test_a_collector_that_does_not_answer_for_a_while_holds_up_only(cloud: Cloud) -> None:
    end = cloud.world.clock + 40.0

    def reports(inner: Any, deploy: str, names: list[str]) -> Any:
        if cloud.world.clock < end:
            raise Unknown("connection refused")
        return inner(deploy, names)

    assert cloud.deploy(R2, cloud.tier(**NEW), outside=Altered(cloud.outside, reports=reports)).code == 0


def test_a_collector_that_refuses_the_token_ends_it(cloud: Cloud) -> None:
    def reports(inner: Any, deploy: str, names: list[str]) -> Any:
        raise Denied("401: the token is not known")

    ending = cloud.deploy(R2, cloud.tier(**NEW), outside=Altered(cloud.outside, reports=reports))
    assert ending.code == 5 and "the collector refuses to be read" in ending.lines[0]


def test_an_address_that_two_servers_have_never_passes(cloud: Cloud) -> None:
    old = next(m for m in cloud.machines(R1))

    def find(inner: Any, pool: str) -> Any:
        return tuple(
            type(s)(s.id, s.name, s.state, old.address, s.marks) if s.name == "shop-web-1-000002" and s.address else s
            for s in inner(pool)
        )

    ending = cloud.deploy(R2, cloud.tier(**NEW), servers=Altered(cloud.servers, find=find))
    assert ending.code == 6 and "shop-web-1-000001 has its address" in ending.lines[0]


def test_a_server_that_somebody_deletes_is_replaced(cloud: Cloud) -> None:
    def take_away(record: dict[str, Any]) -> None:
        if record.get("phase") == "gating" and len(cloud.calls("create")) == 2:
            machine = next(m for m in cloud.machines(R2))
            machine.gone_at = cloud.world.clock

    cloud.observe = take_away
    assert cloud.deploy(R2, cloud.tier(**NEW)).code == 0
    assert cloud.names(R2) == ["shop-web-1-000002-2", "shop-web-2-000002"]
