"""The deployer is killed after each thing that a call does, and HAProxy is reloaded then or not.

The pool has then the members from before the call or those from after it, the next deployer's same call ends it, and
what stands in the file is what the process has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from haproxy_process import HaproxyBench, until
from web_servers import WebServers

from bootstrap.deploy.drivers import haproxy_settings
from bootstrap.deploy.drivers.haproxy import HaproxyPool
from bootstrap.deploy.drivers.haproxy_file import BEGIN, END
from bootstrap.deploy.drivers.haproxy_local import LocalProcess
from bootstrap.deploy.drivers.haproxy_process import Process
from bootstrap.deploy.faults import Gone
from bootstrap.deploy.model import Member, MemberState

pytestmark = pytest.mark.integration
NAME = "shop-web-1-aaaa"


class Killed(BaseException):
    """The end of the deployer, which nothing in it sees coming."""


@dataclass
class Mortal:
    """A process that ends its deployer right after the effect of this number, which is right before the next."""

    real: Process
    number: int
    effects: list[str] = field(default_factory=list)

    def _effect(self, name: str, act: Callable[[], str | None]) -> str:
        self.effects.append(name)
        answer = act()
        if len(self.effects) == self.number:
            raise Killed
        return answer or ""

    def ask(self, command: str) -> str:
        if command.startswith("show "):
            return self.real.ask(command)
        return self._effect(command, lambda: self.real.ask(command))

    def read_file(self) -> str:
        return self.real.read_file()

    def write_file(self, before: str, after: str, *, check: bool = False) -> None:
        self._effect("write", lambda: self.real.write_file(before, after, check=check))

    def reload(self) -> None:
        self._effect("reload", self.real.reload)

    def locked(self) -> AbstractContextManager[None]:
        return self.real.locked()

    def pause(self, seconds: float) -> None:
        self.real.pause(seconds)


@dataclass
class World:
    """The bench, and the pool of a deployer that lives or is mortal."""

    bench: HaproxyBench
    name: str

    def pool(self, number: int = 0) -> tuple[HaproxyPool, Mortal]:
        settings = haproxy_settings.read(self.bench.settings())
        mortal = Mortal(LocalProcess(settings.config, settings.socket), number)
        plan = self.bench.plan(self.name, self.bench.new_listen)
        return HaproxyPool(mortal, plan, haproxy_settings.sections(settings, plan)), mortal

    def members(self) -> dict[str, Member]:
        try:
            return {member.name: member for member in self.pool()[0].members()}
        except Gone:
            return {}

    def state(self) -> MemberState | None:
        member = self.members().get(NAME)
        return member.state if member else None


@pytest.fixture
def world(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    kind, name = request.param
    with WebServers() as servers:
        bench = HaproxyBench(tmp_path, servers, kind)
        with bench.proxy:
            yield World(bench, name)


def remove_if_there(pool: HaproxyPool) -> None:
    try:
        pool.remove(NAME)
    except Gone:
        # A member that is already removed is what was wanted.
        assert NAME not in {member.name for member in pool.members()}


def survive(
    world: World, call: Callable[[HaproxyPool], None], wanted: MemberState | None, reset: Callable[[], None]
) -> str:
    """Kill the deployer at each effect of a call. The effects that the call has, in their order."""
    number = 1
    while True:
        for is_reloaded in (False, True):
            reset()
            before = world.state()
            pool, mortal = world.pool(number)
            try:
                call(pool)
            except Killed:
                pass
            else:
                # There is no effect of this number: all have been tried.
                assert len(mortal.effects) == number - 1
                return " ".join(map(in_short, mortal.effects))
            where = f"killed after {mortal.effects[-1]}, reloaded: {is_reloaded}"
            if is_reloaded:
                world.bench.proxy.reload()
            # Half of a call is seen as not done or as draining, so that the core makes the call again; after a whole
            # one, and after a reload, the member may be on its way up.
            assert world.state() in {before, wanted, MemberState.DRAINING, MemberState.DOWN}, where
            call(world.pool()[0])
            assert_settled(world, wanted, where)
            # Whoever reloads now finds the same.
            world.bench.proxy.reload()
            assert_settled(world, wanted, f"{where}, then reloaded")
        number += 1


def in_short(effect: str) -> str:
    """An effect in one word: write, reload, or what a command does."""
    words = effect.split()
    is_set = words[0] == "set"
    return words[3] if is_set and words[3] == "addr" else words[-1] if is_set else words[0]


def assert_settled(world: World, wanted: MemberState | None, where: str) -> None:
    """The member gets into its state, and nobody else has come or gone."""
    until(lambda: world.state() is wanted, lambda: f"{where}\n{world.members()}")
    strangers = set(world.members()) - {NAME}
    assert strangers == ({world.bench.stranger} if world.name == "web" else set()), where


# Where a server is made, or a slot comes out of maintenance, its checks decide before it gets a session.
CHECKED = "enable drain down ready"


@pytest.mark.parametrize(
    ("world", "effects"),
    [
        (("added", "web"), [f"write add {CHECKED}", "write ready", "drain write", "write maint shutdown del"]),
        (("cookie", "web"), [f"write {CHECKED}", "write ready", "drain write", "write maint shutdown"]),
    ],
    indirect=["world"],
    ids=["added", "cookie"],
)
def test_a_deployer_that_is_killed_in_a_call_leaves_file_and_process_in_step(world: World, effects: list[str]) -> None:
    address = world.bench.address()
    world.bench.serve(address)

    # The slots of the backend with a cookie are made here; the next test kills their maker.
    world.pool()[0].add(NAME, address)

    def removed() -> None:
        remove_if_there(world.pool()[0])
        assert world.state() is None

    def up() -> None:
        world.pool()[0].add(NAME, address)
        until(lambda: world.state() is MemberState.UP)

    def drained() -> None:
        up()
        world.pool()[0].drain(NAME)

    # What comes is written first, and so is what leaves; what drains is written last.
    assert effects == [
        survive(world, lambda pool: pool.add(NAME, address), MemberState.UP, removed),
        survive(world, lambda pool: pool.add(NAME, address), MemberState.UP, drained),
        survive(world, lambda pool: pool.drain(NAME), MemberState.DRAINING, up),
        survive(world, remove_if_there, None, drained),
    ]


@pytest.mark.parametrize(
    ("world", "effects"),
    [
        (("added", "new"), f"write reload write add {CHECKED}"),
        (("cookie", "web"), f"write reload write maint addr {CHECKED}"),
        (("static", "web"), f"write add write reload write maint addr {CHECKED}"),
    ],
    indirect=["world"],
    ids=["pool", "slots", "slots-after-a-refusal"],
)
def test_a_deployer_that_is_killed_while_it_makes_a_pool_or_slots_leaves_none_or_all(
    world: World, effects: str
) -> None:
    address = world.bench.address()
    world.bench.serve(address)
    config = world.bench.proxy.config
    untouched = config.read_text()

    def absent() -> None:
        config.write_text(untouched)
        world.bench.proxy.reload()
        assert world.state() is None

    assert survive(world, lambda pool: pool.add(NAME, address), MemberState.UP, absent) == effects
    # Nothing but our lines, or the sections of the pool below all others, is new.
    lines = config.read_text().splitlines(keepends=True)
    marks = [number for number, line in enumerate(lines) if line.strip() in (BEGIN, END)]
    del lines[marks[0] : marks[1] + 1]
    assert "".join(lines).startswith(untouched)
    assert world.name == "new" or "".join(lines) == untouched
