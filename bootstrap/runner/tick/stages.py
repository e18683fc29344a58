"""Runs one stage: intent on disk, the stage in a session of its own, the result on disk."""

import os

from bootstrap.runner.bundle import later
from bootstrap.runner.contract import EXIT_AGAIN
from bootstrap.runner.tick.checks import need_missing
from bootstrap.runner.tick.history import StageFacts, backoff
from bootstrap.runner.tick.logs import open_log, outputs, tail
from bootstrap.runner.tick.shell import account, exit_code, no_user
from bootstrap.runner.tick.signals import Again, Failed, Superseded

APT = """DPkg::Lock::Timeout "600";
DPkg::Options { "--force-confdef"; "--force-confold"; };
APT::Get::Assume-Yes "true";
"""


def killed_for_memory(host):
    """How many processes the kernel has killed since boot because memory ran out."""
    return host.text("/proc/vmstat").partition("\noom_kill ")[2].split("\n")[0]


def looked(look, *words):
    """What a look after a stage gives, {} where it fails: its exit code is to be recorded whatever else there is."""
    try:
        return look(*words)
    except (OSError, ValueError, MemoryError):
        return {}


def disk_full():
    """Whether a file system that stages write to has no space or no inodes left."""
    for path in filter(os.path.exists, ("/", "/var/lib", "/tmp")):
        info = os.statvfs(path)
        if info.f_bfree * info.f_frsize < 1 << 16 or (info.f_files and not info.f_ffree):
            return True
    return False


