"""A roll-out as plain lines: one for each thing that has happened, for logs of CI jobs and for what stays in sight.

1m05s  web 1     shop-web-1-ab12cd is building
"""

from __future__ import annotations

from bootstrap.client.wording import plain, span
from bootstrap.deploy.progress import Progress, Record
from bootstrap.deploy.view import phase_text

# What is said of a call once it is answered. The view has the states; a log has whole sentences.
DONE = {
    "create": "{server} is asked for",
    "add": "{server} is added to {pool}",
    "drain": "{server} drains in {pool}",
    "remove": "{server} has left {pool}",
    "delete": "{server} is deleted",
    "before_swap": "before_swap has passed",
}
# What is said when a call is begun that may take long by itself.
BEGUN = {"before_swap": "before_swap runs: {line}"}
# Faults that the deployer waits for; they are said once for each call, not at each attempt.
WAITED_FOR = ("busy", "throttled")


class Narration:
    """Turns records into lines. The records go through `progress`, which has to take each of them first."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self._faults: set[tuple[object, ...]] = set()
        self._last = ""

    def lines(self, record: Record) -> list[str]:
        """Return the lines of one record; none for one that people need not see."""
        texts = getattr(self, f"_{str(record.get('type')).replace('-', '_')}", None)
        return [self.line(text) for text in (texts(record) if texts else ())]

    def line(self, text: str, now: float | None = None) -> str:
        """Return one line: the time since the beginning, and a text."""
        at = self.progress.at if now is None else now
        begun = at if self.progress.begun is None else self.progress.begun
        return plain(f"{span(max(0.0, at - begun)):>7}  {text}")

    def heartbeat(self, now: float) -> str:
        """Return the line that a log gets while nothing happens, with what is waited for."""
        return self.line(f"{phase_text(self.progress, now)}{self._waiting()}", now)

    def _waiting(self) -> str:
        """Return `; shop-web-1-ab12cd: running packages`: the new servers of this tier that are not up yet."""
        phase = self.progress.phase
        if phase is None or phase.name not in ("creating", "gating", "joining"):
            return ""
        views = [v for v in self.progress.servers_of(phase.tier) if v.is_new and v.tone != "good"]
        texts = [f"{view.name}: {view.state}" for view in views[:3]]
        more = f" and {len(views) - 3} more" if len(views) > 3 else ""
        return f"; {', '.join(texts)}{more}" if texts else ""

    def _begun(self, record: Record) -> list[str]:
        plan = self.progress.plan
        return [f"deploy {plan.deploy_id} of {plan.name} begins"]

    def _resumed(self, record: Record) -> list[str]:
        return [f"deploy {self.progress.plan.deploy_id} is resumed"]

    def _phase(self, record: Record) -> list[str]:
        return [phase_text(self.progress, self.progress.at)]

    def _call(self, record: Record) -> list[str]:
        text = BEGUN.get(str(record.get("call")))
        return [text.format(line=record.get("line") or record.get("command") or "")] if text else []

    def _answer(self, record: Record) -> list[str]:
        call = self.progress.call_of(record)
        if call is None:
            return []
        server, kind = self.progress.server_of(call) or "?", str(call.get("call"))
        fault = record.get("fault")
        if fault is None:
            text = DONE.get(kind)
            return [text.format(server=server, pool=call.get("pool"))] if text else []
        about = (kind, server, call.get("pool"), fault)
        if fault in WAITED_FOR and about in self._faults:
            return []
        self._faults.add(about)
        place = f" in {call['pool']}" if call.get("pool") else ""
        again = "; it is tried again" if fault in WAITED_FOR else ""
        return [f"{kind} {server}{place}: {fault}: {record.get('message', '')}{again}"]

    def _seen(self, record: Record) -> list[str]:
        self._last = str(record.get("state"))
        return [f"{self.progress.server_of(record)}: {self._last}"]

    def _reason(self, record: Record) -> list[str]:
        # All lines of the reason stand at the end, where they are looked for; the first was often seen just now.
        first = str((record.get("lines") or ["failed"])[0])
        return [] if first in self._last else [f"{self.progress.server_of(record)}: {first}"]

    def _replaced(self, record: Record) -> list[str]:
        return [f"{self.progress.server_of(record) or record.get('tier')}: another server is made in its place"]

    def _turned(self, record: Record) -> list[str]:
        return [f"rolling back: {self.progress.turned}"]

    def _left(self, record: Record) -> list[str]:
        return [f"{record.get('tier')}: its old servers are left: {record.get('why')}"]

    def _spared(self, record: Record) -> list[str]:
        return [f"{self.progress.server_of(record)} is left as it is: {record.get('why')}"]

    def _cut(self, record: Record) -> list[str]:
        number = int(record.get("sessions") or 0)
        return [f"{number} session{'' if number == 1 else 's'} cut in {record.get('pool')}"] if number else []

    def _owed(self, record: Record) -> list[str]:
        return [f"owed: {self.progress.server_of(record)}: {record.get('why')}"]

    def _paid(self, record: Record) -> list[str]:
        return [f"no longer owed: {self.progress.server_of(record)}"]
