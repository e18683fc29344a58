"""Runs the real core over the world of a seed, and over many seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bootstrap.deploy.drivers.sim import SimLease
from bootstrap.deploy.faults import Fault
from bootstrap.deploy.journal import Journal
from bootstrap.deploy.model import DeployPlan
from bootstrap.deploy.reap import judge as judge_marks
from bootstrap.deploy.roll import Deployer, Ending
from bootstrap.deploy.simulate import stand
from bootstrap.deploy.simulate.dice import Dice
from bootstrap.deploy.simulate.endings import judge_end
from bootstrap.deploy.simulate.faults import Killed, Mood, Trouble
from bootstrap.deploy.simulate.invariants import Judge, Violation
from bootstrap.deploy.simulate.scenes import Scene, make
from bootstrap.deploy.simulate.story import Story
from bootstrap.deploy.stopping import Left, Lost, Stopped
from bootstrap.errors import BootstrapError, ExitCode, UsageError

CHUNK = 50
# A deployer is killed at most three times in a scene, and the user leaves it once.
MOST_STARTS = 8


@dataclass(frozen=True)
class Summary:
    """Many seeds. broken: how many broke a rule; first_broken: the lowest of them, with its rule."""

    seeds: int = 0
    calls: int = 0
    kills: int = 0
    broken: int = 0
    first_broken: tuple[int, str] | None = None

    def __add__(self, other: Summary) -> Summary:
        firsts = [first for first in (self.first_broken, other.first_broken) if first is not None]
        return Summary(
            self.seeds + other.seeds, self.calls + other.calls, self.kills + other.kills, self.broken + other.broken,
            min(firsts, default=None),
        )  # fmt: skip


class _Run:
    """One seed on its way."""

    def __init__(self, seed: int, is_told: bool) -> None:
        self.scene: Scene = make(seed)
        self.story = Story(seed, is_told)
        self.world = self.scene.world
        self.judge = Judge(self.world, self.scene.plan, self.scene.plan.deploy_id)
        dice = Dice(seed).fork("faults")
        self.trouble = Trouble(self.world, self.judge, self.scene.mood, dice, self.story, self.scene.strip)
        self.log = stand.StandLog(self.trouble)

    def go(self) -> None:
        """Deploy, resume after each kill, and judge the end. Raises Violation."""
        ending, forward = None, None
        for start in range(MOST_STARTS):
            try:
                if start and self.scene.folder_is_lost:
                    ending, forward = self._reap_again()
                else:
                    ending = self._deploy(turns_back=bool(start) and self.scene.turns_back)
                break
            except (Killed, Left) as end:
                self.story.kills += isinstance(end, Killed)
                self.judge.killed()
                self.world.clock = round(self.world.clock + self.scene.downtime, 2)
            except Lost as lost:
                # What is left belongs to the rival now.
                self.trouble.tell(f"the deployer ends: {lost.message}")
                self.story.endings.append(int(lost.exit_code))
                return
        if ending is None:
            raise Violation(f"{MOST_STARTS} starts did not bring it to an end")
        self._judge(ending, forward)
        if ending.code == ExitCode.OWED:
            self._pay()

    def _pay(self) -> None:
        """The cloud is mended, and `reap` pays what is owed."""
        self.trouble.tell("the cloud is mended")
        for machine in self.world.machines.values():
            machine.keeps = ""
        self.trouble.mood = Mood()
        ending, forward = self._reap_again()
        self._judge(ending, forward)

    def _judge(self, ending: Ending, forward: bool | None) -> None:
        self.trouble.tell(f"exit code {ending.code}:", *ending.lines)
        self.story.endings.append(int(ending.code))
        scene = self.scene
        is_calm = scene.mood.is_calm and self.world.nature.is_kind and scene.strip is None and not self._is_poor()
        journal = self.judge.journal
        has_swapped = journal is not None and journal.recall.swapped is not None and journal.recall.turned is None
        keeps_old = scene.leave_old or any(r["type"] == "left" for r in (journal.records if journal else ()))
        judge_end(
            self.judge, int(ending.code), ending.lines, is_calm=is_calm, keeps_old=keeps_old,
            came_through=ending.code == 0 or has_swapped if forward is None else forward,
        )  # fmt: skip

    def _is_poor(self) -> bool:
        nature = self.world.nature
        return nature.quota is not None or any(machine.dies_at < 1e9 for machine in self.world.machines.values())

    def _deploy(self, turns_back: bool) -> Ending:
        journal = Journal(self.log, lambda: self.world.epoch + self.world.clock)
        self.judge.journal = journal
        deployer = self._deployer(self.scene.plan, journal)
        return deployer.roll_back("the user wants it back") if turns_back else deployer.deploy()

    def _reap_again(self) -> tuple[Ending, bool | None]:
        """`reap`, called again by the user while the cloud refuses to be read."""
        for _ in range(MOST_STARTS):
            try:
                return self._reap()
            except Fault as fault:
                self.trouble.tell(f"reap ends: {fault.message}")
                self.world.clock += 60.0
        return Ending(ExitCode.OWED, (f"owed: {self.scene.plan.name}: the cloud refuses to be read",)), False

    def _reap(self) -> tuple[Ending, bool | None]:
        """Go by the marks alone. True: it has come through by them."""
        self.judge.is_reaping = True
        self.judge.journal = None
        plan = self.scene.plan
        servers, pools = stand.StandServers(self.trouble), self._pools(plan)
        try:
            judgement = judge_marks(plan, servers, pools, plan.deploy_id)
        except UsageError:
            return Ending(ExitCode.FAILED, ("there is nothing to clean up",)), None
        self.judge.floors.update({pool.name: tier.floor for tier in judgement.plan.tiers for pool in tier.pools})
        journal = Journal(stand.StandLog(self.trouble), lambda: self.world.epoch + self.world.clock)
        self.trouble.tell(judgement.reason)
        deployer = self._deployer(judgement.plan, journal)
        if judgement.is_complete:
            return deployer.finish(judgement.reason), True
        return deployer.roll_back(judgement.reason), False

    def _deployer(self, plan: DeployPlan, journal: Journal) -> Deployer:
        outside = stand.StandOutside(self.trouble)
        lease = SimLease(self.world, [f"{plan.name}.{tier.name}" for tier in plan.tiers], plan.deploy_id)
        lease.take()
        return Deployer(
            plan, journal, stand.StandServers(self.trouble), self._pools(plan), outside, lease, stand.StandPayloads(),
            leave_old=self.scene.leave_old,
        )  # fmt: skip

    def _pools(self, plan: DeployPlan) -> dict[str, stand.Pool]:
        return stand.pools(self.trouble, {pool.name: pool.port for tier in plan.tiers for pool in tier.pools})


def run(seed: int, is_told: bool = True) -> Story:
    """The story of one seed."""
    one = _Run(seed, is_told)
    try:
        one.go()
    except Violation as violation:
        one.story.broken = str(violation)
    except Stopped:
        one.story.broken = "the core let the user's wish through"
    except (BootstrapError, Fault) as error:
        one.story.broken = f"the core ended with {type(error).__name__}: {error}"
    except Exception as error:  # a bug of the core is a broken seed, not the end of the others
        one.story.broken = f"the core ended with {type(error).__name__}: {error}"
    return one.story


def run_some(seeds: Iterable[int]) -> Summary:
    """Some seeds in this process."""
    total = Summary()
    for seed in seeds:
        story = run(seed, is_told=False)
        first = (seed, story.broken) if story.broken else None
        total += Summary(1, story.calls, story.kills, int(bool(first)), first)
    return total


def run_many(
    first: int, count: int, jobs: int = 1, progress: Callable[[Summary], None] = lambda summary: None
) -> Summary:
    """Seeds from `first` on, in `jobs` processes. progress: gets the summary so far, now and then."""
    chunks = [range(start, min(start + CHUNK, first + count)) for start in range(first, first + count, CHUNK)]
    total = Summary()
    if jobs <= 1:
        for chunk in chunks:
            total += run_some(chunk)
            progress(total)
        return total
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(jobs) as pool:
        for part in pool.map(run_some, chunks):
            total += part
            progress(total)
    return total
