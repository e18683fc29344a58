"""The right to change pools at a real collector, for processes that race, sleep, and are stopped or killed."""

from __future__ import annotations

import itertools
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from collector_process import DEPLOY_TOKEN, TOKEN, CollectorProcess, until
from lease_contract import LeaseContract, MakeLease, started

from bootstrap.client.collector import Collector
from bootstrap.deploy.clock import boot_clock
from bootstrap.deploy.lease import CollectorLease, Taken, Unsure, holder_words
from bootstrap.deploy.lock import LocalLease
from bootstrap.deploy.stopping import Lost

NUMBERS = itertools.count()


class Clock:
    """A clock that jumps when a test says so, as that of a laptop which was closed."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return boot_clock() + self.ahead


class Cut:
    """A collector's client whose requests, or only their answers, get lost while `lost` says so."""

    def __init__(self, real: Collector) -> None:
        self.real, self.lost, self.asked = real, "", 0

    def lease(self, *arguments: object, **more: object) -> object:
        self.asked += 1
        return self._pass("lease", *arguments, **more)

    def leases(self) -> object:
        return self._pass("leases")

    def _pass(self, call: str, *arguments: object, **more: object) -> object:
        from bootstrap.client.collector import Unreachable

        if self.lost == "requests":
            raise Unreachable("the collector at URL does not answer: Connection refused")
        answer = getattr(self.real, call)(*arguments, **more)
        if self.lost == "one answer":
            self.lost = ""
            raise Unreachable("the collector at URL does not answer: Connection reset by peer")
        return answer


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    with CollectorProcess(tmp_path_factory.mktemp("collector")) as running:
        yield running


@pytest.fixture
def client(collector: CollectorProcess) -> Iterator[Collector]:
    client = Collector(collector.url, DEPLOY_TOKEN)
    yield client
    client._session.close()


@pytest.fixture
def pools() -> tuple[str, str]:
    number = next(NUMBERS)
    # Not in the order of the alphabet: it must not matter.
    return f"shop{number}.web", f"shop{number}.db"


class TestCollectorLease(LeaseContract):
    @pytest.fixture
    def make(self, client: Collector) -> MakeLease:
        return lambda pools, holder: CollectorLease(client, pools, holder)


# --- at a collector ---------------------------------------------------------------------------------------------------


def seize(client: Collector, pool: str, holder: str = "thief") -> None:
    """Wait until the lease of a pool has ended, and take it for somebody else."""
    thief = CollectorLease(client, [pool], holder)

    def is_taken() -> bool:
        try:
            thief.take()
        except Taken:
            return False
        return True

    until(is_taken)


def test_a_check_costs_no_request_until_the_renewal_is_due(client: Collector, pools: tuple[str, str]) -> None:
    clock, cut = Clock(), Cut(client)
    lease = CollectorLease(cut, pools, "a", clock=clock)  # type: ignore[arg-type]
    lease.take()
    for _ in range(100):
        lease.check()
    assert cut.asked == 2
    clock.ahead = 30
    for _ in range(100):
        lease.check()
    assert cut.asked == 4


def test_after_its_time_the_holder_goes_on_if_nobody_was_faster(client: Collector, pools: tuple[str, str]) -> None:
    clock = Clock()
    lease = CollectorLease(client, pools, "a", ttl_s=1, clock=clock)
    lease.take()
    until(lambda: not [held for held in client.leases() if held["pool"] in pools])
    lease.check()
    assert {held["holder"] for held in client.leases() if held["pool"] in pools} == {"a"}


def test_after_a_jump_of_the_clock_a_lease_that_another_has_had_is_lost(
    client: Collector, pools: tuple[str, str]
) -> None:
    clock, pool = Clock(), pools[0]
    lease = CollectorLease(client, [pool], "a", ttl_s=1, clock=clock)
    lease.take()
    seize(client, pool, "b@two, process 7")
    clock.ahead = 100
    for _ in range(2):
        with pytest.raises(
            Lost, match=f"^the right to change pool {pool} was lost: pool {pool} is held by b@two"
        ) as caught:
            lease.check()
        assert (caught.value.holder, isinstance(caught.value, Taken | Unsure)) == ("b@two, process 7", False)


