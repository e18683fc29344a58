"""The judge of a story: sees each changing call in the moment in which it is done, and knows what the world is like.

A rule that does not hold raises Violation, which nothing of the core catches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bootstrap.deploy.faults import Fault, Gone, Quota, Unknown
from bootstrap.deploy.journal import Journal
from bootstrap.deploy.model import DeployPlan, Marks, ServerRequest, ServerState, TierPlan
from bootstrap.deploy.simulate.nature import NEVER
from bootstrap.deploy.simulate.things import Machine, Seat
from bootstrap.deploy.simulate.world import World

# Looks at a server are this far apart at most, so that what lasts shorter cannot be seen.
BLIND_S = 3.0
# A list that is behind for longer lets a second server of a slot be made. It has to be gone in the end.
PATIENT_S = 3.0


class Violation(BaseException):
    """A rule does not hold."""


@dataclass
class Judge:
    """The rules, for one deploy in one world.

    journal: that of the deployer at work, None: it was lost; fences: of the leases that it has taken. open_slots: slots
    whose last create call has no known answer and after which nobody has looked; failing: names of servers whose
    report of failure was read; consoles: ids of servers whose console was read; unkept: servers whose delete failed.
    """

    world: World
    plan: DeployPlan
    journal: Journal | None = None
    is_reaping: bool = False
    open_slots: set[tuple[str, int]] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)
    consoles: set[str] = field(default_factory=set)
    hooks: set[str] = field(default_factory=set)
    unkept: set[str] = field(default_factory=set)
    made: dict[str, int] = field(default_factory=dict)
    fences: dict[str, int] = field(default_factory=dict)
    is_quota_known: bool = False
    is_stopped: bool = False
    swapped_at: float | None = None
    _at_work: tuple[str, str] | tuple[str, str, int] | None = None
    _serving: tuple[str, int] | None = None

    def __post_init__(self) -> None:
        self.tiers = {tier.pool: tier for tier in self.plan.tiers}
        self.tier_of = {pool.name: tier for tier in self.plan.tiers for pool in tier.pools}
        self.floors = {name: tier.floor for name, tier in self.tier_of.items()}
        self.old = {old.id: tier for tier in self.plan.tiers for old in tier.old}
        self.adopted = {old.id for tier in self.plan.tiers for old in tier.adopted}

    # --- what the deployer has seen, and how its calls went ---

    def looked_up(self, pool: str) -> None:
        """The servers of a pool were listed."""
        self.open_slots = {slot for slot in self.open_slots if slot[0] != pool}

    def begins(self, call: str, about: object) -> None:
        """A call is made; it may be refused or lost before its effect."""
        self._serving = None
        if call == "create":
            assert isinstance(about, ServerRequest)
            slot = (about.marks.pool, about.marks.slot)
            self._hold(slot not in self.open_slots, f"slot {slot[1]} was made again before anybody looked")
            self._hold(not self.is_quota_known, "a create call was made after the quota had refused one")
            self.open_slots.add(slot)
            self._at_work = ("create", *slot)
        else:
            self._at_work = (call, str(about))

    def refused(self, call: str, fault: Fault) -> None:
        """A call was not done, or its answer was lost."""
        work = self._at_work
        if work is None or work[0] != call:
            return
        if call == "create" and not isinstance(fault, Unknown):
            self.is_quota_known = isinstance(fault, Quota)
            self.open_slots.discard((work[1], work[2]))  # type: ignore[misc]
        elif call == "delete" and not isinstance(fault, Gone):
            self.unkept.add(work[1])

    def done(self, call: str) -> None:
        """A call was done. Its answer may be lost still."""
        if self._serving is not None:
            pool, before = self._serving
            self._serving = None
            after, floor = self.serving(pool), self.floors[pool]
            self._hold(
                after >= min(before, floor), f"{call} left {after} members of {pool} serving; the floor is {floor}"
            )

    def answered(self, call: str) -> None:
        """The deployer has the answer of a call that was done."""
        work = self._at_work
        if call == "create" and work is not None:
            self.open_slots.discard((work[1], work[2]))  # type: ignore[misc]

    def killed(self) -> None:
        """The deployer has ended, with all that it knew and had not written down."""
        self.is_quota_known = False
        self.failing.clear()

    def hook(self, tier: str, code: int) -> None:
        """The command before_swap of a tier has ended."""
        self._may_change("before_swap", tier)
        if code == 0:
            self.hooks.add(tier)

    # --- changing calls, in the moment in which they are done ---

    def create(self, request: ServerRequest) -> None:
        """A server is made."""
        marks, clock = request.marks, self.world.clock
        tier = self._tier(marks.pool, "create")
        self._hold(marks.deploy == self.plan.deploy_id, f"{request.name} carries the marks of another deploy")
        twins = [m for m, other in self.ours(tier) if other.slot == marks.slot and m.id not in self.unkept]
        is_seen = self.world.nature.lag <= PATIENT_S
        is_one = not any(m.deleted_at == NEVER for m in twins)
        self._hold(is_one or not is_seen, f"slot {marks.slot} of {tier.name} has two servers")
        for earlier in self.plan.tiers[: self.plan.tiers.index(tier)]:
            ready = {k.slot for m, k in self.ours(earlier) if not earlier.reports or (m.ends_at <= clock and m.healthy)}
            self._hold(len(ready) == earlier.count, f"{tier.name} was begun before {earlier.name} was there")
        self.made[tier.name] = made = self.made.get(tier.name, 0) + 1
        most = tier.count + tier.replace_errors
        self._hold(made <= most or not is_seen, f"{made} servers of {tier.name} were made; {most} is the most")

    def delete(self, server_id: str) -> None:
        """A server is deleted."""
        world = self.world
        machine = world.machines.get(server_id)
        if machine is None or not machine.exists(world.clock):
            return
        name, marks = machine.name, machine.marks
        if machine.keeps:
            self.unkept.add(server_id)
        self._hold(marks is not None, f"{name} was deleted and does not carry our marks")
        assert marks is not None
        tier = self._tier(marks.pool, "delete")
        if marks.deploy == self.plan.deploy_id:
            self._reason_is_kept(machine)
        else:
            self._hold(server_id in self.old or self.is_reaping, f"{name} of another deploy was deleted")
            self._is_replaced(tier, machine)
        for pool in tier.pools:
            seats = world.balancers[pool.name].seats.values() if pool.name in world.balancers else ()
            serves = any((s.name, s.address, s.is_off) == (name, machine.address, False) for s in seats)
            self._hold(not serves, f"{name} was deleted while it was a member of {pool.name}")

    def add(self, pool: str, name: str, address: str) -> None:
        """A member joins."""
        tier = self._tier_of_pool(pool, "add")
        machine = self._machine(name, address)
        self._hold(machine is not None, f"{name} joined {pool} with {address}, which is not its address")
        assert machine is not None
        marks = machine.marks
        is_new = machine.id in self.adopted or (marks is not None and marks.deploy == self.plan.deploy_id)
        if marks is None or not is_new or self.is_reaping:
            return
        clock, stable_s = self.world.clock, 0.0 if machine.id in self.adopted else tier.gate.stable_s
        says = (name, tier.revision, marks.deploy)
        if tier.gate.probe is not None:
            self._hold(machine.says == says, f"{name} joined {pool} and its app says {' '.join(machine.says)}")
            is_stable = machine.answers_at + stable_s <= clock + 0.5
            self._hold(is_stable, f"{name} joined {pool} before it was stable for {stable_s} s")
            is_quiet = machine.quiet[0] + BLIND_S <= clock < machine.quiet[1]
            self._hold(not is_quiet, f"{name} joined {pool} while it did not answer")
        twins = [m for m in self.world.live() if m.address == address and m.id != machine.id]
        twins = [twin for twin in twins if twin.marks is not None and twin.marks.pool == marks.pool]
        is_alone = not any(twin.state(clock) is ServerState.ACTIVE for twin in twins)
        self._hold(is_alone or machine.id in self.adopted, f"{name} joined {pool} with the address of another server")
        if tier.reports:
            is_healthy = machine.healthy and machine.ends_at <= clock
            self._hold(is_healthy, f"{name} joined {pool} before it reported healthy")

    def drain(self, pool: str, member_id: str) -> None:
        """A member gets no new sessions."""
        tier, seat = self._leaving("drain", pool, member_id)
        if seat is None:
            return
        is_new = self._is_new(seat)
        needs_hook = tier.gate.before_swap is not None and not is_new and not self.is_reaping and tier.count > 0
        self._hold(not needs_hook or tier.name in self.hooks, f"{seat.name} was drained before the command had passed")
        if not is_new and not self.is_reaping and self.journal is not None and self.journal.recall.turned is None:
            self._new_are_up(pool, seat)

    def remove(self, pool: str, member_id: str) -> None:
        """A member is taken out."""
        tier, seat = self._leaving("remove", pool, member_id)
        if seat is None:
            return
        sessions = self.world.sessions(seat)
        self._hold(not self.world.up(seat) or not seat.serves, f"{seat.name} left {pool} without a drain")
        drained_s = self.world.clock - seat.drained_at
        self._hold(
            sessions == 0 or drained_s >= tier.drain_s,
            f"{sessions} sessions of {seat.name} were cut after {drained_s:.1f} s; the drain takes {tier.drain_s} s",
        )

    def reload(self, act: Callable[[], None]) -> None:
        """Somebody reloads the balancer. Its file was in step, so that nothing changes."""
        before = {pool: self.serving(pool) for pool in self.tier_of}
        act()
        for pool, count in before.items():
            after, floor = self.serving(pool), self.floors[pool]
            self._hold(after >= min(count, floor), f"a reload left {after} members of {pool}; the floor is {floor}")

    # --- facts of the world ---

    def ours(self, tier: TierPlan) -> list[tuple[Machine, Marks]]:
        """The servers of this deploy and tier that exist."""
        pairs = [(machine, machine.marks) for machine in self.world.live()]
        return [(m, k) for m, k in pairs if k and k.pool == tier.pool and k.deploy == self.plan.deploy_id]

    def serving(self, pool: str) -> int:
        """The members of this tier that are up by the balancer's own word.

        A server that has died this very moment counts still: nobody could know better, and no call made it worse.
        """
        world = self.world
        if pool not in world.balancers:
            return 0
        names = self._own()
        seats = world.balancers[pool].seats.values()
        return sum(seat.serves and seat.name in names and world.up(seat) for seat in seats)

    def _own(self) -> set[str]:
        """Names of servers that are of these tiers by their marks, now or when the plan was made."""
        pairs = [(machine.name, machine.marks) for machine in self.world.machines.values()]
        own = {name for name, marks in pairs if marks and marks.pool in self.tiers}
        return own | {old.name for tier in self.plan.tiers for old in tier.old}

    def _is_new(self, seat: Seat) -> bool:
        machine = self._machine(seat.name, seat.address)
        marks = machine.marks if machine else None
        is_adopted = machine is not None and machine.id in self.adopted
        return is_adopted or (marks is not None and marks.deploy == self.plan.deploy_id)

    def _machine(self, name: str, address: str) -> Machine | None:
        """The server of this name and address, also when it is gone."""
        machines = self.world.machines.values()
        return next((m for m in machines if m.name == name and m.address == address), None)

    # --- the rules ---

    def _leaving(self, call: str, pool: str, member_id: str) -> tuple[TierPlan, Seat | None]:
        tier = self._tier_of_pool(pool, call)
        seat = self.world.balancers[pool].seats.get(member_id) if pool in self.world.balancers else None
        if seat is None:
            return tier, None
        machine = self._machine(seat.name, seat.address)
        is_marked = machine is not None and machine.marks is not None
        self._hold(is_marked, f"{call} of {seat.name} in {pool}, which does not carry our marks")
        self._serving = (pool, self.serving(pool))
        return tier, seat

    def _new_are_up(self, pool: str, leaving: Seat) -> None:
        """The balancer says that every new member is up, unless its server has just died."""
        world = self.world
        for seat in world.balancers[pool].seats.values():
            machine = self._machine(seat.name, seat.address)
            is_alive = machine is not None and machine.dies_at == machine.quiet[0] == NEVER
            if is_alive and seat.serves and self._is_new(seat):
                self._hold(world.up(seat), f"{leaving.name} was drained before {seat.name} was up in {pool}")

    def _reason_is_kept(self, machine: Machine) -> None:
        """A server that failed is deleted only after its reason was read, and written down."""
        journal = self.journal
        if journal is None or self.is_reaping:
            return
        has_failed = machine.name in self.failing or (
            journal.recall.turned is None and machine.state(self.world.clock) is ServerState.ERROR
        )
        is_kept = machine.name in journal.recall.reasons and machine.id in self.consoles
        self._hold(not has_failed or is_kept, f"{machine.name} was deleted before the reason of its failure was read")

    def _is_replaced(self, tier: TierPlan, machine: Machine) -> None:
        """An old server goes only after all new ones serve, and it was kept long enough."""
        journal = self.journal
        if self.is_reaping or journal is None:
            return
        recall = journal.recall
        self._hold(recall.turned is None, f"{machine.name} is old and was deleted by a rollback")
        self._hold(recall.swapped is not None, f"{machine.name} is old and was deleted before the new ones served")
        assert recall.swapped is not None
        kept_s = self.world.clock + self.world.epoch - recall.swapped["at"]
        self._hold(kept_s >= tier.keep_old_s - 0.1, f"{machine.name} was kept for {kept_s:.1f} s of {tier.keep_old_s}")

    def _tier(self, pool: str, call: str) -> TierPlan:
        self._hold(pool in self.tiers, f"{call} in {pool}, which is no tier of this deploy")
        tier = self.tiers[pool]
        self._may_change(call, tier.name)
        return tier

    def _tier_of_pool(self, pool: str, call: str) -> TierPlan:
        tier = self.tier_of[pool]
        self._may_change(call, tier.name)
        return tier

    def _may_change(self, call: str, tier: str) -> None:
        """The deployer holds the lease that it took, and nobody has had it since."""
        name = f"{self.plan.name}.{tier}"
        hold = self.world.leases.get(name)
        is_held = hold is not None and name in self.fences and hold.fence == self.fences[name]
        self._hold(is_held, f"{call} in {tier} without its lease, which {hold.holder if hold else 'nobody'} has")

    @staticmethod
    def _hold(is_so: bool, text: str) -> None:
        if not is_so:
            raise Violation(text)
