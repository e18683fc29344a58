"""Proves new servers: the report, the probe from outside, the balancer's own word, and the user's command."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bootstrap.deploy.build import Builder, keep_reason
from bootstrap.deploy.candidate import Candidate
from bootstrap.deploy.faults import Denied, Fault
from bootstrap.deploy.model import Server, ServerState, TierPlan
from bootstrap.deploy.protocols import Report
from bootstrap.deploy.stopping import Failure
from bootstrap.deploy.work import Pace, Work
from bootstrap.errors import ExitCode

# A server that builds longer than this part of its deadline is stuck, and is replaced while there is time for another.
STUCK = 0.5


class Gate:
    """Lets the servers of one tier pass, or raises Failure with the reason. candidates may be replaced on the way."""

    def __init__(self, work: Work, tier: TierPlan, builder: Builder, candidates: list[Candidate]) -> None:
        self._work, self._tier, self._builder, self.candidates = work, tier, builder, candidates
        self._shown: dict[str, str] = {}

    def prove(self) -> None:
        """Wait until every candidate is active, reports healthy and has passed its probe for long enough."""
        pace = Pace(self._work.outside, 2.0)
        while True:
            self._look()
            if all(self._is_stable(candidate) for candidate in self.candidates):
                return
            self._judge_deadlines()
            pace.rest()

    def look_again(self) -> list[Candidate]:
        """One more look at all of them, while the balancer is waited for. The candidates that do not pass now."""
        self._look(may_replace=False)
        return [candidate for candidate in self.candidates if candidate.passed_since is None]

    def _look(self, may_replace: bool = True) -> None:
        """Ask the cloud, the collector and the servers themselves, once each."""
        servers = self._servers(may_replace)
        reports = self._reports()
        ready = [c for c in self.candidates if self._is_ready(c, servers, reports.get(c.name))]
        requests = [(c, c.probe(self._tier.gate, self._tier.pools)) for c in ready]
        probes = [(candidate, request) for candidate, request in requests if request is not None]
        faults = self._work.outside.probe([request for _, request in probes]) if probes else []
        for (candidate, _), fault in zip(probes, faults, strict=True):
            self._note(candidate, fault and f"the probe: {fault}")
        for candidate, request in requests:
            if request is None:
                self._note(candidate, None)

    def _servers(self, may_replace: bool) -> dict[str, Server]:
        """The candidates' servers by id. Those that cannot come up any more are replaced by others."""
        work, tier = self._work, self._tier
        servers = {server.id: server for server in work.of_pool(tier)}
        for place, candidate in enumerate(self.candidates):
            # A list may be older than the server; its own body decides.
            server = servers.get(candidate.id) or work.get(candidate.id)
            fault = _dead(server)
            is_stuck = fault is None and self._is_stuck(candidate, server)
            if is_stuck:
                fault = f"it was building for {work.outside.clock() - candidate.since:.0f} s"
            if fault is None and server is not None:
                servers[candidate.id] = server
                candidate.address = server.address
                continue
            work.seen(self._shown, candidate.name, fault or "gone")
            if not may_replace or candidate.is_adopted:
                lines = keep_reason(work, candidate, (fault or "gone",))
                raise Failure(f"{candidate.name}: {fault}", server=candidate.name, lines=lines)
            code = ExitCode.TIMEOUT if is_stuck else ExitCode.FAILED
            self.candidates[place] = self._builder.replace(candidate, fault or "gone", code)
        return servers

    def _is_stuck(self, candidate: Candidate, server: Server | None) -> bool:
        age_s = self._work.outside.clock() - candidate.since
        return (
            server is not None and server.state is ServerState.BUILDING and age_s > self._tier.gate.deadline_s * STUCK
        )

    def _reports(self) -> Mapping[str, Report]:
        """The reports of the candidates by name; none while the collector does not answer."""
        names = [c.name for c in self.candidates if not c.is_adopted]
        if not self._tier.reports or not names:
            return {}
        try:
            reports = self._work.outside.reports(self._work.plan.deploy_id, names)
        except Denied as fault:
            raise Failure(f"the collector refuses to be read: {fault.message}") from fault
        except Fault as fault:
            for candidate in self.candidates:
                candidate.fault = f"its report cannot be read: {fault.message}"
            return {}
        listed = [candidate for candidate in self.candidates if candidate.name in reports]
        failed = [(c, reports[c.name]) for c in listed if reports[c.name].state == "failed"]
        if failed:
            self._fail(failed)
        for candidate in self.candidates:
            report = reports.get(candidate.name)
            if report is not None and report.outputs:
                candidate.outputs = dict(report.outputs)
        return reports

    def _fail(self, failed: list[tuple[Candidate, Report]]) -> None:
        """End the roll-out since hosts have said themselves that they failed. Raises Failure with the first one.

        The reason of each of them is kept, since the rollback deletes them all.
        """
        reasons = []
        for candidate, report in failed:
            reason = report.reason or "it reports that it failed"
            self._work.seen(self._shown, candidate.name, f"failed: {reason}")
            reasons.append((reason, keep_reason(self._work, candidate, report.lines or (reason,))))
        (first, _), (reason, lines) = failed[0], reasons[0]
        raise Failure(f"{first.name} failed: {reason}", server=first.name, lines=lines)

    def _is_ready(self, candidate: Candidate, servers: Mapping[str, Server], report: Report | None) -> bool:
        """Whether it is time to probe it. If not, what is missing is noted."""
        server = servers.get(candidate.id)
        if server is None or server.state is not ServerState.ACTIVE:
            self._note(candidate, "it is still being built")
            return False
        if candidate.address is None:
            self._note(candidate, "it has no address yet")
            return False
        twin = _twin(candidate, servers.values())
        if twin is not None:
            # Nobody could say which of the two answers a probe, or gets the requests of the balancer.
            self._note(candidate, f"{twin} has its address {candidate.address} as well")
            return False
        # The servers of an earlier deploy proved themselves then, and report no more.
        if self._tier.reports and not candidate.is_adopted and (report is None or report.state != "healthy"):
            state = report.state if report else None
            self._note(candidate, f"it reports {state}" if state else "it has not reported yet")
            return False
        return True

    def _note(self, candidate: Candidate, fault: str | None) -> None:
        """Take in what one look has shown."""
        if fault is not None:
            candidate.passed_since, candidate.fault = None, fault
            self.show(candidate, fault)
        elif candidate.passed_since is None:
            candidate.passed_since = self._work.outside.clock()
            self.show(candidate, "passed its probe")

    def show(self, candidate: Candidate, state: str) -> None:
        """Record a state of a candidate, where it has changed."""
        self._work.seen(self._shown, candidate.name, state, candidate.address)

    def _is_stable(self, candidate: Candidate) -> bool:
        stable_s = 0.0 if candidate.is_adopted else self._tier.gate.stable_s
        since = candidate.passed_since
        return since is not None and self._work.outside.clock() - since >= stable_s

    def _judge_deadlines(self) -> None:
        """End the roll-out when the time of a candidate is out. Raises Failure."""
        now, deadline_s = self._work.outside.clock(), self._tier.gate.deadline_s
        for candidate in self.candidates:
            if now - candidate.since >= deadline_s:
                state = candidate.fault if candidate.passed_since is None else "it was not stable for long enough"
                text = f"{candidate.name} did not pass the gate within {deadline_s:.0f} s: {state}"
                lines = keep_reason(self._work, candidate, (state,))
                raise Failure(text, ExitCode.TIMEOUT, server=candidate.name, lines=lines)


