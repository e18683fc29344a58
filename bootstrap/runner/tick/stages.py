"""Runs one stage: its intent on disk, the stage in a session of its own, its result on disk.

With both records, an attempt without an end is known to be interrupted, and is settled as the spec declares.
"""

import os

from bootstrap.runner.bundle import later
from bootstrap.runner.contract import EXIT_AGAIN
from bootstrap.runner.tick.checks import need_missing
from bootstrap.runner.tick.history import StageFacts
from bootstrap.runner.tick.logs import open_log, outputs, tail
from bootstrap.runner.tick.shell import account, exit_code, no_user
from bootstrap.runner.tick.signals import Again, Failed, Superseded


def killed_for_memory(host):
    """Return the number of processes that the kernel has killed for memory since boot, as text; "" without /proc."""
    return host.text("/proc/vmstat").partition("\noom_kill ")[2].split("\n")[0]


def unless_fails(function, *arguments):
    """Return function(*arguments), or {} when it fails.

    It is for what is done after a stage: whatever the stage has left there, its exit code is to be recorded.
    """
    try:
        return function(*arguments)
    except (OSError, ValueError, MemoryError):
        return {}


def no_room(path):
    """Whether a file system has no space or no inodes left. btrfs reports no inodes in all, and none free."""
    info = os.statvfs(path)
    return info.f_bfree * info.f_frsize < 1 << 16 or (info.f_files and not info.f_ffree)


def backoff(delay_s, max_delay_s, failed):
    """Return the seconds to wait before the attempt after `failed` failures: doubling, bounded."""
    return min(max_delay_s, delay_s * 2 ** min(failed - 1, 16))


