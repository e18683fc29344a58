"""The behaviours that every driver of pools has. The tests of a driver bring a bench, and run all of them on it:

    @pytest.mark.parametrize("behaviour", CONTRACT, ids=name_of)
    def test_the_pool_does_what_every_pool_does(behaviour: Behaviour, bench: PoolBench) -> None:
        behaviour(bench)
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import pytest

from bootstrap.deploy.faults import Broken, Exists, Gone
from bootstrap.deploy.model import Member, MemberState
from bootstrap.deploy.protocols import Pool


class PoolBench(Protocol):
    """A balancer for one test, with a pool in which somebody else's member serves.

    stranger: the name of that member. Servers of the bench have addresses of their own, all with the pool's port.
    """

    stranger: str

    def pool(self) -> Pool:
        """A new driver object for the pool, as another process would make it."""

    def absent(self) -> Pool:
        """Likewise for a pool that does not exist before its first `add`."""

    def unmonitored(self) -> Pool:
        """Likewise for a pool that has no monitor."""

    def address(self) -> str:
        """A new address, at which nothing answers yet."""

    def serve(self, address: str) -> None:
        """Start a server there. The pool's monitor likes its answers."""

    def stop(self, address: str) -> None:
        """End the server there, as a crash would."""

    def visits(self, count: int) -> list[str] | None:
        """Make so many new connections to the pool: the addresses that answered. None: nothing can connect here."""

    def hold(self, address: str) -> AbstractContextManager[None]:
        """A session of one client with the server at this address that lasts as long as the `with` block.

        Where nothing can connect it does nothing, and the driver's members have None as their sessions.
        """

    def until(self, question: Callable[[], bool]) -> None:
        """Let time pass until the answer is yes; fail when it never is."""


Behaviour = Callable[[PoolBench], None]


def name_of(behaviour: Behaviour) -> str:
    """The id of a behaviour's test."""
    return behaviour.__name__


def by_name(pool: Pool) -> dict[str, Member]:
    """The members by their names, of which no two are the same."""
    members = pool.members()
    assert len({member.name for member in members}) == len(members), members
    assert len({member.id for member in members}) == len(members), members
    return {member.name: member for member in members}


def is_in(pool: Pool, name: str, state: MemberState) -> Callable[[], bool]:
    """Whether a member is in a state, as a question for `until`."""
    return lambda: by_name(pool)[name].state is state


def serving(bench: PoolBench, pool: Pool, name: str) -> Member:
    """A new member that the balancer calls up."""
    address = bench.address()
    bench.serve(address)
    pool.add(name, address)
    bench.until(is_in(pool, name, MemberState.UP))
    return by_name(pool)[name]


def a_member_of_somebody_else_is_listed_and_stays(bench: PoolBench) -> None:
    pool = bench.pool()
    bench.until(is_in(pool, bench.stranger, MemberState.UP))
    before = by_name(pool)[bench.stranger]
    ours = serving(bench, pool, "shop-web-1-aaaa")
    pool.drain(ours.id)
    pool.remove(ours.id)
    after = by_name(pool)
    assert list(after) == [bench.stranger]
    assert (after[bench.stranger].id, after[bench.stranger].address) == (before.id, before.address)
    assert after[bench.stranger].state is MemberState.UP


def an_added_member_has_its_name_its_address_and_the_port_of_all(bench: PoolBench) -> None:
    pool = bench.pool()
    ours = serving(bench, pool, "shop-web-1-aaaa")
    assert ours.name == "shop-web-1-aaaa"
    assert ours.port == by_name(pool)[bench.stranger].port
    visits = bench.visits(20)
    assert visits is None or ours.address in visits


def a_member_is_up_only_after_its_server_answered(bench: PoolBench) -> None:
    pool, address = bench.pool(), bench.address()
    pool.add("shop-web-1-aaaa", address)
    assert by_name(pool)["shop-web-1-aaaa"].state is not MemberState.UP
    bench.until(is_in(pool, "shop-web-1-aaaa", MemberState.DOWN))
    assert address not in (bench.visits(10) or [])
    bench.serve(address)
    bench.until(is_in(pool, "shop-web-1-aaaa", MemberState.UP))


def a_member_whose_server_ends_is_down(bench: PoolBench) -> None:
    pool = bench.pool()
    ours = serving(bench, pool, "shop-web-1-aaaa")
    bench.stop(ours.address)
    bench.until(is_in(pool, ours.name, MemberState.DOWN))