def ask_command(work: Work, tier: TierPlan, candidates: list[Candidate]) -> None:
    """Run the tier's before_swap, once in a deploy. Raises Failure when its exit code is not 0."""
    line = tier.gate.before_swap
    if line is None or tier.name in work.journal.recall.hooks:
        return
    # The newest comes last: a command that copies rows from the old database to the new one takes that.
    replaced = sorted(tier.old, key=lambda old: old.deploy)
    environment = {
        "INITIALRUNNER_DEPLOY": work.plan.deploy_id,
        "INITIALRUNNER_TIER": tier.name,
        "INITIALRUNNER_REVISION": tier.revision,
        "INITIALRUNNER_SERVERS": " ".join(candidate.name for candidate in candidates),
        "INITIALRUNNER_ADDRESSES": " ".join(candidate.address or "" for candidate in candidates),
        "INITIALRUNNER_OLD_ADDRESSES": " ".join(old.address for old in replaced if old.address),
    }
    work.outside.pause(0)
    work.lease.check()
    number = work.journal.add("call", call="before_swap", tier=tier.name, command=line)["seq"]
    code, tail = work.outside.command(line, environment, tier.gate.deadline_s)
    if code == 0:
        work.journal.add("answer", to=number)
        return
    work.journal.add("answer", to=number, fault="broken", message=f"exit {code}")
    lines = tuple(tail.splitlines())
    work.journal.add("reason", server=tier.name, lines=[f"before_swap: exit {code}", *lines])
    raise Failure(f"before_swap of {tier.name} ended with exit code {code}", lines=lines)


def _twin(candidate: Candidate, servers: Iterable[Server]) -> str | None:
    """The name of another active server with this address."""
    active = (s for s in servers if s.state is ServerState.ACTIVE and s.id != candidate.id)
    return next((server.name for server in active if server.address == candidate.address), None)


def _dead(server: Server | None) -> str | None:
    """The fault of a server that will never be active; None while it may be."""
    if server is None:
        return "the server is gone"
    if server.state is ServerState.ERROR:
        return server.fault or "the cloud says ERROR and gives no reason"
    return "somebody deletes it" if server.state is ServerState.DELETING else None
