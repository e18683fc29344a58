"""User-data run as a script by hand: whole it becomes a healthy server, cut off anywhere it is nothing at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from box import Box, needs_root

import bootstrap
from bootstrap.runner.host import BUNDLE, STATE, TRIGGER

pytestmark = [pytest.mark.integration, needs_root]
HELLO = Path(__file__).parents[2] / "examples/hello/hello.yaml"
# What a bundle that ran would have left behind.
TRACES = f"ls -d {BUNDLE} {TRIGGER} {STATE} /srv/hello /usr/local/sbin/initialrunner 2>/dev/null"


@pytest.fixture(scope="module")
def user_data() -> bytes:
    found = bootstrap.load(HELLO).plan("hello-1", deploy_id="by-hand").render().user_data()
    return found if isinstance(found, bytes) else found.encode()


def cuts(size: int) -> list[int]:
    """Fifty places: every byte of the last line's beginning, its middle and end, and a spread over the rest."""
    last = size - len('_bundle  "$@"\n') - 64
    places = {0, 1, 9, 10, 11, *range(last, last + 12), last + 40, last + 60, size - 8, size - 7}
    step = last // (50 - len(places))
    return sorted(places | set(range(step // 2, last, step)))


def test_cut_off_at_any_of_fifty_places_it_leaves_nothing(user_data: bytes) -> None:
    places = cuts(len(user_data))
    assert len(places) >= 50
    with Box() as box:
        for cut in places:
            box.put("/root/user-data", user_data[:cut], mode=0o700)
            done = box.run("/bin/sh", "/root/user-data")
            assert box.sh(TRACES).stdout == "", f"cut at {cut} of {len(user_data)} left traces: {done.stderr}"


@pytest.mark.parametrize("how", ["sh FILE", "pipe into sh", "./FILE"])
def test_whole_it_becomes_a_healthy_server(user_data: bytes, how: str) -> None:
    with Box() as box:
        box.put("/root/user-data", user_data, mode=0o700)
        command = {
            "sh FILE": "sh /root/user-data",
            "pipe into sh": "cat /root/user-data | sh",
            "./FILE": "/root/user-data",
        }
        done = box.sh(command[how])
        assert done.returncode == 0, done.stderr
        box.wait_for(lambda: box.state() == "healthy")
        box.wait_for(lambda: not box.exists(TRIGGER))
        assert [e["stage"] for e in box.events("stage.started")] == ["site"]


def test_without_its_last_words_it_still_knows_itself(user_data: bytes) -> None:
    """A cut after the digest loses only the arguments, and user-data has none."""
    with Box() as box:
        box.put("/root/user-data", user_data[: -len(' "$@"\n')], mode=0o700)
        box.sh("sh /root/user-data")
        box.wait_for(lambda: box.state() == "healthy")


def test_run_again_at_the_next_boot_it_does_nothing(user_data: bytes) -> None:
    with Box() as box:
        box.put("/root/user-data", user_data, mode=0o700)
        box.sh("sh /root/user-data")
        box.wait_for(lambda: box.state() == "healthy" and not box.exists(TRIGGER))
        before = box.journal()
        box.reboot()
        assert box.sh("sh /root/user-data").returncode == 0
        assert box.journal() == before
        assert not box.exists(TRIGGER) and not box.exists(BUNDLE)
