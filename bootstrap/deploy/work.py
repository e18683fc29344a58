"""What every step of a roll-out works with, and the only way to change the world: journalled, guarded, retried."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from bootstrap.deploy.faults import Busy, Fault, Gone, Throttled, Unknown
from bootstrap.deploy.journal import Journal
from bootstrap.deploy.model import DeployPlan, Member, PoolPlan, Server, TierPlan
from bootstrap.deploy.protocols import Lease, Outside, Payloads, Pool, Servers

T = TypeVar("T")

# How long one call is tried again while the cloud is busy or does not answer. An Octavia balancer may be immutable for
# minutes while it is being rebuilt.
PATIENCE_S = 300.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 3.0


class Pace:
    """Pauses that grow: what ends soon is seen soon, and what takes minutes is not asked for ten times a second."""

    def __init__(self, outside: Outside, longest_s: float = LONGEST_PAUSE_S) -> None:
        self._outside, self._longest_s, self._pause_s = outside, longest_s, FIRST_PAUSE_S

    def rest(self, at_least_s: float = 0.0) -> None:
        """Pause, a little longer than the last time."""
        self._outside.pause(max(self._pause_s, at_least_s))
        self._pause_s = min(self._pause_s * 1.4, self._longest_s)


@dataclass
class Work:
    """One roll-out at work. pools: by name, those of all tiers."""

    plan: DeployPlan
    journal: Journal
    servers: Servers
    pools: Mapping[str, Pool]
    outside: Outside
    lease: Lease
    payloads: Payloads

    def change(self, call: str, act: Callable[[], T], about: Mapping[str, Any], patience_s: float = PATIENCE_S) -> T:
        """Make a call that changes something. Busy and Throttled are waited for, other faults are the caller's.
        about: fields of its record.

        Its record before the call says what is about to be done, the one after it what came of it. Between the two
        the journal shows a call that may have been done.
        """
        pace, end = Pace(self.outside, 15.0), self.outside.clock() + patience_s
        while True:
            # A boundary: the user's wish to stop is heard here, before the call and never in it.
            self.outside.pause(0)
            # The right to deploy may have passed to somebody else, since this process may have slept.
            self.lease.check()
            number = self.journal.add("call", call=call, **about)["seq"]
            try:
                answer = act()
            except Fault as fault:
                self.journal.add("answer", to=number, fault=fault.kind, message=fault.message)
                if not isinstance(fault, (Busy, Throttled)) or self.outside.clock() >= end:
                    raise
                pace.rest(getattr(fault, "after_s", None) or 0.0)
            else:
                self.journal.add("answer", to=number)
                return answer

    def read(self, ask: Callable[[], T]) -> T:
        """Make a call that changes nothing, again and again until the cloud answers or the patience is over."""
        pace, end = Pace(self.outside), self.outside.clock() + PATIENCE_S
        while True:
            try:
                return ask()
            except (Busy, Throttled, Unknown) as fault:
                if self.outside.clock() >= end:
                    raise
                pace.rest(getattr(fault, "after_s", None) or 0.0)

    def of_pool(self, tier: TierPlan) -> tuple[Server, ...]:
        """The servers of a tier, of all deploys. A cloud's filter may be ignored, so the marks decide here."""
        servers = self.read(lambda: self.servers.find(tier.pool))
        return tuple(server for server in servers if server.marks is not None and server.marks.pool == tier.pool)

    def ours(self, tier: TierPlan) -> tuple[Server, ...]:
        """The servers of a tier that this deploy has made."""
        return tuple(s for s in self.of_pool(tier) if s.marks and s.marks.deploy == self.plan.deploy_id)

    def get(self, server_id: str) -> Server | None:
        """One server as it is now; None: it is gone."""
        try:
            return self.read(lambda: self.servers.get(server_id))
        except Gone:
            return None

    def members(self, pool: PoolPlan) -> tuple[Member, ...]:
        """The members of a pool; none where it does not exist yet."""
        try:
            return self.read(self.pools[pool.name].members)
        except Gone:
            return ()

    def member(self, pool: PoolPlan, name: str, address: str | None) -> Member | None:
        """The member of one server: name and address must both be its own."""
        return next((m for m in self.members(pool) if m.name == name and m.address == address), None)

    def seen(self, subjects: dict[str, str], server: str, state: str, address: str | None = None) -> None:
        """Record what is seen of a server, where it has changed. subjects: what was recorded last, by server."""
        if subjects.get(server) != state:
            subjects[server] = state
            place = {} if address is None else {"address": address}
            self.journal.add("seen", server=server, state=state, **place)
