"""Swaps the servers of the pools: some join and wait for the balancer's word, others leave. The floor always holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bootstrap.deploy.candidate import Candidate
from bootstrap.deploy.faults import Busy, Exists, Fault, Gone, Throttled, Unknown
from bootstrap.deploy.gate import Gate
from bootstrap.deploy.model import Member, MemberState, OldServer, PoolPlan, Server, TierPlan
from bootstrap.deploy.stopping import Failure
from bootstrap.deploy.work import PATIENCE_S, Pace, Work
from bootstrap.errors import ExitCode

# The balancer has to say so in this many looks in a row: one good answer may be luck.
IN_A_ROW = 2
UPDATE_TRIES = 5


@dataclass(frozen=True)
class Serving:
    """A server as a member of pools: its id at the cloud, its name and its address."""

    id: str
    name: str
    address: str | None


def serving(server: Candidate | OldServer | Server) -> Serving:
    return Serving(server.id, server.name, server.address)


def join(work: Work, tier: TierPlan, servers: Sequence[Serving]) -> None:
    """Put each server into each pool of the tier, unless it is there. Raises Failure."""
    for pool in tier.pools:
        serving_members = {(m.name, m.address) for m in work.members(pool) if m.state is not MemberState.DRAINING}
        for server in servers:
            if (server.name, server.address) in serving_members:
                continue
            try:
                _join(work, tier, pool, server)
            except Fault as fault:
                raise Failure(f"{server.name} cannot join {pool.name}: {fault.message}", server=server.name) from fault


def _join(work: Work, tier: TierPlan, pool: PoolPlan, server: Serving) -> None:
    """Put one server into one pool."""
    address, driver = server.address, work.pools[pool.name]
    if address is None:
        raise Failure(f"{server.name} has no address to join {pool.name} with", server=server.name)
    about = {"tier": tier.name, "pool": pool.name, "server": server.name, "address": address}
    try:
        _insist(work, "add", lambda: driver.add(server.name, address), lambda: _serves(work, pool, server), about)
    except Exists:
        # Some balancers have one answer for our own earlier call and for a member of somebody else; the look decides.
        if not _serves(work, pool, server):
            raise


def await_up(work: Work, tier: TierPlan, gate: Gate) -> None:
    """Wait until the balancer itself says that each candidate is up, and each still passes its probe."""
    ups = dict.fromkeys((c.name for c in gate.candidates), 0)
    pace, end = Pace(work.outside, 2.0), work.outside.clock() + tier.gate.deadline_s
    while tier.pools:
        failing = {candidate.name: candidate.fault for candidate in gate.look_again()}
        members = {pool.name: work.members(pool) for pool in tier.pools}
        for candidate in gate.candidates:
            fault = failing.get(candidate.name) or not_up(members, serving(candidate))
            candidate.fault = fault or ""
            gate.show(candidate, fault or "up")
            ups[candidate.name] = 0 if fault else ups[candidate.name] + 1
        if all(count >= IN_A_ROW for count in ups.values()):
            return
        if work.outside.clock() >= end:
            late = next(c for c in gate.candidates if ups[c.name] < IN_A_ROW)
            text = f"{late.name} was not up at the balancer within {tier.gate.deadline_s:.0f} s: {late.fault}"
            raise Failure(text, ExitCode.TIMEOUT, server=late.name)
        pace.rest()


def not_up(members: Mapping[str, Sequence[Member]], server: Serving) -> str | None:
    """The first pool that does not say that this server is up, as a sentence; None: all of them say so.

    members: those of each pool, by its name. Raises Failure for a pool in which nobody can say so.
    """
    for pool, listed in members.items():
        member = next((m for m in listed if (m.name, m.address) == (server.name, server.address)), None)
        if member is None:
            return f"it is no member of {pool}"
        if member.state is MemberState.UNKNOWN:
            raise Failure(f"{pool} has no monitor, so nobody knows whether {server.name} serves")
        if member.state is not MemberState.UP:
            return f"{pool} says {member.state.value}"
    return None


class Leaving:
    """Takes servers out of the pools of a tier, after their sessions have ended or their time is out.

    own: names of all servers of this tier, old and new, which count for the floor.
    """

    def __init__(self, work: Work, tier: TierPlan, own: set[str]) -> None:
        self._work, self._tier, self._own = work, tier, own

    def leave(self, servers: Sequence[Serving]) -> list[Serving]:
        """Drain and remove them. Return those that had to stay, since the floor would have been broken."""
        # New servers that a rollback takes away have often joined no pool yet: nothing has to be waited for then.
        members = [(m.name, m.address) for pool in self._tier.pools for m in self._work.members(pool)]
        inside = [server for server in servers if (server.name, server.address) in members]
        if inside:
            self._work.journal.add("phase", tier=self._tier.name, phase="draining")
        stay = [server for server in inside if not self._drain(server)]
        leaving = [server for server in inside if server not in stay]
        if leaving:
            self._await_idle(leaving)
            self._work.journal.add("phase", tier=self._tier.name, phase="removing")
        for server in leaving:
            for pool in self._tier.pools:
                self._remove(pool, server)
        return stay

    def _drain(self, server: Serving) -> bool:
        """Drain one server in every pool. False: the floor did not allow it in time."""
        work, tier = self._work, self._tier
        for pool in tier.pools:
            pace, end = Pace(work.outside), work.outside.clock() + tier.gate.deadline_s
            while True:
                members = work.members(pool)
                member = next((m for m in members if (m.name, m.address) == (server.name, server.address)), None)
                is_draining = member is not None and member.state is MemberState.DRAINING
                # A drain that was cut short may be half done: HAProxy drains, and its file says that it serves.
                if member is None or (is_draining and (pool.name, server.name) in work.journal.recall.drained):
                    break
                # A busy balancer is asked again from here, since the floor may not allow it any more by then.
                if self._floor_allows(members, member) and self._change("drain", pool, server, member):
                    break
                if work.outside.clock() >= end:
                    return False
                pace.rest()
        return True

    def _floor_allows(self, members: Sequence[Member], leaving: Member) -> bool:
        """Whether enough members are up without this one. A member that is not up can always leave."""
        up = {m.id for m in members if m.state is MemberState.UP and m.name in self._own}
        return leaving.id not in up or len(up) - 1 >= self._tier.floor

    def _await_idle(self, servers: Sequence[Serving]) -> None:
        """Wait until no session is left, or the drain's time is out; the sessions that will be cut are recorded."""
        work, tier = self._work, self._tier
        pace, end, idle_looks = Pace(work.outside, 1.0), work.outside.clock() + tier.drain_s, 0
        names = {(server.name, server.address) for server in servers}
        while idle_looks < IN_A_ROW:
            leaving = {
                pool.name: [m for m in work.members(pool) if (m.name, m.address) in names] for pool in tier.pools
            }
            if any(member.state is MemberState.UP for members in leaving.values() for member in members):
                # Somebody has reloaded the balancer from a file that did not say that they drain.
                for server in servers:
                    self._drain(server)
            sessions = {name: [member.sessions for member in members] for name, members in leaving.items()}
            # A balancer that counts no sessions gives the whole time to those that it may have.
            is_idle = all(count == 0 for counts in sessions.values() for count in counts)
            idle_looks = idle_looks + 1 if is_idle else 0
            if work.outside.clock() >= end and not is_idle:
                for name, counts in sessions.items():
                    cut = sum(count or 0 for count in counts)
                    if cut:
                        work.journal.add("cut", tier=tier.name, pool=name, sessions=cut)
                return
            pace.rest()

    def _remove(self, pool: PoolPlan, server: Serving) -> None:
        """Take it out of one pool. Raises Failure when the balancer is busy all the time."""
        pace, end = Pace(self._work.outside, 15.0), self._work.outside.clock() + PATIENCE_S
        while True:
            member = self._work.member(pool, server.name, server.address)
            if member is None or self._change("remove", pool, server, member):
                return
            if self._work.outside.clock() >= end:
                raise Failure(f"{pool.name} was busy all the time", ExitCode.TIMEOUT)
            pace.rest()

    def _change(self, call: str, pool: PoolPlan, server: Serving, member: Member) -> bool:
        """Drain or remove a member. False: it is to be looked at again, since the balancer is busy or did not answer.

        A member that is gone needs neither, and one whose server lost its marks belongs to whoever took them off.
        """
        work, driver = self._work, self._work.pools[pool.name]
        if not self._is_marked(server):
            work.journal.add("spared", server=server.name, why="it does not carry our marks any more")
            return True
        act = driver.drain if call == "drain" else driver.remove
        about = {"tier": self._tier.name, "pool": pool.name, "server": member.name, "member": member.id}
        try:
            work.change(call, lambda: act(member.id), about, 0.0)
        except Gone:
            return True
        except Unknown:
            # A drain may be half done, so it is asked for again; it does nothing twice.
            return call == "remove" and work.member(pool, member.name, member.address) is None
        except (Busy, Throttled):
            return False
        except Fault as fault:
            raise Failure(f"{member.name} cannot leave {pool.name} ({call}): {fault.message}") from fault
        return True

    def _is_marked(self, server: Serving) -> bool:
        """Whether it carries the marks of this tier, or is gone, so that only its member is left."""
        body = self._work.get(server.id)
        return body is None or (body.marks is not None and body.marks.pool == self._tier.pool)


def _insist(
    work: Work,
    call: str,
    act: Callable[[], None],
    is_done: Callable[[], bool],
    about: dict[str, str],
    patience_s: float = PATIENCE_S,
) -> None:
    """Make a call again whose answer was lost, unless a look shows that it was done."""
    for attempt in range(1, UPDATE_TRIES + 1):
        try:
            work.change(call, act, about, patience_s)
            return
        except Unknown:
            if is_done():
                return
            if attempt == UPDATE_TRIES:
                raise
            work.outside.pause(1.0)


def _serves(work: Work, pool: PoolPlan, server: Serving) -> bool:
    """Whether this very server is a member that takes new sessions."""
    member = work.member(pool, server.name, server.address)
    return member is not None and member.state is not MemberState.DRAINING
