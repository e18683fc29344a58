"""One tick: everything from the lock to the last removed file, each step repeatable under kills."""

import _signal as signal
import errno
import os
import sys

from bootstrap.runner.bundle import TEXT, later
from bootstrap.runner.console import FAILED, UNDELIVERED
from bootstrap.runner.contract import EXIT_AGAIN, EXIT_DONE, EXIT_FAILED
from bootstrap.runner.defaults import filled
from bootstrap.runner.host import BUNDLE, COMMAND, STATE, TRIGGER, Host
from bootstrap.runner.jsontext import loads
from bootstrap.runner.tick.checks import check_fault, check_name
from bootstrap.runner.tick.files import (
    Waiting,
    awaited,
    digest,
    ended_mark,
    ensure_trigger,
    give_to_late_users,
    lack_text,
    place,
    protect_bundle,
    section,
    tidy_leftovers,
    units_wanted,
    whole,
)
from bootstrap.runner.tick.history import final
from bootstrap.runner.tick.journal import Journal
from bootstrap.runner.tick.report import Report
from bootstrap.runner.tick.shell import APT, Shell
from bootstrap.runner.tick.signals import Again, Failed, Superseded
from bootstrap.runner.tick.stages import Stages

STUCK = STATE + "/stuck", "/run/initialrunner.stuck"  # the reason why the last tick could not go on
BOOTED = "/run/initialrunner.boot."  # and the boot id: names who has begun the entries of this boot
EARLY = "# early\n"  # ends the admin's command that was written before there was a journal
GIVE_UP_TICKS = 7 * 24 * 60  # a tick a minute: events not taken for a week are given up


def bundle_files(host):
    """Return the names this bundle goes by on disk, in the order in which the trigger cats them."""
    pieces = ["%s.%d" % (BUNDLE, n) for n in range(1, 10)]
    pieces = [path for path in pieces if os.path.exists(path)]
    whole = "".join(map(host.text, pieces)).encode() == TEXT
    return pieces if whole else [BUNDLE]


