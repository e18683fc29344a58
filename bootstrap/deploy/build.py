"""Makes servers: no second create before a look-up by mark, and replacements only up to a bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bootstrap.deploy.candidate import Candidate, adopted
from bootstrap.deploy.faults import Fault, Quota, Unknown
from bootstrap.deploy.model import Marks, Server, ServerRequest, ServerState, TierPlan
from bootstrap.deploy.remove import delete
from bootstrap.deploy.stopping import Failure
from bootstrap.deploy.work import Work
from bootstrap.errors import ExitCode

# A create whose answer was lost is looked up this often. Clouds list a new server within seconds.
LOOKS, LOOK_PAUSE_S = 4, 1.0
# Create calls of one slot whose answer was lost and that made nothing. More than this is no accident.
LOST_CREATES = 5


class Builder:
    """Makes the servers of one tier. values: what the earlier tiers are, for the templates of this one."""

    def __init__(self, work: Work, tier: TierPlan, values: Mapping[str, Any]) -> None:
        self._work, self._tier, self._values = work, tier, values

    def build(self, slots: Sequence[int]) -> list[Candidate]:
        """A server for each slot: the one that an earlier run of this deploy has made, else a new one."""
        work, tier = self._work, self._tier
        if tier.adopted:
            return [adopted(tier.adopted[slot - 1], tier, slot, work.outside.clock()) for slot in slots]
        recall = work.journal.recall
        was_created = any((tier.name, slot) in recall.creates for slot in slots)
        existing = self._newest(work.ours(tier)) if was_created else {}
        return [self._candidate(existing[slot]) if slot in existing else self.create(slot) for slot in slots]

    def create(self, slot: int) -> Candidate:
        """Ask for one server until the cloud has said that it is being made. Raises Failure."""
        work, tier, recall = self._work, self._tier, self._work.journal.recall
        for _ in range(LOST_CREATES):
            last = recall.creates.get((tier.name, slot))
            # A call without an answer may have made a server: its answer was lost, or this program was killed. A
            # server that was made may not be listed yet.
            if last is not None and (not last.is_settled or self._is_expected(slot, last.attempt)):
                server = self._look_up(slot, last.attempt)
                if server is not None:
                    return self._candidate(server)
            attempt = recall.next_attempt(tier.name, slot)
            try:
                return self._candidate(self._ask(slot, attempt))
            except Unknown:
                continue
            except Quota as fault:
                raise Failure(_quota_text(fault)) from fault
            except Fault as fault:
                name = work.plan.server_name(tier, slot, attempt)
                raise Failure(f"{name} cannot be made: {fault.message}", server=name) from fault
        raise Failure(f"slot {slot} of {tier.name}: the answers of {LOST_CREATES} create calls were lost")

    def replace(self, candidate: Candidate, why: str, code: ExitCode) -> Candidate:
        """Make another server in the place of one that did not come up. Raises Failure past the bound."""
        work, tier = self._work, self._tier
        lines = keep_reason(work, candidate, (why,))
        if work.journal.recall.replaced.get(tier.name, 0) >= tier.replace_errors:
            again = f", after {tier.replace_errors} others were replaced" if tier.replace_errors else ""
            raise Failure(f"{candidate.name}: {why}{again}", code, server=candidate.name, lines=lines)
        work.journal.add("replaced", tier=tier.name, slot=candidate.slot, server=candidate.name)
        delete(work, tier, candidate.id, candidate.name, candidate.deploy)
        return self.create(candidate.slot)

    def _ask(self, slot: int, attempt: int) -> Server:
        work, tier = self._work, self._tier
        name = work.plan.server_name(tier, slot, attempt)
        marks = Marks(tier.pool, work.plan.deploy_id, slot, attempt, tier.revision)
        payload = work.payloads.payload(tier.name, name, self._values)
        request = ServerRequest(name, marks, tier.settings, payload)
        about = {"tier": tier.name, "slot": slot, "attempt": attempt, "server": name}
        return work.change("create", lambda: work.servers.create(request), about)

    def _is_expected(self, slot: int, attempt: int) -> bool:
        """Whether the server of this call was made, and is not to be replaced."""
        recall = self._work.journal.recall
        name = self._work.plan.server_name(self._tier, slot, attempt)
        return name in recall.living and name not in recall.owed

    def _look_up(self, slot: int, attempt: int) -> Server | None:
        """The server that a call without an answer has made, or None after some looks."""
        for look in range(LOOKS):
            if look:
                self._work.outside.pause(LOOK_PAUSE_S)
            servers = [s for s in self._work.ours(self._tier) if s.marks and s.marks.slot == slot]
            match = next((s for s in servers if s.marks and s.marks.attempt == attempt), None)
            if match is not None:
                return match
        return None

    def _newest(self, servers: Sequence[Server]) -> dict[int, Server]:
        """By slot, the server of the last attempt that is not on its way out.

        A server in ERROR is among them: the gate gives its reason, counts it, and replaces it.
        """
        living = [(s.marks, s) for s in servers if s.marks is not None and s.state is not ServerState.DELETING]
        return {marks.slot: server for marks, server in sorted(living, key=lambda pair: pair[0].attempt)}

    def _candidate(self, server: Server) -> Candidate:
        marks = server.marks
        if marks is None:
            raise Failure(f"{server.name}: the cloud has made it without its marks", server=server.name)
        clock = self._work.outside.clock()
        return Candidate(
            marks.slot, marks.attempt, server.name, server.id, marks.deploy, marks.revision, clock, server.address
        )


def keep_reason(work: Work, candidate: Candidate, lines: Sequence[str]) -> tuple[str, ...]:
    """Record why a server failed, with the end of its console, while it still exists."""
    # After a resume the same server may fail again; its first reason stands already.
    if candidate.name in work.journal.recall.reasons:
        return tuple(lines)
    try:
        console = work.servers.console(candidate.id).strip().splitlines()
    except Fault as fault:
        console = [f"its console cannot be read: {fault.message}"]
    tail = [f"console: {line}" for line in console[-15:]]
    work.journal.add("reason", server=candidate.name, lines=[*lines, *tail])
    return (*lines, *tail)


def _quota_text(fault: Quota) -> str:
    """The refusal with its numbers, as far as the cloud gave them."""
    if fault.resource is None:
        return f"the quota is exceeded: {fault.message}"
    return f"the quota of {fault.resource} is exceeded: {fault.have} are left, {fault.want} are needed: {fault.message}"