def test_a_lease_that_another_has_had_is_not_taken_again_in_silence(client: Collector, pools: tuple[str, str]) -> None:
    """Also when the other one has given it back, since nobody knows what it has changed."""
    clock, pool = Clock(), pools[0]
    lease = CollectorLease(client, [pool], "a", ttl_s=1, clock=clock)
    lease.take()
    seize(client, pool)
    fence = next(held["fence"] for held in client.leases() if held["pool"] == pool)
    client.lease(pool, "thief", 0, fence)
    clock.ahead = 100
    with pytest.raises(Lost, match="was lost") as caught:
        lease.check()
    assert caught.value.holder is None


def test_while_the_collector_is_away_the_deployer_goes_on_until_the_time_is_over(
    client: Collector, pools: tuple[str, str]
) -> None:
    clock, cut = Clock(), Cut(client)
    lease = CollectorLease(cut, pools, "a", clock=clock)  # type: ignore[arg-type]
    lease.take()
    cut.lost = "requests"
    clock.ahead = 40
    asked = cut.asked
    for _ in range(100):
        lease.check()
    # Each of these calls waits for a collector that is away, so most checks make none.
    assert cut.asked - asked == 1
    clock.ahead = 46
    with pytest.raises(Unsure, match="could not be renewed in time: the collector at URL does not answer") as caught:
        lease.check()
    assert caught.value.holder is None
    cut.lost = ""
    lease.check()


def test_a_lease_whose_answer_was_lost_does_not_block_its_own_holder(client: Collector, pools: tuple[str, str]) -> None:
    cut = Cut(client)
    cut.lost = "one answer"
    lease = CollectorLease(cut, pools, "a")  # type: ignore[arg-type]
    lease.take()
    lease.check()
    lease.release()
    assert [held for held in client.leases() if held["pool"] in pools] == []


def test_a_lease_that_ends_between_two_questions_is_taken(client: Collector, pools: tuple[str, str]) -> None:
    """The refusal names a holder that the list does not have any more."""
    pool, cut = pools[0], Cut(client)
    fence = client.lease(pool, "a", 60)["fence"]
    listed = cut.leases

    def end_and_list() -> object:
        client.lease(pool, "a", 0, fence)
        cut.leases = listed  # type: ignore[method-assign]
        return listed()

    cut.leases = end_and_list  # type: ignore[method-assign]
    lease = CollectorLease(cut, [pool], "b")  # type: ignore[arg-type]
    lease.take()
    lease.check()


