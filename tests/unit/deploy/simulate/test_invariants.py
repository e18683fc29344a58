"""The judge sees what breaks a rule, and nothing in what does not: each rule by a world made for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bootstrap.deploy.faults import Quota, Unknown
from bootstrap.deploy.model import DeployPlan, GatePlan, Marks, OldServer, PoolPlan, ServerRequest, TierPlan
from bootstrap.deploy.simulate.dice import Dice
from bootstrap.deploy.simulate.endings import judge_end
from bootstrap.deploy.simulate.invariants import Judge, Violation
from bootstrap.deploy.simulate.nature import NEVER, Nature
from bootstrap.deploy.simulate.things import Balancer, Machine, Seat
from bootstrap.deploy.simulate.world import World

OLD, NEW = "20270101T080000Z-aaaa", "20270102T080000Z-bbbb"
GATE = GatePlan("http://{address}:8080/", contains=("{server}", "{revision}"), stable_s=0.0, before_swap="./migrate")
TIER = TierPlan("web", "shop/web", "r2", 1, 1, {}, (PoolPlan("web", 8080),), GATE, drain_s=5.0)


def put(judge: Judge, slot: int, deploy: str, **life: Any) -> Machine:
    """A server of the tier that serves."""
    world = judge.world
    marks = Marks("shop/web", deploy, slot, 1, "r2" if deploy == NEW else "r1")
    name = f"shop-web-{slot}-{deploy[-4:]}"
    facts = {"ends_at": 0.0, "answers_at": 0.0, "says": (name, marks.revision, deploy)} | life
    return world.settle(Machine(world.next_id("s"), name, marks.metadata(), "", 0.0, 0.0, **facts))


def seat(judge: Judge, machine: Machine, **facts: Any) -> Seat:
    world = judge.world
    member = Seat(world.next_id("m"), machine.name, machine.address, **{"added_at": 0.0, "check": 1.0, **facts})
    world.balancers["web"].seats[member.id] = member
    return member


@pytest.fixture
def judge() -> Judge:
    """A judge of a deploy with one old server that serves."""
    world = World(Nature(), Dice(1), clock=100.0)
    world.balancers["web"] = Balancer("web", 8080)
    judge = Judge(world, DeployPlan("shop", NEW, (TIER,)))
    machine = put(judge, 1, OLD)
    seat(judge, machine, busy=0.0, load=0)
    old = OldServer(machine.id, machine.name, machine.address, OLD, ("web",), "r1")
    judge = Judge(world, replace(judge.plan, tiers=(replace(TIER, old=(old,)),)))
    judge.fences = {"shop.web": world.lease("shop.web", NEW, 60.0).fence}
    return judge


def request(slot: int = 1, deploy: str = NEW) -> ServerRequest:
    return ServerRequest(f"shop-web-{slot}-{deploy[-4:]}", Marks("shop/web", deploy, slot, 1, "r2"), {})


def drain(judge: Judge, member_id: str) -> None:
    judge.begins("drain", member_id)
    judge.drain("web", member_id)
    judge.world.drain("web", member_id)
    judge.done("drain")


def swap(judge: Judge) -> Machine:
    """The new server serves, and the command has passed."""
    machine = put(judge, 1, NEW)
    judge.add("web", machine.name, machine.address)
    seat(judge, machine, busy=0.0, load=0)
    judge.hook("web", 0)
    return machine


def test_a_whole_swap_breaks_nothing(judge: Judge) -> None:
    judge.begins("create", request())
    judge.create(request())
    judge.answered("create")
    swap(judge)
    drain(judge, "m2")
    judge.remove("web", "m2")
    judge.world.leave("web", "m2")
    judge_end(judge, 0, (), is_calm=True, came_through=True, keeps_old=True)


def test_the_floor_is_of_members_that_are_up(judge: Judge) -> None:
    machine = put(judge, 1, NEW, answers_at=99.9, dies_at=99.95)
    seat(judge, machine, busy=0.0, load=0)
    judge.hook("web", 0)
    with pytest.raises(Violation, match="drain left 0 members of web serving; the floor is 1"):
        drain(judge, "m2")


def test_a_server_that_died_by_itself_is_nobodys_fault(judge: Judge) -> None:
    judge.world.machines["s1"].dies_at = 50.0
    judge.hook("web", 0)
    drain(judge, "m2")


def test_the_command_comes_before_the_first_drain(judge: Judge) -> None:
    with pytest.raises(Violation, match="was drained before the command had passed"):
        judge.drain("web", "m2")


@pytest.mark.parametrize("change", ["create", "delete", "drain", "add"])
def test_nothing_is_changed_without_the_lease(judge: Judge, change: str) -> None:
    judge.world.clock += 61.0
    judge.world.lease("shop.web", "another", 60.0)
    judge.world.release("shop.web", 2)
    acts = {
        "create": lambda: judge.create(request()),
        "delete": lambda: judge.delete("s1"),
        "drain": lambda: judge.drain("web", "m2"),
        "add": lambda: judge.add("web", "shop-web-1-aaaa", "10.0.0.2"),
    }
    with pytest.raises(Violation, match=f"{change} in web without its lease, which another has"):
        acts[change]()


@pytest.mark.parametrize(
    ("life", "words"),
    [
        ({"healthy": False}, "before it reported healthy"),
        ({"ends_at": 200.0}, "before it reported healthy"),
        ({"says": ("shop-web-1-bbbb", "r1", NEW)}, "its app says shop-web-1-bbbb r1"),
        ({"says": ("shop-web-1-aaaa", "r2", NEW)}, "its app says shop-web-1-aaaa r2"),
        ({"answers_at": 200.0}, "before it was stable"),
        ({"quiet": (90.0, 110.0)}, "while it did not answer"),
    ],
)
def test_a_server_that_is_not_proven_joins_no_pool(judge: Judge, life: dict[str, Any], words: str) -> None:
    machine = put(judge, 1, NEW, **life)
    with pytest.raises(Violation, match=words):
        judge.add("web", machine.name, machine.address)


def test_an_address_of_two_servers_joins_no_pool(judge: Judge) -> None:
    machine, twin = put(judge, 1, NEW), put(judge, 2, NEW)
    twin.address = machine.address
    with pytest.raises(Violation, match="with the address of another server"):
        judge.add("web", machine.name, machine.address)


def test_who_has_lost_an_answer_looks_before_the_next_call(judge: Judge) -> None:
    judge.begins("create", request())
    judge.refused("create", Unknown("lost"))
    with pytest.raises(Violation, match="made again before anybody looked"):
        judge.begins("create", request())
    judge.looked_up("shop/web")
    judge.begins("create", request())


def test_a_quota_is_asked_once(judge: Judge) -> None:
    judge.begins("create", request())
    judge.refused("create", Quota("no more"))
    with pytest.raises(Violation, match="after the quota had refused one"):
        judge.begins("create", request())


def test_marks_decide_at_the_moment_of_the_call(judge: Judge) -> None:
    judge.world.machines["s1"].metadata = {}
    judge.hook("web", 0)
    with pytest.raises(Violation, match="does not carry our marks"):
        judge.delete("s1")
    with pytest.raises(Violation, match="does not carry our marks"):
        judge.drain("web", "m2")


def test_sessions_have_the_time_of_the_drain(judge: Judge) -> None:
    swap(judge)
    member = judge.world.balancers["web"].seats["m2"]
    member.load, member.busy = 3, NEVER
    drain(judge, "m2")
    with pytest.raises(Violation, match=r"3 sessions of shop-web-1-aaaa were cut after 0\.0 s"):
        judge.remove("web", "m2")
    judge.world.clock += 5.0
    judge.remove("web", "m2")


def test_a_reload_changes_nothing(judge: Judge) -> None:
    judge.reload(lambda: None)
    with pytest.raises(Violation, match="a reload left 0 members of web; the floor is 1"):
        judge.reload(lambda: judge.world.balancers["web"].seats.clear())


@pytest.mark.parametrize(
    ("code", "lines", "words"),
    [
        (0, (), "the slots of web that serve are"),
        (5, (), "shop-web-1-bbbb is left, and the exit code is 5"),
        (7, ("owed: shop-web-2-bbbb: why",), "shop-web-1-bbbb is left, and the exit code is 7"),
        (7, (), "something is owed, and nobody says what"),
        (130, (), "nobody asked for the end"),
        (3, (), "the exit code is 3"),
    ],
)
def test_an_end_says_what_is_left(judge: Judge, code: int, lines: tuple[str, ...], words: str) -> None:
    put(judge, 1, NEW)
    with pytest.raises(Violation, match=words):
        judge_end(judge, code, lines, is_calm=False, came_through=code == 0, keeps_old=False)


def test_what_is_said_to_be_owed_may_be_left(judge: Judge) -> None:
    put(judge, 1, NEW)
    judge_end(judge, 7, ("owed: shop-web-1-bbbb: why",), is_calm=False, came_through=False, keeps_old=False)


def test_after_a_rollback_the_old_serve_as_before(judge: Judge) -> None:
    judge_end(judge, 5, (), is_calm=False, came_through=False, keeps_old=False)
    judge.world.drain("web", "m2")
    with pytest.raises(Violation, match="is old and serves no more in web"):
        judge_end(judge, 5, (), is_calm=False, came_through=False, keeps_old=False)
