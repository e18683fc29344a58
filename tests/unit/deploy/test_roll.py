"""Whole roll-outs on a simulated cloud: the order of the steps, the ends, and what a resume does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from simulated import GATE, R1, R2, R3, Altered, Cloud

from bootstrap.deploy.candidate import Candidate
from bootstrap.deploy.faults import Broken
from bootstrap.deploy.model import GatePlan, OldServer
from bootstrap.deploy.stopping import Lost, Stopped

NEW = {"revision": "222222222222"}


@pytest.fixture
def cloud(tmp_path: Path) -> Cloud:
    """A cloud on which the first deploy has put two servers into the pool."""
    cloud = Cloud(tmp_path)
    assert cloud.deploy(R1).code == 0
    cloud.settle()
    return cloud


def order(cloud: Cloud) -> list[str]:
    """The changing calls and the steps between them, without repetitions."""
    words = [r["call"] if r["type"] == "call" else r["phase"] for r in cloud.records if r["type"] in ("call", "phase")]
    return [word for place, word in enumerate(words) if word != ([None, *words][place])]


def test_the_first_deploy_makes_servers_and_pool_and_deletes_nothing(tmp_path: Path) -> None:
    cloud = Cloud(tmp_path)
    assert cloud.deploy(R1).code == 0
    assert cloud.names() == cloud.member_names() == ["shop-web-1-000001", "shop-web-2-000001"]
    assert order(cloud) == ["creating", "create", "gating", "joining", "add"]


def test_the_old_servers_go_after_the_new_ones_are_proven_and_after_their_time(cloud: Cloud) -> None:
    assert cloud.deploy(R2, cloud.tier(**NEW), leave_old=False).code == 0
    assert cloud.names() == cloud.member_names() == ["shop-web-1-000002", "shop-web-2-000002"]
    assert order(cloud) == [
        "creating", "create", "gating", "joining", "add", "draining", "drain", "removing", "remove", "keeping",
        "deleting", "delete",
    ]  # fmt: skip
    kept_from = next(r["at"] for r in cloud.of("swapped"))
    assert cloud.calls("delete")[0]["at"] - kept_from >= 30.0


def test_a_batch_replaces_one_after_the_other(cloud: Cloud) -> None:
    assert cloud.deploy(R2, cloud.tier(batch=1, **NEW)).code == 0
    calls = [record["call"] for record in cloud.calls()]
    assert calls == ["create", "add", "drain", "remove"] * 2


def test_fewer_servers_than_before_take_their_place(cloud: Cloud) -> None:
    assert cloud.deploy(R2, cloud.tier(count=1, floor=1, **NEW), leave_old=False).code == 0
    assert cloud.names() == ["shop-web-1-000002"]


def test_a_stage_that_fails_takes_back_only_what_is_new(cloud: Cloud) -> None:
    ending = cloud.deploy(R2, cloud.tier(settings={"fate": "failed"}, **NEW))
    assert ending.code == 5 and "stage app exits 7" in ending.lines[0]
    assert cloud.names() == cloud.member_names() == ["shop-web-1-000001", "shop-web-2-000001"]
    reason = next(r for r in cloud.of("reason"))
    assert "install: the package is broken" in reason["lines"]
    # The reason was read while the server still existed.
    assert reason["seq"] < min(r["seq"] for r in cloud.calls("delete"))


def test_a_server_that_never_reports_ends_by_its_deadline(cloud: Cloud) -> None:
    ending = cloud.deploy(R2, cloud.tier(settings={"fate": "silent"}, **NEW))
    assert ending.code == 6 and "did not pass the gate within 120 s: it has not reported yet" in ending.lines[0]
    assert cloud.names() == ["shop-web-1-000001", "shop-web-2-000001"]


def test_later_tiers_see_the_earlier_ones(tmp_path: Path) -> None:
    cloud = Cloud(tmp_path)
    db = cloud.tier("db", count=1, floor=1, pools=(), gate=GatePlan(stable_s=1.0))
    assert cloud.deploy(R1, db, cloud.tier()).code == 0
    tiers = cloud.payloads.values["shop-web-1-000001"]["tiers"]
    server = tiers["db"]["servers"][0]
    assert server["name"] == "shop-db-1-000001" and tiers["db"]["addresses"] == [server["address"]]
    assert server["outputs"] == {"address": server["address"]}
    assert cloud.payloads.values["shop-db-1-000001"]["tiers"] == {}


def test_a_later_tier_that_fails_takes_the_earlier_ones_back(tmp_path: Path) -> None:
    cloud = Cloud(tmp_path)
    cloud.deploy(R1, cloud.tier("app"), cloud.tier("web"))
    cloud.settle()
    ending = cloud.deploy(R2, cloud.tier("app", **NEW), cloud.tier("web", settings={"fate": "mute"}, **NEW))
    assert ending.code == 6
    assert cloud.member_names("app") == ["shop-app-1-000001", "shop-app-2-000001"]
    assert {member.state.value for member in cloud.members("app")} == {"up"}
    assert cloud.machines(R2) == []


class Asked:
    """Raises Stopped at one record, as the first Ctrl-C does."""

    def __init__(self, cloud: Cloud, at: str) -> None:
        self.cloud, self.at, self.is_due = cloud, at, False
        cloud.observe = self.see

    def see(self, record: dict[str, Any]) -> None:
        self.is_due = self.is_due or record.get("phase") == self.at

    def pause(self, inner: Any, seconds: float) -> None:
        if self.is_due:
            self.is_due, self.at = False, ""
            raise Stopped
        inner(seconds)


@pytest.mark.parametrize("phase", ["creating", "gating", "joining", "draining", "removing"])
def test_ctrl_c_turns_back_at_the_next_boundary(cloud: Cloud, phase: str) -> None:
    asked = Asked(cloud, phase)
    ending = cloud.deploy(R2, cloud.tier(**NEW), outside=Altered(cloud.outside, pause=asked.pause))
    assert ending.code == 130 and ending.lines[0] == "the user asked for the end"
    assert cloud.names() == cloud.member_names() == ["shop-web-1-000001", "shop-web-2-000001"]


def test_ctrl_c_while_the_old_servers_are_kept_only_ends_the_waiting(cloud: Cloud) -> None:
    asked = Asked(cloud, "keeping")
    outside = Altered(cloud.outside, pause=asked.pause)
    assert cloud.deploy(R2, cloud.tier(**NEW), outside=outside, leave_old=False).code == 0
    assert cloud.member_names() == ["shop-web-1-000002", "shop-web-2-000002"]
    assert len(cloud.names(R1)) == 2 and cloud.of("left")


class Killed(BaseException):
    """The process ends here."""


def test_killed_after_any_record_the_next_run_ends_it(tmp_path: Path) -> None:
    point = 0
    while True:
        point += 1
        folder = tmp_path / str(point)
        folder.mkdir()
        cloud = Cloud(folder)
        cloud.deploy(R1)
        cloud.settle()
        plan = cloud.plan(R2, cloud.tier(**NEW))
        cloud.records.clear()
        cloud.observe = _killing_at(cloud, point)
        try:
            cloud.deployer(plan, leave_old=False).deploy()
            break
        except Killed:
            cloud.observe = lambda record: None
            # The killed process held the lease, which runs out.
            cloud.settle(61)
        # A create without an answer is looked up, so that no server is made twice.
        assert cloud.deployer(plan, leave_old=False).deploy().code == 0
        assert cloud.names() == cloud.member_names() and len(cloud.names(R2)) == 2
    assert point > 30


def _killing_at(cloud: Cloud, point: int) -> Any:
    def kill(record: dict[str, Any]) -> None:
        if len(cloud.records) == point:
            raise Killed

    return kill


def test_a_resume_of_a_rollback_goes_on_with_it(cloud: Cloud) -> None:
    plan = cloud.plan(R2, cloud.tier(**NEW))
    cloud.observe = _killing("remove")
    with pytest.raises(Killed):
        cloud.deployer(plan).deploy()
    cloud.observe = lambda record: None
    ending = cloud.deployer(plan).roll_back("the user asked for it")
    assert ending.code == 5
    assert cloud.names() == cloud.member_names() == ["shop-web-1-000001", "shop-web-2-000001"]
    assert cloud.deployer(plan).deploy().code == 5


def _killing(call: str) -> Any:
    def kill(record: dict[str, Any]) -> None:
        if record.get("call") == call:
            raise Killed

    return kill


def test_a_lost_lease_ends_without_another_call(cloud: Cloud) -> None:
    plan = cloud.plan(R2, cloud.tier(**NEW))
    deployer = cloud.deployer(plan)

    def lose(record: dict[str, Any]) -> None:
        if record.get("phase") == "joining":
            # The machine sleeps, and somebody else takes the lease.
            cloud.world.clock += 1000.0
            cloud.world.lease("shop.web", "somebody else", 3600.0)

    cloud.observe = lose
    with pytest.raises(Lost, match="somebody else"):
        deployer.deploy()
    assert [record["call"] for record in cloud.calls()][-1] == "create"


def test_a_deletion_that_fails_is_owed_and_paid_later(cloud: Cloud) -> None:
    def refuse(inner: Any, server_id: str) -> None:
        raise Broken("the volume is still attached")

    servers = Altered(cloud.servers, delete=refuse)
    ending = cloud.deploy(R2, cloud.tier(**NEW), leave_old=False, servers=servers)
    assert ending.code == 7 and "owed: shop-web-1-000001: its deletion failed" in ending.lines[0]
    plan = cloud.plan(R2, cloud.tier(**NEW))
    assert cloud.deployer(plan, leave_old=False).deploy().code == 0
    assert cloud.names() == ["shop-web-1-000002", "shop-web-2-000002"]


def test_a_later_deploy_is_never_undone(cloud: Cloud) -> None:
    plan = cloud.plan(R2, cloud.tier(**NEW))
    cloud.observe = _killing("drain")
    with pytest.raises(Killed):
        cloud.deployer(plan).deploy()
    cloud.observe = lambda record: None
    cloud.settle(600)
    assert cloud.deploy(R3, cloud.tier(revision="333333333333"), leave_old=False).code == 0
    cloud.settle(600)
    assert cloud.deployer(plan).deploy().code == 5
    assert cloud.names() == cloud.member_names() == ["shop-web-1-000003", "shop-web-2-000003"]


def test_the_kept_servers_are_swapped_back_without_making_one(cloud: Cloud) -> None:
    cloud.deploy(R2, cloud.tier(**NEW))
    tier = cloud.plan(R3).tiers[0]
    kept = tuple(OldServer(o.id, o.name, o.address, o.deploy, (), o.revision) for o in tier.old if o.deploy == R1)
    served = tuple(old for old in tier.old if old.deploy == R2)
    back = cloud.tier(adopted=kept, old=served)
    plan = cloud.plan(R3)
    plan = type(plan)(plan.name, plan.deploy_id, (back,))
    cloud.records.clear()
    began = cloud.world.clock
    assert cloud.deployer(plan).deploy().code == 0
    ups = {member.name: member.state.value for member in cloud.members()}
    assert ups == {"shop-web-1-000001": "up", "shop-web-2-000001": "up"}
    assert cloud.calls("create") == []
    # The balancer's own checks are the larger part of it; the times of this world are chosen by chance.
    assert cloud.world.clock - began < 30.0


def test_before_swap_decides_and_is_told_what_it_needs(cloud: Cloud) -> None:
    environments: list[dict[str, str]] = []

    def command(inner: Any, line: str, environment: dict[str, str], timeout_s: float) -> tuple[int, str]:
        environments.append(environment)
        return 3, "migration 42 failed"

    gate = GatePlan(GATE.probe, contains=GATE.contains, stable_s=1.0, before_swap="./migrate.sh")
    outside = Altered(cloud.outside, command=command)
    ending = cloud.deploy(R2, cloud.tier(gate=gate, **NEW), outside=outside)
    assert ending.code == 5 and "before_swap of web ended with exit code 3" in ending.lines[0]
    assert cloud.member_names() == ["shop-web-1-000001", "shop-web-2-000001"]
    assert environments[0]["INITIALRUNNER_SERVERS"] == "shop-web-1-000002 shop-web-2-000002"
    old = [member.address for member in cloud.members()]
    assert environments[0]["INITIALRUNNER_OLD_ADDRESSES"].split() == old
    assert "migration 42 failed" in cloud.of("reason")[0]["lines"]
    assert "drain" not in [record["call"] for record in cloud.calls()][:5]


def test_a_probe_is_filled_with_the_facts_of_its_server() -> None:
    gate = GatePlan("http://{address}:{port}/{deploy_id}", contains=("{server} {revision}",))
    candidate = Candidate(1, 1, "web-1", "id", R2, "222", 0.0, "10.0.0.9")
    request = candidate.probe(gate, ())
    assert request is not None and request.url == f"http://10.0.0.9:/{R2}" and request.contains == ("web-1 222",)
