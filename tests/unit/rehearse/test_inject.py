"""The order and the time of what an injector does."""

from __future__ import annotations

import pytest

from bootstrap.errors import UsageError
from bootstrap.payload.model import InjectedFile
from bootstrap.rehearse.inject import Step, schedule

FILES = (
    InjectedFile("/etc/rc.local", b"r" * 20),
    InjectedFile("/etc/initialrunner/bundle", b"b" * 1000),
    InjectedFile("/etc/cron.d/initialrunner", b"t"),
)


def paths(steps: tuple[Step, ...], action: str = "place") -> list[str]:
    return [step.path for step in steps if step.action == action]


def test_files_are_there_before_the_boot_and_the_trigger_is_last() -> None:
    steps = schedule(FILES)
    assert [(step.at_s, step.action, step.mode) for step in steps] == [(0.0, "place", 0o400)] * 3
    assert paths(steps) == [file.path for file in FILES]
    assert [step.data for step in steps] == [file.content for file in FILES]


def test_the_mode_is_the_injectors_not_the_files() -> None:
    assert {step.mode for step in schedule(FILES, mode=0o644)} == {0o644}


def test_reverse_has_the_trigger_first() -> None:
    assert paths(schedule(FILES, order="reverse")) == [file.path for file in reversed(FILES)]


def test_random_is_the_same_for_the_same_seed() -> None:
    orders = [tuple(paths(schedule(FILES, order="random", seed=seed))) for seed in range(20)]
    assert orders == [tuple(paths(schedule(FILES, order="random", seed=seed))) for seed in range(20)]
    assert len(set(orders)) > 3
    assert {frozenset(order) for order in orders} == {frozenset(file.path for file in FILES)}


def test_a_late_file_comes_after_the_others() -> None:
    steps = schedule(FILES, late={"/etc/rc.local": 5.0, "/etc/initialrunner/bundle": 2.0})
    assert [(step.at_s, step.path) for step in steps] == [
        (0.0, "/etc/cron.d/initialrunner"), (2.0, "/etc/initialrunner/bundle"), (5.0, "/etc/rc.local"),
    ]  # fmt: skip


def test_a_late_file_that_is_not_injected_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        schedule(FILES, late={"/etc/rc.locl": 5.0})
    assert caught.value.message == "--late /etc/rc.locl: no such file is injected"
    known = "these are: /etc/rc.local, /etc/initialrunner/bundle, /etc/cron.d/initialrunner"
    assert caught.value.hint == known


def test_a_torn_file_is_empty_then_grows_then_is_whole() -> None:
    steps = [step for step in schedule(FILES, torn=True) if step.path == "/etc/initialrunner/bundle"]
    assert [steps[0].action, *{step.action for step in steps[1:-1]}, steps[-1].action] == ["hold", "chunk", "release"]
    assert b"".join(step.data for step in steps) == FILES[1].content
    assert steps[0].data == b""
    times = [step.at_s for step in steps if step.action != "release"]
    assert len(times) == len(set(times)) == 9
    assert steps[-1].at_s == steps[-2].at_s


def test_torn_files_follow_one_another_and_late_ones_are_torn_when_they_come() -> None:
    steps = schedule(FILES, torn=True, late={"/etc/rc.local": 7.0})
    begins = {step.path: step.at_s for step in steps if step.action == "hold"}
    assert begins == {"/etc/initialrunner/bundle": 0.0, "/etc/cron.d/initialrunner": 0.5, "/etc/rc.local": 7.0}
    assert [step.at_s for step in steps] == sorted(step.at_s for step in steps)


def test_an_empty_file_can_be_torn() -> None:
    steps = schedule([InjectedFile("/etc/empty", b"")], torn=True)
    assert [step.action for step in steps] == ["hold", "release"]
