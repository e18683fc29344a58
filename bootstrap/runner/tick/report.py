"""Ships the journal to the collector: in a child, so that neither DNS nor a slow answer holds a stage up."""

import os

from bootstrap.runner.contract import REPORT_VERSION
from bootstrap.runner.host import STATE
from bootstrap.runner.jsontext import dumps, loads
from bootstrap.runner.processes import Question
from bootstrap.runner.tick.checks import signed

BATCH = 200  # events a request: far under the collector's limit of 1 MiB, tails of logs included


class Report:
    """The outbox. acked is kept in memory only: after a restart all is offered again, and the collector tells it."""

    def __init__(self, host, plan, journal, deadline):
        self.host, self.plan, self.journal, self.deadline = host, plan, journal, deadline
        self.acked, self.sender, self.failures, self.not_before = 0, None, 0, 0.0
        self.reason = "no answer in time"

    @property
    def pending(self):
        """Whether the collector does not have all events, or has not said so yet."""
        return "report" in self.plan and self.acked < len(self.journal.events)

    def body(self):
        """Return the body of the next request, bytes."""
        plan, events = self.plan, self.journal.events[self.acked : self.acked + BATCH]
        states = [e["state"] for e in self.journal.find("state")]
        body = {key: plan[key] for key in ("server", "deploy_id", "revision", "group") if key in plan}
        body.update(
            version=REPORT_VERSION, journal=self.journal.id, state=states[-1] if states else "running", events=events
        )
        body.update(instance_id=self.journal.events[0].get("instance_id", ""), boot_id=self.host.boot_id)
        body["deadline_s"] = max(0, round(self.deadline()))
        return dumps(body).encode()

    def poke(self):
        """Start, or go on with, sending the events that are not acknowledged yet. Never waits."""
        if self.sender and not self.sender.running():
            self.take_answer(self.sender.answer)
            self.sender = None
        if not self.sender and self.pending and self.host.uptime() >= self.not_before:
            body, first = self.body(), self.acked + 1
            self.sender = Question(self.host, lambda: self.send(body, first), 25)

    def send(self, body, first):
        """Send one request, in a child. Return a count of events, or a line that says why there is none; bytes."""
        try:
            status, answer, headers = signed(self.plan, "/v1/events", body, self.journal.id, first)
            if status == 200:
                acked = loads(answer.decode())["acked"]
                # `true` is a number for Python, and no count of events.
                if type(acked) is int and acked >= 0:
                    return b"%d" % acked
            delay = headers.get("retry-after", "")
            delay = "in %s s; " % delay if delay.isdigit() else ""
            return ("%scollector answers %d %s" % (delay, status, answer[:200].decode("utf-8", "replace"))).encode()
        except Exception as error:
            hint = " (is the clock right?)" if "yet valid" in str(error) or "expired" in str(error) else ""
            return ("%s: %s%s" % (type(error).__name__, error, hint)).encode()[:300]

    def take_answer(self, answer):
        """Note count or reason, and the next time to send. answer: of send(), None when that was out of time."""
        text = (answer or b"no answer in time").decode("utf-8", "replace")
        if text.isdigit():
            acked = min(int(text), len(self.journal.events))
            # No progress is a failure too: events that the collector does not take must not be sent without a pause.
            self.failures = 0 if acked > self.acked else self.failures + 1
            self.acked, self.reason = acked, "collector has %d events" % acked
        else:
            self.failures, self.reason = self.failures + 1, text.replace("\n", " ")
        # Jitter: a fleet that boots together must not come back together.
        jitter = 0.5 + ord(os.urandom(1)) / 512.0
        pause = min(60.0, 2.0 ** min(self.failures, 6)) * jitter if self.failures else 0.0
        if text.startswith("in "):
            # The collector knows when it has room again. An hour is the most that it may ask for.
            pause = max(pause, min(3600, int(text.split()[1])) * (0.5 + jitter))
        self.not_before = self.host.uptime() + pause

    def drain(self, patience_s):
        """Send until the collector has all events or patience ends. True when nothing is owed."""
        end = self.host.uptime() + patience_s
        while self.pending and self.host.uptime() < end:
            self.poke()
            if self.pending:
                self.host.pause(0.05 if self.sender else max(0.05, min(1.0, self.not_before - self.host.uptime())))
        if self.pending:
            return False
        self.host.remove(STATE + "/unsent")
        return True
