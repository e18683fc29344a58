"""The behaviours that every driver of servers has. A driver's own test file makes a class of them:

    class TestSimServers(ServersContract):
        @pytest.fixture
        def world(self) -> Iterator[ServersWorld]: ...

The world is one account of one cloud, in which the driver works, and which the tests also change past the driver.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import pytest

from bootstrap.deploy.faults import Exists, Fault, Gone
from bootstrap.deploy.model import Marks, Server, ServerRequest, ServerState
from bootstrap.deploy.protocols import Servers

POOL = "shop/web"
DEADLINE_S = 60.0


class ServersWorld(Protocol):
    """One account of a cloud. settings: a `server:` map that is right here; impossible: one that preflight refuses."""

    settings: Mapping[str, Any]
    impossible: Mapping[str, Any]

    def servers(self) -> Servers:
        """A new driver on the same account, as a deployer has after it was started again."""

    def payload(self, name: str, marks: Marks) -> Any:
        """A payload that fits, as `Payloads` renders it."""

    def foreign(self, name: str, metadata: Mapping[str, str]) -> str:
        """Make somebody else's server without the driver: its id."""

    def let_pass(self, seconds: float) -> None:
        """Let time pass: by sleeping, or by moving a virtual clock."""

    def clock(self) -> float:
        """Seconds that only grow, as let_pass counts them."""


class RealTime:
    """The clock of a world that is real."""

    def let_pass(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)

    def clock(self) -> float:
        """The monotonic clock."""
        return time.monotonic()


def marks(slot: int = 1, deploy: str = "20270101T000000Z-abcd", pool: str = POOL, attempt: int = 1) -> Marks:
    """The marks of a server of the pool."""
    return Marks(pool=pool, deploy=deploy, slot=slot, attempt=attempt, revision="0123456789ab")


def request(world: ServersWorld, name: str, of: Marks | None = None) -> ServerRequest:
    """The request of one server that can be made."""
    of = of or marks()
    return ServerRequest(name, of, world.settings, world.payload(name, of))


def until(world: ServersWorld, question: Callable[[], bool], seconds: float = DEADLINE_S) -> None:
    """Let time pass until the answer is yes; fail when it never is."""
    end = world.clock() + seconds
    while not question():
        assert world.clock() < end, "it did not come to pass"
        world.let_pass(0.1)


def is_gone(servers: Servers, server_id: str) -> bool:
    """Whether the cloud knows no such server."""
    try:
        servers.get(server_id)
    except Gone:
        return True
    return False


def active(world: ServersWorld, servers: Servers, server_id: str) -> Server:
    """The server once it is active. Fails when it gets into another state than building before that."""

    def is_active() -> bool:
        server = servers.get(server_id)
        assert server.state in (ServerState.BUILDING, ServerState.ACTIVE), server
        return server.state is ServerState.ACTIVE

    until(world, is_active)
    return servers.get(server_id)


def end(world: ServersWorld, servers: Servers, server_id: str) -> None:
    """Delete a server and wait until it is gone."""
    servers.delete(server_id)
    until(world, lambda: is_gone(servers, server_id))


def ids(servers: Servers, pool: str = POOL) -> set[str]:
    """The ids of the servers of a pool that are not about to go."""
    return {server.id for server in servers.find(pool) if server.state is not ServerState.DELETING}