class Stages:
    """The stages of one run, in order, each once."""

    def __init__(self, run):
        self.host, self.plan, self.journal = run.host, run.plan, run.journal
        self.deadline, self.shell, self.run = run.deadline, run.shell, run

    def facts(self, stage):
        return StageFacts(self.journal.events, stage["name"])

    def end(self, stage, result, attempt, took_s=0.0, **more):
        """Journal a stage.ended; raises Failed when it is final."""
        event = self.journal.add(
            "stage.ended", stage=stage["name"], result=result, attempt=attempt, took_s=round(took_s, 3), **more
        )
        if event.get("final"):
            how = "exit %d" % event["exit_code"] if "exit_code" in event else "cause: %s" % event.get("cause")
            how = event["tail"] if event.get("cause") in ("needs", "reboot") else how
            raise Failed(stage["name"], event.get("cause"), "stage %s failed (%s)" % (stage["name"], how))

    def kill_left(self, began):
        """End what an attempt without an end has left running. The pids."""
        if began["boot_id"] != self.host.boot_id:
            return []
        # The pid of its leader may long belong to somebody else: only with the same start time is it ours.
        known = self.shell.started_at(began["pid"]) == began["start"]
        mark = self.shell.mark("%s/%d" % (began["stage"], began["attempt"]))
        return self.shell.kill_session(began["pid"] if known else None, mark)

    def settle(self, stage, facts):
        """An attempt without an end: kill what is left of it, then let verify or on_interrupt decide."""
        began, name = facts.open, stage["name"]
        policy = stage["on_interrupt"]
        if facts.state == "running":
            rebooted = began["boot_id"] != self.host.boot_id
            more = {"killed": self.kill_left(began), "policy": policy, "rebooted": rebooted}
            self.journal.add("interrupted", stage=name, attempt=began["attempt"], **more)
        if stage.get("verify") and self.shell.run(stage, name + "/verify", stage["verify"], 300)[0] == 0:
            more = looked(outputs, self.host, self.plan, "%s/%d" % (name, began["attempt"]))
            return self.end(stage, "done", began["attempt"], cause="interrupted", **more)
        if policy == "fail" or self.facts(stage).too_often:
            return self.end(
                stage, "failed", began["attempt"], cause="interrupted", final=True, tail=self.last_lines(name)
            )
        return None

    def last_lines(self, name):
        log = open_log(self.host, name)
        text = tail(log, self.plan)
        os.close(log)
        return text

    def needs(self, stage):
        """Wait until all the stage needs is there; a wait that outlives the whole deadline fails the stage."""
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
            self.settle(stage, facts)
        while True:
            facts = self.facts(stage)
            if facts.state in ("done", "skipped"):
                return self.reboot(stage)
            if facts.state == "failed":
                raise Failed(stage["name"], facts.end.get("cause"), "stage %s failed" % stage["name"])
            if self.deadline() <= 0:
                self.end(stage, "failed", facts.attempt, cause="deadline", final=True)
            self.rest(stage, facts)
            self.needs(stage)
            if (
                stage.get("skip_if")
                and not facts.attempt
                and self.shell.run(stage, stage["name"] + "/skip_if", stage["skip_if"], 300)[0] == 0
            ):
                self.end(stage, "skipped", 0)
            else:
                self.attempt(stage, facts)

    def rest(self, stage, facts):
        """The pause before another attempt."""
        if facts.failed and facts.end and facts.end["result"] == "failed":
            end = facts.end["uptime_s"] + backoff(stage["delay_s"], stage["max_delay_s"], facts.failed)
            # A second more than the limit: the journal rounds, and a capped pause must not be taken for another boot's.
            if end - self.host.uptime() > stage["max_delay_s"] + 1:
                end = self.host.uptime()  # the failure was in another boot
            while self.host.uptime() < end:
                self.run.meanwhile()
                self.host.pause(min(1.0, end - self.host.uptime()))

    def attempt(self, stage, facts):
        name, number = stage["name"], facts.attempt + 1
        label = "%s/%d" % (name, number)
        if self.host.list("/var/lib/dpkg/updates"):
            later("mend_dpkg")(self.run, name)
        log = open_log(self.host, name)
        began_at = os.fstat(log).st_size
        group, oom = self.shell.group(self.shell.mark(label)), killed_for_memory(self.host)
        pid, go = self.shell.start(stage, label, stage["text"], log, group)
        more = {"pid": pid, "start": self.shell.started_at(pid), "boot_id": self.host.boot_id}
        self.journal.add("stage.started", stage=name, attempt=number, **more)
        begun = self.host.uptime()
        go()
        try:
            status, usage, late = self.shell.wait(pid, stage["timeout_s"], log)
        except Superseded:
            self.shell.kill_session(pid, self.shell.mark(label))
            raise
        code = exit_code(status)
        if late or code not in (0, EXIT_AGAIN):
            self.shell.kill_session(pid, self.shell.mark(label))
        more = {"cpu_s": round(usage.ru_utime + usage.ru_stime, 3), "peak_kib": usage.ru_maxrss}
        more.update({"signal": os.WTERMSIG(status)} if os.WIFSIGNALED(status) else {"exit_code": code})
        more["tail"] = looked(tail, log, self.plan, began_at) or ""
        os.close(log)
        if self.journal.moved():
            # The stage mounted something over our folder: its outputs are there, and its log follows without secrets.
            looked(self.journal.follow)
        self.host.part(group)
        more.update(looked(outputs, self.host, self.plan, label))
        result, cause = "failed", "timeout" if late else "signal" if "signal" in more else "exit"
        kills = killed_for_memory(self.host)
        if oom and kills and kills != oom:  # "" when the stage has unmounted /proc
            cause = "oom"
        elif disk_full():
            cause = "disk"
        if not late and code == EXIT_AGAIN:
            result = "again"
        elif not late and code == 0:
            result, cause = "done", None
            if stage.get("verify"):
                check, saw = self.shell.run(stage, name + "/verify", stage["verify"], 300)
                if check:
                    result, cause, more["tail"] = "failed", "verify", "verify exit %d\n%s" % (check, saw)
        if result == "failed":
            more["cause"] = cause
            if facts.failed + 1 >= stage["attempts"]:
                more["final"] = True
        self.end(stage, result, number, self.host.uptime() - begun, **more)
        if result == "again":
            raise Again("stage %s says: not yet" % name)

    def reboot(self, stage):
        if stage["reboot"] != "never":
            later("reboot_after")(self.run, stage)