class Run:
    """One run of the plan on this machine."""

    def __init__(self, host, plan):
        # Blocked, the end of a child waits for pause() to take it, and none is missed.
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        self.host, self.plan = host, plan
        self.sha256, self.files = digest(TEXT), bundle_files(host)
        self.trigger_read_at = 0.0

    def open(self):
        """Under the lock: open the journal, and make what works on it."""
        command = self.host.text(COMMAND)
        self.has_command = self.sha256 in command and not command.endswith(EARLY)
        if self.has_command and not any(name.startswith("journal") for name in self.host.list(STATE)):
            # The command was written when the journal was there already: to begin anew would run all stages again.
            # Older journals there (journal.old.*) are another case: a kill fell between setting one aside and opening
            # the next.
            text = "its journal is not there; is its file system mounted? To begin anew: rm " + COMMAND
            raise OSError(errno.ENOENT, text)
        self.journal = Journal(self.host)
        if "report" in self.plan:  # for: report
            self.report = Report(self.host, self.plan, self.journal, self.deadline)
        self.shell = Shell(self.host, self.plan, self.journal, lambda: self.meanwhile())
        self.stages = Stages(self)

    def ended_meanwhile(self):
        """Whether another tick has finished meanwhile: nothing that it removed may be written again.

        This runner may have read the bundle before it got the lock, so the files on disk decide.
        """
        return final(self.journal.events) and not whole(self.host, self.files, self.sha256)

    def begin(self):
        """Under the lock, before all else: journal, identity, trigger, admin command."""
        self.open()
        if self.ended_meanwhile():
            raise Superseded
        identity(self)
        if not ensure_trigger(self.host, self.plan, self.journal, self.sha256, self.files):
            raise Superseded
        if units_wanted(self.plan):  # for: units
            later("ensure_units")(self)
        if not self.has_command:
            later("own_command")(self)
        protect_bundle(self.host, self.files)
        tidy_leftovers(self.host)
        for path in filter(os.path.exists, STUCK):
            self.host.remove(path)

    def deadline(self):
        """Return the seconds left for the whole bootstrap; a file that came after its deadline gives it a new start."""
        healed = max([0] + [event.get("healed_s", 0) for event in self.journal.find("state")])
        return self.plan["deadline_s"] + healed - self.journal.elapsed()

    def meanwhile(self):
        """Do what goes on while we wait for anything: send reports, and keep an eye on the trigger.

        Raises Superseded when the trigger names another bundle.
        """
        if "report" in self.plan and any(map(self.journal.find, ("stage.started", "waiting"))):  # for: report
            self.report.poke()
        if self.host.uptime() - self.trigger_read_at > 2:
            self.trigger_read_at = self.host.uptime()
            text = self.host.text(TRIGGER)
            if "sha256sum" in text and self.sha256 not in text:
                raise Superseded

    def state(self, state, is_final=False, **more):
        """Journal the state of the server. is_final: nothing more will happen by itself."""
        self.journal.add("state", state=state, final=is_final, **more)

    def fail(self, reason, cause, is_final=True):
        """Record a failure once in the journal, and print it on the console and in motd."""
        last = (self.journal.find("state") or [{}])[-1]
        if (last.get("state"), last.get("reason")) != ("failed", reason):
            self.state("failed", is_final, reason=reason, cause=cause)
        self.host.say(FAILED % (self.plan["server"], reason))

    def place(self):
        """Put all files in place, the fetched ones first: only those may take minutes, or fail."""
        for entry in self.plan["files"]:  # for: fetch
            if "fetch" in entry:
                later("fetch")(self, entry)
        place(self.host, self.plan, self.journal)
        self.host.save(STATE + "/apt.conf", APT.encode(), 0o644)
        healed = {"healed_s": self.journal.elapsed()} if self.journal.find("state", state="failed") else {}
        self.state("running", reason="placed", **healed)

    def place_after(self, stage):  # for: after
        """Place the files that had to wait for a stage: it makes their home, or mounts what they lie on. Once."""
        reason = "placed after " + stage
        if any(f.get("after") == stage for f in self.plan["files"]) and not self.journal.find("state", reason=reason):
            place(self.host, self.plan, self.journal, stage)
            self.state("running", reason=reason)

    def check_owners(self):  # for: owners
        """Raise Failed for a file whose owner no stage has made: they have all had their turn."""
        ownerless = give_to_late_users(self.host, self.plan)
        if ownerless:
            text = "no user %(user)s on this host, who should own %(path)s"
            raise Failed(None, "missing", text % ownerless[0])

    def every_boot(self):  # for: every-boot
        """Run the stages of `every_boot` once a boot, unless rc.local does.

        A file in /run names which of us two has begun in this boot; the journal names the stages that we have ended.
        """
        if not self.plan["every_boot"]:
            return
        self.host.save(STATE + "/every-boot", self.plan["deploy_id"].encode() + b"\n", 0o644)
        flag = BOOTED + self.host.boot_id
        try:
            # A hard link fails where the name exists: when rc.local comes at the same time, exactly one of us begins.
            self.host.save(flag + ".new", b"runner\n")
            os.link(flag + ".new", flag)
        except FileExistsError:
            pass
        self.host.remove(flag + ".new")
        if self.host.text(flag) != "runner\n":
            return
        for stage in self.plan["every_boot"]:
            if not self.journal.find("every_boot", name=stage["name"], boot_id=self.host.boot_id):
                code, last_lines = self.shell.run(stage, stage["name"], stage["text"], stage["timeout_s"])
                self.journal.add(
                    "every_boot",
                    name=stage["name"],
                    exit_code=code,
                    boot_id=self.host.boot_id,
                    **{"tail": last_lines} if code else {},
                )

    def health(self):  # for: health
        """Wait for health. True when the checks pass `stable` times in a row before their deadline."""
        health, passed, fault = self.plan["health"], 0, None
        if not self.journal.find("state", state="checking", boot_id=self.host.boot_id):
            self.state("checking", boot_id=self.host.boot_id)
        end = self.journal.find("state", state="checking")[-1]["uptime_s"] + health["deadline_s"]
        while True:
            for check in health["checks"]:
                fault = check_fault(self.host, self.plan, check, self.run_check)
                if fault:
                    break
            passed = 0 if fault else passed + 1
            if passed >= health["stable"]:
                self.journal.add("health", ok=True, passed=passed)
                return True
            if self.host.uptime() >= end:
                name = fault and check_name(check)
                self.journal.add("health", ok=False, passed=passed, check=name, saw=fault)
                self.fail("%s: %s" % (name, fault) if fault else "health was not stable in time", "deadline")
                return False
            self.meanwhile()
            self.host.pause(health["interval_s"])

    def run_check(self, text):  # for: health
        """Return (exit code, last lines) of the text of a check."""
        return self.shell.run({"name": "health"}, "health", text, 30)

    def go(self):
        """Go the whole way from waiting to healthy, or on from where the last tick was. Return the exit code."""
        if not final(self.journal.events):
            try:
                if not self.journal.find("state", reason="placed"):
                    if awaited(self.plan) and not wait_for_files(self):  # for: late-files
                        self.deliver(30)
                        self.give_up()
                        return EXIT_FAILED
                    self.place()
                for stage in self.plan["stages"]:
                    self.stages.work(stage)
                    self.place_after(stage["name"])  # for: after
                    give_to_late_users(self.host, self.plan)  # for: owners
                self.check_owners()  # for: owners
                self.every_boot()  # for: every-boot
                is_healthy = True
                if self.plan.get("health"):  # for: health
                    is_healthy = self.health()
                if is_healthy:
                    self.state("healthy", True)
            except Failed as failure:
                self.fail(failure.text, failure.cause)
        elif final(self.journal.events)["state"] == "healthy":  # for: every-boot
            self.every_boot()  # a boot that came while reports were still owed
        if final(self.journal.events)["state"] == "failed" and self.plan["rollback"]:  # for: rollback
            later("roll_back")(self)
        return self.finish()

    def finish(self):
        """Deliver the last reports, then take trigger and bundle away. Return the exit code of the tick."""
        healthy = final(self.journal.events)["state"] == "healthy"
        if not self.deliver(20) and not self.give_up():  # for: report
            return EXIT_AGAIN if healthy else EXIT_FAILED
        if healthy:
            later("leave")(self)
            return EXIT_DONE
        # A final failure is an end too: from now on the trigger costs one `test` a minute.
        self.host.save(ended_mark(self.sha256), b"failed\n")
        return EXIT_FAILED

    def deliver(self, patience_s):  # for: report late-files
        """Send what the collector does not have, for so many seconds at most. True when nothing is owed."""
        if "report" in self.plan:  # for: report
            return self.report.drain(patience_s)
        self.host.remove(STATE + "/unsent")
        return True

    def give_up(self):  # for: report late-files
        """Count the ticks that could not deliver. True after a week: then people are told, and nothing is owed."""
        path = STATE + "/undelivered"
        ticks = int(self.host.text(path) or 0) + 1
        self.host.save(path, b"%d" % ticks)
        if "report" in self.plan:  # for: report
            self.host.save(STATE + "/unsent", ("%d %s\n" % (self.report.acked, self.report.reason)).encode())
            if ticks >= GIVE_UP_TICKS:
                self.host.say(UNDELIVERED % self.report.reason)
        if ticks < GIVE_UP_TICKS:
            return False
        self.host.save(ended_mark(self.sha256), b"given up\n")
        return True


