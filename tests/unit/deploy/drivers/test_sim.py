"""The simulated cloud does what every cloud does, its fates come true, and a deploy file opens it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lease_contract import LeaseContract, MakeLease
from pool_contract import CONTRACT, Behaviour, name_of
from servers_contract import ServersContract, marks
from sim_benches import SimAccount, SimBench

from bootstrap.deploy.drivers import sim
from bootstrap.deploy.drivers.sim import SimLease, SimOutside, SimServers
from bootstrap.deploy.drivers.sim_file import SimFile
from bootstrap.deploy.faults import Quota
from bootstrap.deploy.model import Server, ServerRequest, ServerState
from bootstrap.deploy.protocols import ProbeRequest
from bootstrap.deploy.simulate.dice import Dice
from bootstrap.deploy.simulate.nature import Nature
from bootstrap.deploy.simulate.world import World
from bootstrap.deploy.stopping import Lost

R = marks().revision


class TestSimServers(ServersContract):
    @pytest.fixture
    def world(self) -> SimAccount:
        return SimAccount(World(Nature(), Dice(1)))


class TestSimServersInAFile(ServersContract):
    @pytest.fixture
    def world(self, tmp_path: Path) -> SimAccount:
        return SimAccount(SimFile(tmp_path / "world.json", 1))


class TestSimLease(LeaseContract):
    @pytest.fixture
    def make(self) -> MakeLease:
        world = World(Nature(), Dice(1))
        return lambda pools, holder: SimLease(world, pools, holder)

    @pytest.fixture
    def pools(self) -> tuple[str, str]:
        return "shop.web", "shop.db"


@pytest.fixture
def bench() -> Iterator[SimBench]:
    yield SimBench()


@pytest.mark.parametrize("behaviour", CONTRACT, ids=name_of)
def test_the_pool_does_what_every_pool_does(behaviour: Behaviour, bench: SimBench) -> None:
    behaviour(bench)


def built(world: World, name: str = "shop-web-1-abcd", **settings: Any) -> Server:
    """A server long after it was made."""
    server_id = SimServers(world).create(ServerRequest(name, marks(), settings)).id
    world.clock += 60.0
    return SimServers(world).get(server_id)


def probe(address: str | None, *contains: str) -> ProbeRequest:
    return ProbeRequest(f"http://{address}:8080/ping", contains=contains)


@pytest.mark.parametrize(
    ("fate", "state", "report", "answer"),
    [
        ("good", ServerState.ACTIVE, "healthy", None),
        ("error", ServerState.ERROR, None, "nowhere does not answer"),
        ("stuck", ServerState.BUILDING, None, "nowhere does not answer"),
        ("failed", ServerState.ACTIVE, "failed", "10.0.0.2 does not answer"),
        ("silent", ServerState.ACTIVE, None, None),
        ("mute", ServerState.ACTIVE, "healthy", "10.0.0.2 does not answer"),
        (
            "stale", ServerState.ACTIVE, "healthy",
            "10.0.0.2 answers without '0123456789ab': server=shop-web-1-abcd revision=another-revision "
            "deploy=20270101T000000Z-abcd",
        ),
        (
            "stranger", ServerState.ACTIVE, "healthy",
            "10.0.0.2 answers without 'shop-web-1-abcd': server=another-server revision=0123456789ab "
            "deploy=20270101T000000Z-abcd",
        ),
        ("dies", ServerState.ACTIVE, "healthy", "10.0.0.2 does not answer"),
    ],
)  # fmt: skip
def test_a_fate_comes_true(fate: str, state: ServerState, report: str | None, answer: str | None) -> None:
    world = World(Nature(), Dice(1))
    server = built(world, fate=fate)
    outside = SimOutside(world)
    assert server.state is state
    assert (server.fault is not None) is (state is ServerState.ERROR)
    assert outside.reports(marks().deploy, [server.name])[server.name].state == report
    assert outside.probe([probe(server.address or "nowhere", R, server.name)]) == [answer]


def test_a_text_that_names_nothing_of_the_world_is_in_every_answer() -> None:
    """A deploy file may ask for words of its app, which no simulated app has."""
    world = World(Nature(), Dice(1))
    server = built(world)
    outside = SimOutside(world)
    assert outside.probe([probe(server.address, "pong", R)]) == [None]
    built(world, "shop-web-2-abcd")
    assert outside.probe([probe(server.address, "shop-web-2-abcd")]) != [None]


def test_a_free_address_is_used_again_only_where_the_world_is_so() -> None:
    addresses = {}
    for reuse in (False, True):
        world = World(Nature(reuse=reuse), Dice(1))
        first = built(world)
        SimServers(world).delete(first.id)
        world.clock += 60.0
        addresses[reuse] = first.address == built(world).address
    assert addresses == {False: False, True: True}


def test_more_servers_than_the_quota_are_refused_before_and_at_the_call() -> None:
    world = World(Nature(quota=1), Dice(1))
    servers, request = SimServers(world), ServerRequest("shop-web-1-abcd", marks(), {})
    assert servers.preflight([request]) == []
    assert servers.preflight([request, request]) == [
        "2 servers are needed at the same time and the quota has room for 1: raise the quota, or delete servers that "
        "are not needed"
    ]
    servers.create(request)
    with pytest.raises(Quota) as error:
        servers.create(request)
    assert (error.value.resource, error.value.have, error.value.want) == ("instances", 0, 1)


def test_a_lease_that_somebody_else_had_is_lost_for_ever() -> None:
    world = World(Nature(), Dice(1))
    ours, theirs = SimLease(world, ["p"], "ours"), SimLease(world, ["p"], "theirs")
    ours.take()
    world.clock += 61.0
    theirs.take()
    theirs.release()
    with pytest.raises(Lost, match="pool p is held by theirs"):
        ours.check()
    theirs.take()


def test_a_lease_is_renewed_in_time() -> None:
    world = World(Nature(), Dice(1))
    ours, theirs = SimLease(world, ["p"], "ours"), SimLease(world, ["p"], "theirs")
    ours.take()
    for _ in range(10):
        world.clock += 30.0
        ours.check()
    with pytest.raises(Lost):
        theirs.take()


def test_a_world_without_a_file_is_shared_within_a_process() -> None:
    settings = {"seed": 77}
    server = sim.servers(settings).create(ServerRequest("shop-web-1-abcd", marks(), {}))
    assert sim.servers(settings).get(server.id).name == "shop-web-1-abcd"
    assert sim.servers({"seed": 78}).find(marks().pool) == ()
