"""A roll-out from its first call to its end. Each step looks first, so that a resume goes through the same steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bootstrap.deploy.build import Builder
from bootstrap.deploy.candidate import Candidate
from bootstrap.deploy.faults import Fault
from bootstrap.deploy.gate import Gate, ask_command
from bootstrap.deploy.journal import Journal
from bootstrap.deploy.model import DeployPlan, OldServer, TierPlan
from bootstrap.deploy.protocols import Lease, Outside, Payloads, Pool, Servers
from bootstrap.deploy.remove import await_gone, delete
from bootstrap.deploy.stopping import Failure, Lost, Stopped
from bootstrap.deploy.swap import Leaving, await_up, join, serving
from bootstrap.deploy.undo import later_deploy, sweep, take_back
from bootstrap.deploy.work import Work
from bootstrap.errors import BootstrapError, ExitCode

# The shell's code of a program that Ctrl-C ended.
INTERRUPTED = 130


@dataclass(frozen=True)
class Ending:
    """The end of a roll-out: its exit code, and sentences for people."""

    code: int
    lines: tuple[str, ...] = ()


class Deployer:
    """One roll-out. Killed at any moment, another one with the same plan and journal goes on, or turns back."""

    def __init__(
        self,
        plan: DeployPlan,
        journal: Journal,
        servers: Servers,
        pools: Mapping[str, Pool],
        outside: Outside,
        lease: Lease,
        payloads: Payloads,
        *,
        leave_old: bool = False,
    ) -> None:
        self._work = Work(plan, journal, servers, pools, outside, lease, payloads)
        self._leave_old = leave_old

    def deploy(self) -> Ending:
        """Begin the roll-out, or go on with it where the journal ends."""
        journal = self._work.journal
        is_new = not journal.records
        if is_new:
            tiers = [{"tier": t.name, "count": t.count, "revision": t.revision} for t in self._work.plan.tiers]
            journal.add("begun", deploy=self._work.plan.deploy_id, name=self._work.plan.name, tiers=tiers)
        if journal.recall.turned is not None:
            return self._undo()
        try:
            if not is_new and journal.recall.swapped is None:
                self._refuse_later()
            self._forward()
        except Failure as failure:
            return self._turn(failure.text, failure.code)
        except Fault as fault:
            return self._turn(f"the cloud did not do what was asked: {fault.message}", ExitCode.FAILED)
        except Stopped:
            return self._turn("the user asked for the end", INTERRUPTED)
        except Lost:
            # Somebody else changes these pools now: this program must not touch them, not even to turn back.
            raise
        except BootstrapError as error:
            return self._turn(error.message, ExitCode.FAILED)
        return self._end(ExitCode.GOOD)

    def finish(self, reason: str) -> Ending:
        """Delete what the new servers have replaced, where they are known to serve in every slot."""
        journal = self._work.journal
        if journal.recall.swapped is None:
            journal.add("swapped", until={}, reason=reason)
        return self.deploy()

    def roll_back(self, reason: str) -> Ending:
        """Turn back, unless the deletion of old servers has begun."""
        return self._turn(reason, ExitCode.FAILED)

    def _refuse_later(self) -> None:
        """Raise Failure when another deploy has begun since: its servers are not to be replaced by older ones."""
        later = later_deploy(self._work)
        if later is not None:
            raise Failure(f"the later deploy {later} has begun meanwhile")

    def _forward(self) -> None:
        """All tiers in their order, then the old servers of all of them."""
        work = self._work
        tiers: dict[str, Any] = {}
        swapped = work.journal.recall.swapped
        if swapped is None:
            for tier in work.plan.tiers:
                candidates = self._tier(tier, {"tiers": dict(tiers)})
                tiers[tier.name] = _values(candidates)
            recall, slots = work.journal.recall, sum(tier.count for tier in work.plan.tiers)
            # More servers than slots: one that was made was not listed for so long that another one was made.
            if recall.may_have_strays or recall.replaced or len(recall.living) > slots:
                self._sweep_strays()
            work.journal.add("swapped", until={t.name: work.outside.now() + t.keep_old_s for t in work.plan.tiers})
        elif "reason" in swapped:
            # Whoever goes by the marks knows no journal that could tell of replaced servers.
            self._sweep_strays()
        self._delete_old()

    def _tier(self, tier: TierPlan, values: Mapping[str, Any]) -> list[Candidate]:
        """One tier in its batches. Its new servers, in the order of their slots."""
        work, builder = self._work, Builder(self._work, tier, values)
        passed: list[Candidate] = []
        leaving = self._leaving(tier)
        for slots, retiring in _batches(tier):
            work.journal.add("phase", tier=tier.name, phase="creating", slots=list(slots))
            gate = Gate(work, tier, builder, builder.build(slots))
            work.journal.add("phase", tier=tier.name, phase="gating")
            gate.prove()
            if tier.pools:
                work.journal.add("phase", tier=tier.name, phase="joining")
                join(work, tier, [serving(candidate) for candidate in gate.candidates])
                await_up(work, tier, gate)
            passed += gate.candidates
            if tier.gate.before_swap is not None:
                work.journal.add("phase", tier=tier.name, phase="before_swap")
                ask_command(work, tier, gate.candidates)
            if retiring and tier.pools:
                self._retire(tier, leaving(passed), retiring)
        return passed

    def _leaving(self, tier: TierPlan) -> Callable[[list[Candidate]], Leaving]:
        old = {server.name for server in tier.old}
        return lambda passed: Leaving(self._work, tier, old | {candidate.name for candidate in passed})

    def _retire(self, tier: TierPlan, leaving: Leaving, retiring: tuple[OldServer, ...]) -> None:
        """Take old servers out of the pools. Raises Failure when the floor does not allow it in time."""
        stay = leaving.leave([serving(old) for old in retiring])
        if stay:
            text = f"{stay[0].name} cannot leave: fewer than {tier.floor} members would be up"
            raise Failure(text, ExitCode.TIMEOUT)

    def _sweep_strays(self) -> None:
        """Delete servers of this deploy that no slot uses: a create whose answer was lost may show one late."""
        work = self._work
        for tier in work.plan.tiers:
            best: dict[int, int] = {}
            ours = [(s.marks, s) for s in work.ours(tier) if s.marks is not None]
            members = {member.name for pool in tier.pools for member in work.members(pool)}
            for marks, server in ours:
                # A member is in use, whatever its attempt; without pools the last attempt is.
                if server.name in members or not tier.pools:
                    best[marks.slot] = max(best.get(marks.slot, 0), marks.attempt)
            strays = [server for marks, server in ours if best.get(marks.slot) != marks.attempt]
            if strays:
                sweep(work, tier, strays)

    def _delete_old(self) -> None:
        """Keep the old servers for a while, then delete those that still serve nowhere."""
        work = self._work
        until = (work.journal.recall.swapped or {}).get("until", {})
        tiers = [tier for tier in work.plan.tiers if tier.old]
        if self._leave_old:
            return
        for tier in sorted(tiers, key=lambda tier: float(until.get(tier.name, 0.0))):
            if not self._keep(tier, float(until.get(tier.name, 0.0))):
                return
            if not work.journal.recall.is_deleting:
                # From here on there is no way back.
                work.journal.add("phase", tier=tier.name, phase="deleting")
            orders = []
            for old in tier.old:
                if self._serves_again(tier, old):
                    work.journal.add("spared", server=old.name, why="it is a member of a pool again")
                elif delete(work, tier, old.id, old.name, old.deploy):
                    orders.append((old.id, old.name))
            await_gone(work, tier, orders)

    def _keep(self, tier: TierPlan, until: float) -> bool:
        """Wait until the time of a tier's old servers is out. False: they are left to `reap`, or to another deploy.

        Meanwhile another deploy may swap them back, so the right to deploy is given away.
        """
        work = self._work
        if work.outside.now() >= until:
            return True
        work.journal.add("phase", tier=tier.name, phase="keeping", until=until)
        work.lease.release()
        try:
            while work.outside.now() < until:
                work.outside.pause(min(1.0, until - work.outside.now()))
        except Stopped:
            # The new servers serve and are proven. The user has only had enough of waiting.
            work.journal.add("left", tier=tier.name, why="the user did not wait until their time was out")
            return False
        try:
            work.lease.take()
        except Lost as error:
            work.journal.add("left", tier=tier.name, why=f"another deploy decides about them: {error.message}")
            return False
        return True

    def _serves_again(self, tier: TierPlan, old: OldServer) -> bool:
        return any(member.name == old.name for pool in tier.pools for member in self._work.members(pool))

    def _turn(self, reason: str, code: int) -> Ending:
        """Turn back for this reason. After the deletion of old servers has begun, what is left to do is owed."""
        journal = self._work.journal
        if journal.recall.is_deleting:
            journal.add("owed", server=self._work.plan.name, why=f"old servers are left: {reason}")
            return self._end(ExitCode.OWED)
        journal.add("turned", reason=reason, code=int(code))
        return self._undo()

    def _undo(self) -> Ending:
        turned = self._work.journal.recall.turned or {}
        while True:
            try:
                take_back(self._work)
                break
            except Stopped:
                # It turns back already. What was begun is gone through again from its first step.
                continue
        return self._end(int(turned.get("code", ExitCode.FAILED)), str(turned.get("reason", "")))

    def _end(self, code: int, reason: str = "") -> Ending:
        work, owed = self._work, self._work.journal.recall.owed
        final = ExitCode.OWED if owed else code
        work.journal.add("ended", code=int(final))
        work.lease.release()
        lines = [reason] if reason else []
        lines += [f"owed: {server}: {why}" for server, why in sorted(owed.items())]
        return Ending(int(final), tuple(lines))


def _batches(tier: TierPlan) -> Iterator[tuple[tuple[int, ...], tuple[OldServer, ...]]]:
    """(slots to make, old servers that leave after them). The last batch takes all old ones that are left."""
    size = tier.batch or max(tier.count, 1)
    slots = tier.slots
    serving_old = [old for old in tier.old if old.pools]
    for start in range(0, len(slots), size):
        is_last = start + size >= len(slots)
        leaving, serving_old = (serving_old, []) if is_last else (serving_old[:size], serving_old[size:])
        yield slots[start : start + size], tuple(leaving)


def _values(candidates: list[Candidate]) -> dict[str, Any]:
    """What the specs of later tiers see of this one."""
    servers = [candidate.environment | {"outputs": dict(candidate.outputs)} for candidate in candidates]
    return {"addresses": [server["address"] for server in servers], "servers": servers}