class Stages:
    """The stages of one run, in order, each once."""

    def __init__(self, run):
        self.host, self.plan, self.journal = run.host, run.plan, run.journal
        self.deadline, self.shell, self.run = run.deadline, run.shell, run

    def facts(self, stage):
        """Return the StageFacts of a stage, from the journal as it is now."""
        return StageFacts(self.journal.events, stage["name"])

    def end(self, stage, result, attempt, took_s=0.0, **more):
        """Journal a stage.ended; raises Failed when it is final."""
        event = self.journal.add(
            "stage.ended", stage=stage["name"], result=result, attempt=attempt, took_s=round(took_s, 3), **more
        )
        if event.get("final"):
            reason = "exit %d" % event["exit_code"] if "exit_code" in event else "cause: %s" % event.get("cause")
            # These two have no log: their tail is the sentence that says what is missing.
            reason = event["tail"] if event.get("cause") in ("needs", "reboot") else reason
            raise Failed(stage["name"], event.get("cause"), "stage %s failed (%s)" % (stage["name"], reason))

    def needs(self, stage):  # for: needs
        """Wait until every need of the stage is met; a wait that outlives the whole deadline fails the stage."""
        reported, attempt = None, self.facts(stage).attempt
        for need in [{"user": stage["user"]}] + stage.get("needs", []):
            while True:
                if "user" in need:
                    missing = None if account(need["user"]) else no_user(stage)
                else:
                    missing = need_missing(self.host, self.plan, need)
                if not missing:
                    break
                if missing != reported:
                    reported = missing
                    self.journal.add("waiting", missing=[{"path": stage["name"], "why": "needs"}], **{"for": missing})
                if self.deadline() <= 0:
                    self.end(stage, "failed", attempt, cause="needs", tail=missing, final=True)
                self.run.meanwhile()
                self.host.pause(1.0)

    def work(self, stage):
        """Bring one stage to its end. Raises Failed, Again or Superseded."""
        facts = self.facts(stage)
        if facts.open:
            later("settle")(self, stage, facts)
        while True:
            facts = self.facts(stage)
            if facts.state in ("done", "skipped"):
                if stage["reboot"] != "never":  # for: reboot
                    later("reboot_after")(self.run, stage)
                return
            if facts.state == "failed":
                raise Failed(stage["name"], facts.end.get("cause"), "stage %s failed" % stage["name"])
            if self.deadline() <= 0:
                self.end(stage, "failed", facts.attempt, cause="deadline", final=True)
            self.wait_to_retry(stage, facts)  # for: retry
            self.needs(stage)  # for: needs
            if (
                stage.get("skip_if")
                and not facts.attempt
                and self.shell.run(stage, stage["name"] + "/skip_if", stage["skip_if"], 300)[0] == 0
            ):  # for: skip-if
                self.end(stage, "skipped", 0)
                continue
            self.attempt(stage, facts)

    def wait_to_retry(self, stage, facts):  # for: retry
        """Pause before another attempt; at once where the failure was in another boot."""
        if facts.failed and facts.end and facts.end["result"] == "failed":
            end = facts.end["uptime_s"] + backoff(stage["delay_s"], stage["max_delay_s"], facts.failed)
            # One second of slack: journal times are rounded, and a pause at max_delay must not look like one from an
            # earlier boot.
            if end - self.host.uptime() > stage["max_delay_s"] + 1:
                end = self.host.uptime()
            while self.host.uptime() < end:
                self.run.meanwhile()
                self.host.pause(min(1.0, end - self.host.uptime()))

    def attempt(self, stage, facts):
        """Make one attempt and journal its end. Raises Failed when that is final, Again when the stage says not yet."""
        name, number = stage["name"], facts.attempt + 1
        label = "%s/%d" % (name, number)
        if self.host.list("/var/lib/dpkg/updates"):
            later("fix_dpkg")(self.run, name)
        log = open_log(self.host, name)
        log_start = os.fstat(log).st_size
        group, oom = self.shell.group(self.shell.mark(label)), killed_for_memory(self.host)
        # The child waits for go(). Its start is on disk before it does anything: else a kill between the two would
        # leave a stage that has run and that no journal knows of.
        pid, go = self.shell.start(stage, label, stage["text"], log, group)
        more = {"pid": pid, "start": self.shell.started_at(pid), "boot_id": self.host.boot_id}
        self.journal.add("stage.started", stage=name, attempt=number, **more)
        start = self.host.uptime()
        go()
        try:
            status, usage, timed_out = self.shell.wait(pid, stage["timeout_s"], log)
        except Superseded:
            self.shell.kill_session(pid, self.shell.mark(label))
            raise
        code = exit_code(status)
        # A daemon that a good stage has started lives on; a failed one leaves nothing beside the next attempt.
        if timed_out or code not in (0, EXIT_AGAIN):
            self.shell.kill_session(pid, self.shell.mark(label))
        more = {"cpu_s": round(usage.ru_utime + usage.ru_stime, 3), "peak_kib": usage.ru_maxrss}
        more.update({"signal": os.WTERMSIG(status)} if os.WIFSIGNALED(status) else {"exit_code": code})
        # Before the journal follows a mount: secrets are blotted out of the log, which is then taken along.
        more["tail"] = unless_fails(tail, log, self.plan, log_start) or ""
        os.close(log)
        # The stage may have mounted something over our folder: its outputs are in the new one then.
        unless_fails(self.journal.keep_up)
        self.host.remove_cgroup(group)
        more.update(unless_fails(outputs, self.host, self.plan, label))
        result, cause = "failed", "timeout" if timed_out else "signal" if "signal" in more else "exit"
        kills = killed_for_memory(self.host)
        if oom and kills and kills != oom:  # "" when the stage has unmounted /proc
            cause = "oom"
        elif any(map(no_room, filter(os.path.exists, ("/", "/var/lib", "/tmp")))):
            cause = "disk"
        if not timed_out and code == EXIT_AGAIN:
            result = "again"
        elif not timed_out and code == 0:
            result, cause = "done", None
            if stage.get("verify"):  # for: verify
                code, lines = self.shell.run(stage, name + "/verify", stage["verify"], 300)
                if code:
                    result, cause, more["tail"] = "failed", "verify", "verify exit %d\n%s" % (code, lines)
        if result == "failed":
            more["cause"] = cause
            if facts.failed + 1 >= stage["attempts"]:
                more["final"] = True
        self.end(stage, result, number, self.host.uptime() - start, **more)
        if result == "again":
            raise Again("stage %s says: not yet" % name)