def adding_a_member_again_changes_nothing(bench: PoolBench) -> None:
    pool = bench.pool()
    ours = serving(bench, pool, "shop-web-1-aaaa")
    pool.add(ours.name, ours.address)
    again = by_name(pool)
    assert sorted(again) == sorted([bench.stranger, ours.name])
    assert (again[ours.name].id, again[ours.name].state) == (ours.id, MemberState.UP)


def an_address_belongs_to_one_name(bench: PoolBench) -> None:
    pool = bench.pool()
    ours = serving(bench, pool, "shop-web-1-aaaa")
    with pytest.raises(Exists, match="shop-web-1-aaaa"):
        pool.add("shop-web-1-bbbb", ours.address)
    with pytest.raises(Exists, match=bench.stranger):
        pool.add("shop-web-1-bbbb", by_name(pool)[bench.stranger].address)
    assert sorted(by_name(pool)) == sorted([bench.stranger, ours.name])


def a_name_belongs_to_one_address(bench: PoolBench) -> None:
    pool = bench.pool()
    ours = serving(bench, pool, "shop-web-1-aaaa")
    with pytest.raises(Exists, match="shop-web-1-aaaa"):
        pool.add(ours.name, bench.address())
    assert by_name(pool)[ours.name].address == ours.address


def a_draining_member_gets_no_new_session(bench: PoolBench) -> None:
    pool = bench.pool()
    ours = serving(bench, pool, "shop-web-1-aaaa")
    pool.drain(ours.id)
    assert by_name(pool)[ours.name].id == ours.id
    bench.until(is_in(pool, ours.name, MemberState.DRAINING))
    assert ours.address not in (bench.visits(20) or [])


def draining_twice_changes_nothing(bench: PoolBench) -> None:
    pool = bench.pool()
    ours = serving(bench, pool, "shop-web-1-aaaa")
    pool.drain(ours.id)
    pool.drain(ours.id)
    bench.until(is_in(pool, ours.name, MemberState.DRAINING))


def a_drained_member_that_is_added_serves_again(bench: PoolBench) -> None:
    pool = bench.pool()
    ours = serving(bench, pool, "shop-web-1-aaaa")
    pool.drain(ours.id)
    bench.until(is_in(pool, ours.name, MemberState.DRAINING))
    pool.add(ours.name, ours.address)
    bench.until(is_in(pool, ours.name, MemberState.UP))
    visits = bench.visits(20)
    assert visits is None or ours.address in visits


def sessions_of_a_draining_member_go_on_and_are_counted(bench: PoolBench) -> None:
    pool = bench.pool()
    ours = serving(bench, pool, "shop-web-1-aaaa")
    with bench.hold(ours.address):
        pool.drain(ours.id)
        bench.until(is_in(pool, ours.name, MemberState.DRAINING))
        assert by_name(pool)[ours.name].sessions in (1, None)
    bench.until(lambda: by_name(pool)[ours.name].sessions in (0, None))


def a_removed_member_is_gone(bench: PoolBench) -> None:
    pool = bench.pool()
    ours = serving(bench, pool, "shop-web-1-aaaa")
    pool.drain(ours.id)
    pool.remove(ours.id)
    assert list(by_name(pool)) == [bench.stranger]
    assert ours.address not in (bench.visits(10) or [])
    with pytest.raises(Gone):
        pool.remove(ours.id)
    with pytest.raises(Gone):
        pool.drain(ours.id)


def a_member_is_removed_with_the_sessions_it_has(bench: PoolBench) -> None:
    pool = bench.pool()
    ours = serving(bench, pool, "shop-web-1-aaaa")
    with bench.hold(ours.address):
        pool.remove(ours.id)
        assert list(by_name(pool)) == [bench.stranger]


def a_member_that_was_never_up_is_removed(bench: PoolBench) -> None:
    pool = bench.pool()
    pool.add("shop-web-1-aaaa", bench.address())
    pool.remove(by_name(pool)["shop-web-1-aaaa"].id)
    assert list(by_name(pool)) == [bench.stranger]


def a_removed_member_may_come_back(bench: PoolBench) -> None:
    pool = bench.pool()
    ours = serving(bench, pool, "shop-web-1-aaaa")
    pool.drain(ours.id)
    pool.remove(ours.id)
    pool.add(ours.name, ours.address)
    bench.until(is_in(pool, ours.name, MemberState.UP))


