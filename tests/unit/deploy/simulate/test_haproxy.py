"""The HAProxy of a simulated world, behind the real driver, does what every pool does, and forgets at a reload."""

from __future__ import annotations

import pytest
from pool_contract import CONTRACT, Behaviour, name_of
from sim_benches import HaproxySimBench

from bootstrap.deploy.model import MemberState


@pytest.fixture
def bench() -> HaproxySimBench:
    return HaproxySimBench()


@pytest.mark.parametrize("behaviour", CONTRACT, ids=name_of)
def test_the_pool_does_what_every_pool_does(behaviour: Behaviour, bench: HaproxySimBench) -> None:
    behaviour(bench)


def test_a_reload_brings_what_the_file_says(bench: HaproxySimBench) -> None:
    bench.process.ask("add server web/by-hand 10.0.0.99:8080 check")
    assert [seat.name for seat in bench.world.balancers["web"].seats.values()] == ["printer", "by-hand"]
    address = bench.address()
    bench.serve(address)
    bench.process.ask("del server web/by-hand")
    bench.pool().add("shop-web-1-abcd", address)
    bench.process.begin_again()
    assert sorted(member.name for member in bench.pool().members()) == ["printer", "shop-web-1-abcd"]


def test_a_server_that_is_added_waits_for_its_checks(bench: HaproxySimBench) -> None:
    address = bench.address()
    bench.serve(address)
    bench.pool().add("shop-web-1-abcd", address)
    states = {member.name: member.state for member in bench.pool().members()}
    assert states["shop-web-1-abcd"] is MemberState.DOWN
    bench.world.clock += 10.0
    states = {member.name: member.state for member in bench.pool().members()}
    assert states["shop-web-1-abcd"] is MemberState.UP
