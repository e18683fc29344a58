"""One seed on its way: the deployer begins, is killed, goes on or is given up, and its end is judged."""

from __future__ import annotations

from dataclasses import replace

from bootstrap.deploy.drivers.sim import SimLease, SimOutside, SimServers
from bootstrap.deploy.faults import Fault
from bootstrap.deploy.journal import Journal
from bootstrap.deploy.model import DeployPlan
from bootstrap.deploy.observe import with_old
from bootstrap.deploy.protocols import Pool
from bootstrap.deploy.reap import judge as judge_marks
from bootstrap.deploy.roll import Deployer, Ending
from bootstrap.deploy.simulate import scenes, stand
from bootstrap.deploy.simulate.dice import Dice
from bootstrap.deploy.simulate.endings import judge_end
from bootstrap.deploy.simulate.faults import Killed, Mood, Trouble
from bootstrap.deploy.simulate.invariants import Judge, Violation
from bootstrap.deploy.simulate.nature import NEVER
from bootstrap.deploy.simulate.story import Story
from bootstrap.deploy.stopping import Left, Lost
from bootstrap.errors import ExitCode, UsageError

# A deployer is killed at most three times in a scene, and the user leaves it once.
MOST_STARTS = 8
RIVAL_DEPLOY = "20270103T080000Z-dddd"


class Life:
    """The deployer of one seed, through all its starts."""

    def __init__(self, seed: int, story: Story) -> None:
        scene = self.scene = scenes.make(seed)
        self.story = story
        self.world = scene.world
        self.judge = Judge(self.world, scene.plan)
        dice = Dice(seed).fork("faults")
        self.trouble = Trouble(self.world, self.judge, scene.mood, dice, story, scene.strip, scene.haproxy)
        if scene.haproxy is not None:
            scene.haproxy.point = self.trouble.point
        self.trouble.rival = self._rival
        self.log = stand.StandLog(self.trouble)
        self.is_overtaken = False

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
                # Whoever has lost the folder needs a moment, and lists are not behind for so long.
                downtime_s = self.scene.downtime + (5.0 if self.scene.folder_is_lost else 0.0)
                self.world.clock = round(self.world.clock + downtime_s, 2)
            except Lost as lost:
                # What is left belongs to the rival now.
                self.trouble.tell(f"the deployer ends: {lost.message}")
                self.story.endings.append(int(lost.exit_code))
                return
        if ending is None:
            raise Violation(f"{MOST_STARTS} starts did not bring it to an end")
        self._judge(ending, forward)
        if ending.code == ExitCode.OWED and not self.is_overtaken:
            self._pay()

    def _deploy(self, turns_back: bool) -> Ending:
        journal = Journal(self.log, self._now)
        self.judge.journal = journal
        deployer = self._deployer(self.scene.plan, journal)
        return deployer.roll_back("the user wants it back") if turns_back else deployer.deploy()

    def _pay(self) -> None:
        """The cloud is mended, and `reap` pays what is owed."""
        self.trouble.tell("the cloud is mended")
        for machine in self.world.machines.values():
            machine.keeps = ""
        self.trouble.mood = Mood()
        self.world.clock += 60.0
        self._judge(*self._reap_again())

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
        journal = Journal(stand.StandLog(self.trouble), self._now)
        self.trouble.tell(judgement.reason)
        deployer = self._deployer(judgement.plan, journal)
        if judgement.is_complete:
            return deployer.finish(judgement.reason), True
        return deployer.roll_back(judgement.reason), False

    def _deployer(self, plan: DeployPlan, journal: Journal) -> Deployer:
        lease = stand.StandLease(self.trouble, scenes.leases(plan), plan.deploy_id)
        lease.take()
        return Deployer(
            plan, journal, stand.StandServers(self.trouble), self._pools(plan), stand.StandOutside(self.trouble), lease,
            stand.StandPayloads(), leave_old=self.scene.leave_old,
        )  # fmt: skip

    def _pools(self, plan: DeployPlan) -> dict[str, Pool]:
        pools = stand.pools(self.world, self.scene.haproxy, scenes.ports(plan))
        return {name: stand.StandPool(self.trouble, pool) for name, pool in pools.items()}

    def _rival(self) -> None:
        """Another deployer tries a whole deploy of the same pools, without faults of its own."""
        trouble, world, haproxy = self.trouble, self.world, self.scene.haproxy
        if haproxy is not None:
            haproxy.point = lambda place: None
        plan = replace(self.scene.plan, deploy_id=RIVAL_DEPLOY)
        plan = replace(plan, tiers=tuple(replace(t, revision=f"{t.name}-r3", adopted=()) for t in plan.tiers))
        lease = SimLease(world, scenes.leases(plan), RIVAL_DEPLOY)
        try:
            lease.take()
            pools = stand.pools(world, haproxy, scenes.ports(plan))
            plan = with_old(plan, SimServers(world), pools)
            journal = Journal(stand.QuietLog(), self._now)
            outside = SimOutside(world)
            rival = Deployer(plan, journal, SimServers(world), pools, outside, lease, stand.StandPayloads())
            ending = rival.deploy()
            self.is_overtaken = True
            trouble.tell(f"another deploy ends with {ending.code}")
        except Lost as lost:
            trouble.tell(f"another deploy is refused: {lost.message}")
        finally:
            if haproxy is not None:
                haproxy.point = trouble.point

    def _judge(self, ending: Ending, forward: bool | None) -> None:
        self.trouble.tell(f"exit code {ending.code}:", *ending.lines)
        self.story.endings.append(int(ending.code))
        scene, journal = self.scene, self.judge.journal
        if self.is_overtaken:
            return
        is_calm = scene.mood.is_calm and self.world.nature.is_kind and scene.strip is None and not self._is_poor()
        has_swapped = journal is not None and journal.recall.swapped is not None and journal.recall.turned is None
        keeps_old = scene.leave_old or any(r["type"] == "left" for r in (journal.records if journal else ()))
        judge_end(
            self.judge, int(ending.code), ending.lines, is_calm=is_calm, keeps_old=keeps_old,
            came_through=ending.code == 0 or has_swapped if forward is None else forward,
        )  # fmt: skip

    def _is_poor(self) -> bool:
        quota = self.world.nature.quota
        return quota is not None or any(machine.dies_at != NEVER for machine in self.world.machines.values())

    def _now(self) -> float:
        return self.world.epoch + self.world.clock