def an_address_may_be_used_again_after_its_member_was_removed(bench: PoolBench) -> None:
    pool = bench.pool()
    ours = serving(bench, pool, "shop-web-1-aaaa")
    pool.remove(ours.id)
    pool.add("shop-web-1-bbbb", ours.address)
    bench.until(is_in(pool, "shop-web-1-bbbb", MemberState.UP))
    assert sorted(by_name(pool)) == sorted([bench.stranger, "shop-web-1-bbbb"])


def a_member_that_never_was_is_gone(bench: PoolBench) -> None:
    pool = bench.pool()
    for call in (pool.drain, pool.remove):
        with pytest.raises(Gone):
            call("no-such-member")


def another_process_sees_the_same_and_goes_on(bench: PoolBench) -> None:
    ours = serving(bench, bench.pool(), "shop-web-1-aaaa")
    assert by_name(bench.pool())[ours.name].id == ours.id
    bench.pool().add(ours.name, ours.address)
    bench.pool().drain(ours.id)
    bench.until(is_in(bench.pool(), ours.name, MemberState.DRAINING))
    bench.pool().remove(ours.id)
    assert list(by_name(bench.pool())) == [bench.stranger]


def a_swap_of_two_for_two_leaves_the_new(bench: PoolBench) -> None:
    pool = bench.pool()
    old = [serving(bench, pool, f"shop-web-{slot}-aaaa") for slot in (1, 2)]
    new = [serving(bench, pool, f"shop-web-{slot}-bbbb") for slot in (1, 2)]
    for member in old:
        pool.drain(member.id)
    for member in old:
        bench.until(lambda member=member: by_name(pool)[member.name].sessions in (0, None))  # type: ignore[misc]
        pool.remove(member.id)
    assert sorted(by_name(pool)) == sorted([bench.stranger, *(member.name for member in new)])
    assert {member.state for member in pool.members()} == {MemberState.UP}
    visits = bench.visits(30)
    assert visits is None or {member.address for member in new} <= set(visits)


def a_pool_that_does_not_exist_is_gone(bench: PoolBench) -> None:
    pool = bench.absent()
    with pytest.raises(Gone):
        pool.members()
    for call in (pool.drain, pool.remove):
        with pytest.raises(Gone):
            call("no-such-member")


def the_first_member_makes_the_pool(bench: PoolBench) -> None:
    pool = bench.absent()
    ours = serving(bench, pool, "shop-web-1-aaaa")
    serving(bench, pool, "shop-web-2-aaaa")
    assert sorted(by_name(bench.absent())) == ["shop-web-1-aaaa", "shop-web-2-aaaa"]
    pool.remove(ours.id)
    assert list(by_name(pool)) == ["shop-web-2-aaaa"]
    assert sorted(by_name(bench.pool())) == [bench.stranger]


def a_pool_outlives_its_last_member(bench: PoolBench) -> None:
    pool = bench.absent()
    pool.remove(serving(bench, pool, "shop-web-1-aaaa").id)
    assert pool.members() == ()
    serving(bench, pool, "shop-web-1-bbbb")


def a_pool_without_a_monitor_is_refused(bench: PoolBench) -> None:
    pool, address = bench.unmonitored(), bench.address()
    with pytest.raises(Broken):
        pool.members()
    with pytest.raises(Broken):
        pool.add("shop-web-1-aaaa", address)


CONTRACT: tuple[Behaviour, ...] = (
    a_member_of_somebody_else_is_listed_and_stays,
    an_added_member_has_its_name_its_address_and_the_port_of_all,
    a_member_is_up_only_after_its_server_answered,
    a_member_whose_server_ends_is_down,
    adding_a_member_again_changes_nothing,
    an_address_belongs_to_one_name,
    a_name_belongs_to_one_address,
    a_draining_member_gets_no_new_session,
    draining_twice_changes_nothing,
    a_drained_member_that_is_added_serves_again,
    sessions_of_a_draining_member_go_on_and_are_counted,
    a_removed_member_is_gone,
    a_member_is_removed_with_the_sessions_it_has,
    a_member_that_was_never_up_is_removed,
    a_removed_member_may_come_back,
    an_address_may_be_used_again_after_its_member_was_removed,
    a_member_that_never_was_is_gone,
    another_process_sees_the_same_and_goes_on,
    a_swap_of_two_for_two_leaves_the_new,
    a_pool_that_does_not_exist_is_gone,
    the_first_member_makes_the_pool,
    a_pool_outlives_its_last_member,
    a_pool_without_a_monitor_is_refused,
)