class ServersContract:
    """Tests of any driver of servers."""

    @pytest.fixture
    def servers(self, world: ServersWorld) -> Servers:
        """A driver in that world."""
        return world.servers()

    def test_a_created_server_has_its_name_and_its_marks_and_becomes_active_with_an_address(
        self, world: ServersWorld, servers: Servers
    ) -> None:
        created = servers.create(request(world, "shop-web-1-abcd", marks(slot=1)))
        assert (created.name, created.marks) == ("shop-web-1-abcd", marks(slot=1))
        server = active(world, servers, created.id)
        assert (server.id, server.name, server.marks, server.fault) == (
            created.id, "shop-web-1-abcd", marks(slot=1), None,
        )  # fmt: skip
        assert server.address
        assert servers.get(created.id) == server

    def test_a_created_server_is_found_at_once_by_another_driver(self, world: ServersWorld, servers: Servers) -> None:
        """The look-up before a second create relies on it: the answer of the first may be lost."""
        created = servers.create(request(world, "shop-web-1-abcd"))
        found = world.servers().find(POOL)
        assert [(server.id, server.name, server.marks) for server in found] == [
            (created.id, "shop-web-1-abcd", marks())
        ]
        assert found[0].state in (ServerState.BUILDING, ServerState.ACTIVE)

    def test_servers_that_live_at_the_same_time_have_different_ids_and_addresses(
        self, world: ServersWorld, servers: Servers
    ) -> None:
        created = [servers.create(request(world, f"shop-web-{slot}-abcd", marks(slot))) for slot in (1, 2, 3)]
        lives = [active(world, servers, server.id) for server in created]
        assert len({server.id for server in lives}) == 3
        assert len({server.address for server in lives}) == 3
        assert sorted(server.marks.slot for server in servers.find(POOL) if server.marks) == [1, 2, 3]

    def test_servers_of_every_deploy_of_the_pool_are_found_and_of_no_other_pool(
        self, world: ServersWorld, servers: Servers
    ) -> None:
        first = servers.create(request(world, "shop-web-1-aaaa", marks(deploy="20270101T000000Z-aaaa")))
        second = servers.create(request(world, "shop-web-1-bbbb", marks(deploy="20270102T000000Z-bbbb", attempt=2)))
        other = servers.create(request(world, "shop-webs-1-aaaa", marks(pool="shop/webs")))
        assert ids(servers) == {first.id, second.id}
        assert ids(servers, "shop/webs") == {other.id}
        assert servers.find("shop/we") == ()

    def test_a_server_of_somebody_else_is_not_found_whatever_its_name_is(
        self, world: ServersWorld, servers: Servers
    ) -> None:
        stranger = world.foreign("shop-web-1-abcd", {})
        partly = marks().metadata()
        partly.popitem()
        other = world.foreign("shop-web-2-abcd", partly)
        assert servers.find(POOL) == ()
        assert [servers.get(server_id).marks for server_id in (stranger, other)] == [None, None]

    def test_a_second_server_of_the_same_name_is_refused_or_is_a_server_of_its_own(
        self, world: ServersWorld, servers: Servers
    ) -> None:
        """Some clouds have unique names and others do not. Either way the first one is not touched."""
        first = servers.create(request(world, "shop-web-1-abcd"))
        try:
            second = servers.create(request(world, "shop-web-1-abcd"))
        except Exists:
            assert ids(servers) == {first.id}
        else:
            assert ids(servers) == {first.id, second.id}
        assert active(world, servers, first.id).marks == marks()

    def test_a_deleted_server_is_never_active_again_and_then_gone(self, world: ServersWorld, servers: Servers) -> None:
        created = active(world, servers, servers.create(request(world, "shop-web-1-abcd")).id)
        other = active(world, servers, servers.create(request(world, "shop-web-2-abcd", marks(slot=2))).id)
        servers.delete(created.id)
        states = {server.id: server.state for server in servers.find(POOL)}
        assert states.pop(created.id, ServerState.DELETING) is ServerState.DELETING
        until(world, lambda: is_gone(servers, created.id))
        assert [server.id for server in servers.find(POOL)] == [other.id]
        assert servers.get(other.id).state is ServerState.ACTIVE

    def test_a_server_can_be_deleted_before_it_is_active(self, world: ServersWorld, servers: Servers) -> None:
        end(world, servers, servers.create(request(world, "shop-web-1-abcd")).id)
        assert servers.find(POOL) == ()

    def test_what_is_gone_or_never_was_raises_gone(self, world: ServersWorld, servers: Servers) -> None:
        created = servers.create(request(world, "shop-web-1-abcd"))
        end(world, servers, created.id)
        for server_id in (created.id, "5f1e2f3a-0000-4000-8000-000000000000"):
            for call in (servers.get, servers.delete, servers.console):
                with pytest.raises(Gone):
                    call(server_id)

    def test_the_console_is_text(self, world: ServersWorld, servers: Servers) -> None:
        created = active(world, servers, servers.create(request(world, "shop-web-1-abcd")).id)
        assert isinstance(servers.console(created.id), str)

    def test_preflight_has_nothing_against_servers_that_can_be_made_and_makes_none(
        self, world: ServersWorld, servers: Servers
    ) -> None:
        requests = [request(world, f"shop-web-{slot}-abcd", marks(slot)) for slot in (1, 2)]
        assert servers.preflight(requests) == []
        assert servers.preflight([]) == []
        assert servers.find(POOL) == ()

    def test_preflight_says_in_sentences_why_a_server_cannot_be_made(
        self, world: ServersWorld, servers: Servers
    ) -> None:
        wrong = ServerRequest("shop-web-1-abcd", marks(), world.impossible, world.payload("shop-web-1-abcd", marks()))
        problems = servers.preflight([wrong])
        assert problems
        assert all(len(problem.split()) > 3 and "\n" not in problem for problem in problems), problems

    def test_a_server_that_cannot_be_made_is_refused_by_a_fault_and_is_not_left_behind(
        self, world: ServersWorld, servers: Servers
    ) -> None:
        wrong = ServerRequest("shop-web-1-abcd", marks(), world.impossible, world.payload("shop-web-1-abcd", marks()))
        with pytest.raises(Fault) as error:
            servers.create(wrong)
        assert error.value.message and "\n" not in error.value.message
        assert servers.find(POOL) == ()
