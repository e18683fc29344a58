"""What every lease of a deployer must do. A test class inherits it and makes leases whose pools are shared."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import pytest
from collector_process import DEPLOY_TOKEN, ROOT, until

from bootstrap.deploy.protocols import Lease
from bootstrap.deploy.stopping import Lost


class MakeLease(Protocol):
    """Makes the lease of one deployer. Leases of the same pools compete."""

    def __call__(self, pools: Iterable[str], holder: str) -> Lease: ...


class LeaseContract:
    """The fixture `make` is a MakeLease; `pools` has two names of pools that no other test uses."""

    def test_the_holder_may_go_on_and_may_take_it_again(self, make: MakeLease, pools: tuple[str, str]) -> None:
        lease = make(pools, "anna@one, process 1")
        lease.take()
        lease.check()
        lease.take()
        lease.check()

    def test_a_second_deployer_is_told_who_has_the_right(self, make: MakeLease, pools: tuple[str, str]) -> None:
        first, second = make(pools, "anna@one, process 1"), make(pools, "berta@two, process 2")
        first.take()
        with pytest.raises(Lost) as caught:
            second.take()
        assert caught.value.holder == "anna@one, process 1"
        assert f"pool {min(pools)} is held by anna@one, process 1" in caught.value.message
        with pytest.raises(Lost):
            second.check()
        first.check()

    def test_all_pools_are_had_or_none(self, make: MakeLease, pools: tuple[str, str]) -> None:
        """Whoever gets only the first of two pools gives it back at once."""
        low, high = sorted(pools)
        owner, both, other = make([high], "a"), make([high, low], "b"), make([low], "c")
        owner.take()
        with pytest.raises(Lost, match=f"pool {high} is held by a"):
            both.take()
        other.take()
        other.check()

    def test_what_was_given_back_is_free_and_no_longer_ours(self, make: MakeLease, pools: tuple[str, str]) -> None:
        first, second = make(pools, "a"), make(pools, "b")
        first.take()
        first.release()
        first.release()
        with pytest.raises(Lost):
            first.check()
        second.take()
        # To give back what somebody else has by now takes nothing from them.
        first.release()
        second.check()
        with pytest.raises(Lost, match="is held by b"):
            first.take()

    def test_a_loser_gives_back_nothing_of_the_winner(self, make: MakeLease, pools: tuple[str, str]) -> None:
        first, second = make(pools, "a"), make(pools, "b")
        first.take()
        with pytest.raises(Lost):
            second.take()
        second.release()
        first.check()
        with pytest.raises(Lost, match="is held by a"):
            second.take()

    def test_no_right_is_had_before_it_is_taken(self, make: MakeLease, pools: tuple[str, str]) -> None:
        with pytest.raises(Lost, match="given back, or was never taken"):
            make(pools, "a").check()

    def test_control_characters_of_a_holder_reach_no_terminal(self, make: MakeLease, pools: tuple[str, str]) -> None:
        first, second = make(pools, "a\N{RIGHT-TO-LEFT OVERRIDE}b"), make(pools, "c")
        first.take()
        with pytest.raises(Lost) as caught:
            second.take()
        assert caught.value.message.isprintable()


# --- a deployer that is a process of its own ------------------------------------------------------------------------

DEPLOYER = """\
import os, signal, sys
from pathlib import Path
from bootstrap.client.collector import Collector
from bootstrap.deploy.lease import CollectorLease
from bootstrap.deploy.lock import LocalLease
from bootstrap.deploy.stopping import Lost

kind, place, pool, calls = sys.argv[1:]
if kind == "local":
    lease = LocalLease(Path(place), [pool], "the paused one")
else:
    lease = CollectorLease(Collector(place, os.environ["TOKEN"]), [pool], "the paused one", ttl_s=1)
lease.take()

def call(name):
    lease.check()
    with open(calls, "a") as file:
        file.write(name + "\\n")

call("first")
print("at work", flush=True)
os.kill(os.getpid(), signal.SIGSTOP)
try:
    call("second")
except Lost as lost:
    print("lost:", lost.holder, flush=True)
"""


def started(*arguments: str) -> subprocess.Popen[str]:
    """A real deployer that makes one call, stops itself, and goes on with SIGCONT."""
    process = subprocess.Popen(
        [sys.executable, "-c", DEPLOYER, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TOKEN": DEPLOY_TOKEN},
    )
    assert process.stdout
    assert process.stdout.readline() == "at work\n"
    until(lambda: Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
    return process