def test_without_a_collector_there_is_no_right(client: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.deploy.lease.PATIENCE_S", 0.0)
    cut = Cut(client)
    cut.lost = "requests"
    with pytest.raises(Unsure, match="the right to change p cannot be had: the collector at URL does not answer"):
        CollectorLease(cut, ["p"], "a").take()  # type: ignore[arg-type]


def test_a_reading_token_gives_no_right(collector: CollectorProcess) -> None:
    with pytest.raises(Unsure, match="this token may read, but has no right to deploy"):
        CollectorLease(Collector(collector.url, TOKEN), ["p"], "a").take()


def test_a_resume_waits_for_the_lease_of_its_killed_process(client: Collector, pools: tuple[str, str]) -> None:
    """The killed one gave nothing back. Whoever deploys something else is not waited for."""
    killed, resumed = holder_words("d-1", 0.0), holder_words("d-1", 60.0)
    CollectorLease(client, pools, killed, ttl_s=1).take()
    shown: list[str] = []
    with pytest.raises(Taken):
        CollectorLease(client, pools, holder_words("d-2", 60.0), wait_s=60, show=shown.append).take()
    assert shown == []
    lease = CollectorLease(client, pools, resumed, wait_s=60, pause=lambda _: time.sleep(0.05), show=shown.append)
    lease.take()
    lease.check()
    assert shown[0].startswith(
        f"waiting until the lease of an earlier process of this deploy ends: pool {min(pools)} is held by {killed}"
    )
    assert len(shown) <= 2


def test_a_living_process_of_the_same_deploy_is_waited_for_only_so_long(
    client: Collector, pools: tuple[str, str]
) -> None:
    CollectorLease(client, pools, holder_words("d-1", 0.0)).take()
    clock = Clock()

    def pause(seconds: float) -> None:
        clock.ahead += 10 * seconds

    with pytest.raises(Taken, match="deploy d-1"):
        CollectorLease(client, pools, holder_words("d-1", 1.0), clock=clock, wait_s=60, pause=pause).take()
    assert clock.ahead >= 60


@pytest.mark.parametrize("store", ["collector", "local"])
def test_of_two_deployers_at_once_one_wins_and_the_other_changes_nothing(
    collector: CollectorProcess, tmp_path: Path, store: str
) -> None:
    """50 tries: two processes' worth of deployers that start at the same moment."""
    tries = 50
    barrier = threading.Barrier(2, timeout=60)
    outcomes: dict[str, list[str]] = {"a@one": [], "b@two": []}
    calls: dict[int, list[str]] = {number: [] for number in range(tries)}

    def deploy(holder: str) -> None:
        client = Collector(collector.url, DEPLOY_TOKEN)
        for number in range(tries):
            pools = [f"race{number}.web", f"race{number}.db"]
            lease = (
                CollectorLease(client, pools, holder) if store == "collector" else LocalLease(tmp_path, pools, holder)
            )
            barrier.wait()
            try:
                lease.take()
                lease.check()
                calls[number].append(holder)
                outcomes[holder].append("won")
            except Taken as taken:
                outcomes[holder].append(str(taken.holder))
            barrier.wait()
            lease.release()
        client._session.close()

    deployers = [threading.Thread(target=deploy, args=(holder,)) for holder in outcomes]
    for deployer in deployers:
        deployer.start()
    for deployer in deployers:
        deployer.join()
    pairs = list(zip(*outcomes.values(), strict=True))
    assert len(pairs) == tries
    # The loser has read the name of the winner, and only the winner has changed anything.
    assert set(pairs) <= {("won", "a@one"), ("b@two", "won")}
    assert all(len(callers) == 1 for callers in calls.values())


# --- a process that is stopped, or killed -----------------------------------------------------------------------------


def test_a_stopped_process_that_wakes_after_its_lease_changes_nothing(
    collector: CollectorProcess, client: Collector, tmp_path: Path, pools: tuple[str, str]
) -> None:
    calls = tmp_path / "calls"
    with started("collector", collector.url, pools[0], str(calls)) as process:
        try:
            seize(client, pools[0], "the awake one")
            process.send_signal(signal.SIGCONT)
            said, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert said == "lost: the awake one\n"
    assert calls.read_text() == "first\n"


def test_a_stopped_process_whose_lease_nobody_took_goes_on(
    collector: CollectorProcess, client: Collector, tmp_path: Path, pools: tuple[str, str]
) -> None:
    calls = tmp_path / "calls"
    with started("collector", collector.url, pools[0], str(calls)) as process:
        try:
            until(lambda: pools[0] not in [held["pool"] for held in client.leases()])
            process.send_signal(signal.SIGCONT)
            process.communicate(timeout=60)
        finally:
            process.kill()
    assert calls.read_text() == "first\nsecond\n"


# --- the words of a holder --------------------------------------------------------------------------------------------


def test_a_holder_is_named_by_user_machine_process_deploy_and_time() -> None:
    words = holder_words("20261130T140000-ab12cd", 1_796_000_000.0)
    who, process, deploy, since = words.split(", ")
    assert re.fullmatch(r"\S+@\S+", who)
    assert (process, deploy) == (f"process {os.getpid()}", "deploy 20261130T140000-ab12cd")
    assert re.fullmatch(r"since 2026-11-30 00:53:20 UTC \([0-9a-f]{6}\)", since)


def test_two_holders_have_different_words_and_the_longest_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "h" * 200 + "\x1b[2J")
    monkeypatch.setenv("LOGNAME", "u\n" * 100)
    words = {holder_words("d" * 63, 0.0) for _ in range(20)}
    assert len(words) == 20
    assert all(len(text) <= 300 and text.isprintable() for text in words)


def test_a_user_without_an_account_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", unknown)
    assert holder_words("d", 0.0).startswith(f"uid {os.getuid()}@")
