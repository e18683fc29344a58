"""Ships the journal to the collector: in a child, so that neither DNS nor a slow answer holds a stage up."""

import json
import os

from bootstrap.runner.contract import REPORT_VERSION
from bootstrap.runner.host import STATE
from bootstrap.runner.processes import Question
from bootstrap.runner.tick.checks import signed

BATCH = 200  # events a request: far under the collector's limit of 1 MiB, tails of logs included


class Report:
    """The outbox. acked is kept in memory only: after a restart all is offered again; the collector knows."""

    def __init__(self, host, plan, journal, deadline):
        self.host, self.plan, self.journal, self.deadline = host, plan, journal, deadline
        self.acked, self.sender, self.failures, self.not_before = 0, None, 0, 0.0
        self.reason = "no answer in time"

    @property
    def pending(self):
        return "report" in self.plan and self.acked < len(self.journal.events)

    def body(self):
        """The next request's body, bytes."""
        plan, events = self.plan, self.journal.events[self.acked : self.acked + BATCH]
        states = [e["state"] for e in self.journal.find("state")]
        body = {key: plan[key] for key in ("server", "deploy_id", "revision", "group") if key in plan}
        body.update(
            version=REPORT_VERSION, journal=self.journal.id, state=states[-1] if states else "running", events=events
        )
        body.update(instance_id=self.journal.events[0].get("instance_id", ""), boot_id=self.host.boot_id)
        body["deadline_s"] = max(0, round(self.deadline()))
        return json.dumps(body).encode()

    def poke(self):
        """Start, or go on with, sending what is not yet acknowledged. Never waits."""
        if self.sender and not self.sender.running():
            self.heard(self.sender.answer)
            self.sender = None
        if not self.sender and self.pending and self.host.uptime() >= self.not_before:
            body, first = self.body(), self.acked + 1
            self.sender = Question(self.host, lambda: self.send(body, first), 25)

    def send(self, body, first):
        try:
            status, answer, headers = signed(self.plan, "POST", "/v1/events", body, self.journal.id, first)
            if status == 200:
                taken = json.loads(answer.decode())["acked"]
                # true is a number for Python, and no count of events.
                if type(taken) is int and taken >= 0:
                    return b"%d" % taken
            later = headers.get("retry-after", "")
            later = "in %s s; " % later if later.isdigit() else ""
            return ("%scollector answers %d %s" % (later, status, answer[:200].decode("utf-8", "replace"))).encode()
        except Exception as error:
            late = " (is the clock right?)" if "yet valid" in str(error) or "expired" in str(error) else ""
            return ("%s: %s%s" % (type(error).__name__, error, late)).encode()[:300]

    def heard(self, answer):
        said = (answer or b"no answer in time").decode("utf-8", "replace")
        if said.isdigit():
            taken = min(int(said), len(self.journal.events))
            self.failures = 0 if taken > self.acked else self.failures + 1
            self.acked, self.reason = taken, "collector has %d events" % taken
        else:
            self.failures, self.reason = self.failures + 1, said.replace("\n", " ")
        # Jitter: a fleet that boots together must not come back together.
        jitter = 0.5 + ord(os.urandom(1)) / 512.0
        pause = min(60.0, 2.0 ** min(self.failures, 6)) * jitter if self.failures else 0.0
        if said.startswith("in "):
            # It is the collector who knows when it has room again; an hour is all we take its word for.
            pause = max(pause, min(3600, int(said.split()[1])) * (0.5 + jitter))
        self.not_before = self.host.uptime() + pause

    def drain(self, patience_s):
        """Send until all is taken or patience ends. True when nothing is owed."""
        end = self.host.uptime() + patience_s
        while self.pending and self.host.uptime() < end:
            self.poke()
            if self.pending:
                self.host.pause(0.05 if self.sender else max(0.05, min(1.0, self.not_before - self.host.uptime())))
        if self.pending:
            return False
        self.host.remove(STATE + "/unsent")
        return True