def wait_for_files(run):
    """Wait for late files; False when their time is out (they are still watched, tick by tick)."""
    waiting, reported, since = Waiting(run.host, run.plan), None, run.host.uptime()
    limits = {f["path"]: f.get("deadline_s", 1e9) for f in run.plan.get("wait_for", [])}
    while True:
        missing = waiting.missing()
        if not missing:
            return True
        if reported != [m["path"] for m in missing] and run.host.uptime() - since >= 5:
            reported = [m["path"] for m in missing]
            run.journal.add("waiting", missing=missing)
            run.state("waiting")
        overdue = [m for m in missing if run.journal.elapsed() >= limits.get(m["path"], 1e9)]
        if overdue or run.deadline() <= 0:
            run.fail(lack_text((overdue or missing)[0]), "missing", is_final=False)
            return False
        run.meanwhile()
        waiting.watch(missing, 1.0)


def identity(run):
    """Draw the host's identity once a boot, and open the journal that belongs to it and to this deploy."""
    host, journal, plan = run.host, run.journal, run.plan
    uuid, machine = host.ids()
    first = journal.events[0] if journal.events else None
    if first:
        same_boot = any(e.get("boot_id") == host.boot_id for e in journal.events)
        old_uuid, old_machine = first.get("product_uuid"), first.get("machine_id")
        # The hardware's id decides where both lives have one: an image may give each boot another machine-id.
        other = old_uuid != uuid if uuid and old_uuid else bool(old_machine and machine and old_machine != machine)
        if first.get("deploy_id") == plan["deploy_id"] and (same_boot or not other):
            if not same_boot and not final(journal.events):
                change = ", with another machine-id" if old_machine != machine else ""
                journal.add("state", state="running", boot_id=host.boot_id, reason="boot" + change)
            return
        later("put_aside")(run, "old")
    later("open_journal")(run, uuid, machine)


def tick(host, plan, kind=Run):
    """Do one tick. Return 0 when nothing is left to do or another one is at work, 75 when waiting, 5 when failed."""
    run = kind(host, plan)
    try:
        if host.lock() is None:
            return EXIT_DONE
        run.begin()
        return run.go()
    except Superseded:
        if not final(run.journal.events):
            run.state("running", reason="superseded")
        return EXIT_DONE
    except Again:
        run.deliver(20)  # for: report
        return EXIT_AGAIN
    except (OSError, KeyError) as error:
        # Nothing may run that cannot be recorded or placed; the next tick finds the same state and tries again.
        return later("stuck")(run, error)


def main(argv):
    """Run the verb that is named: the entry of a bundle. Without arguments, as in user-data, it installs itself."""
    os.umask(0o022)
    host, plan = Host(), filled(loads(section(1).decode()))
    if plan["server"].endswith("*"):  # for: group
        plan["group"] = plan["server"]
        plan["server"] = later("instance_name")(host, plan)
    verb = argv[0] if argv else "install"
    # At a terminal somebody wants to see what comes of it.
    if argv == ["tick"] and not plan.get("finished") and not os.isatty(1):
        sys.exit(tick(host, plan))
    sys.exit(later("admin")(host, plan, verb, argv[1:]))
