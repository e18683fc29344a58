"""One tick: everything from the lock to the last removed file, each step repeatable under kills."""

import json
import os
import signal
import sys

from bootstrap.runner.bundle import TEXT, later
from bootstrap.runner.contract import EXIT_AGAIN, EXIT_DONE, EXIT_FAILED
from bootstrap.runner.host import BUNDLE, COMMAND, STATE, TRIGGER, Host
from bootstrap.runner.tick.checks import check_fails
from bootstrap.runner.tick.files import (
    Waiting,
    awaited,
    digest,
    ended_mark,
    lacks,
    own_bundle,
    own_late,
    own_trigger,
    part,
    place,
    tidy_leftovers,
    units_wanted,
    whole,
)
from bootstrap.runner.tick.history import final
from bootstrap.runner.tick.journal import Journal
from bootstrap.runner.tick.report import Report
from bootstrap.runner.tick.shell import Shell
from bootstrap.runner.tick.signals import Again, Failed, Superseded
from bootstrap.runner.tick.stages import APT, Stages

STUCK = STATE + "/stuck", "/run/initialrunner.stuck"  # why the last tick could not go on
BOOTED = "/run/initialrunner.boot."  # and the boot id: who has begun the entries of this boot
EARLY = "# early\n"  # ends the command that was written before there was a journal
GIVE_UP_TICKS = 7 * 24 * 60  # a tick a minute: events not taken for a week are given up


def bundle_files(host):
    """The names this bundle goes by on disk, in the order in which the trigger cats them."""
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
        self.looked = 0.0

    def by_hand(self):
        """Under the lock: the journal and what works on it."""
        command = self.host.text(COMMAND)
        self.known = self.sha256 in command and not command.endswith(EARLY)
        if self.known and not any(name.startswith("journal") for name in self.host.list(STATE)):
            # The command was written when the journal was there already: to begin anew would run all stages again.
            # Not so where others lie beside it: then a kill came between putting one aside and opening the next.
            raise OSError(2, "its journal is not there; is its file system mounted? To begin anew: rm " + COMMAND)
        self.journal = Journal(self.host)
        self.journal.follow = lambda: later("follow")(self)
        self.report = Report(self.host, self.plan, self.journal, self.deadline)
        self.shell = Shell(self.host, self.plan, self.journal, lambda: self.meanwhile())
        self.stages = Stages(self)

    def over(self):
        """Whether another tick has finished meanwhile: what it removed must not be written again.

        This runner may have read the bundle before it got the lock, so what is on disk decides.
        """
        return final(self.journal.events) and not whole(self.host, self.files, self.sha256)

    def begin(self):
        """Under the lock, before all else: journal, identity, trigger, admin command."""
        self.by_hand()
        if self.over():
            raise Superseded
        identity(self)
        if not own_trigger(self.host, self.plan, self.journal, self.sha256, self.files):
            raise Superseded
        if units_wanted(self.plan):
            later("own_units")(self)
        if not self.known:
            later("own_command")(self)
        own_bundle(self.host, self.files)
        tidy_leftovers(self.host)
        for path in filter(os.path.exists, STUCK):
            self.host.remove(path)

    def deadline(self):
        """Seconds left for the whole bootstrap; a file that came after its deadline gives it a new start."""
        healed = max([0] + [event.get("healed_s", 0) for event in self.journal.find("state")])
        return self.plan.get("deadline_s", 3600) + healed - self.journal.elapsed()

    def meanwhile(self):
        """What goes on while we wait for anything: reports, and an eye on the trigger."""
        if self.journal.find("stage.started") or self.journal.find("waiting"):
            self.report.poke()
        if self.host.uptime() - self.looked > 2:
            self.looked = self.host.uptime()
            text = self.host.text(TRIGGER)
            if "sha256sum" in text and self.sha256 not in text:
                raise Superseded

    def state(self, state, is_final=False, **more):
        self.journal.add("state", state=state, final=is_final, **more)

    def fail(self, reason, cause, is_final=True):
        """Say a failure once: in the journal, on the console, in motd."""
        last = (self.journal.find("state") or [{}])[-1]
        if (last.get("state"), last.get("reason")) != ("failed", reason):
            self.state("failed", is_final, reason=reason, cause=cause)
        self.host.say("%s failed: %s; ask `initialrunner why`" % (self.plan["server"], reason))

    def place(self):
        for entry in self.plan["files"]:
            if "fetch" in entry:
                later("fetch")(self, entry)
        place(self.host, self.plan, self.journal)
        self.host.save(STATE + "/apt.conf", APT.encode(), 0o644)
        healed = {"healed_s": self.journal.elapsed()} if self.journal.find("state", state="failed") else {}
        self.state("running", reason="placed", **healed)

    def place_after(self, stage):
        """Place the files that had to wait for a stage: it makes their home, or mounts what they lie on. Once."""
        reason = "placed after " + stage
        if any(f.get("after") == stage for f in self.plan["files"]) and not self.journal.find("state", reason=reason):
            place(self.host, self.plan, self.journal, stage)
            self.state("running", reason=reason)

    def owners(self):
        """Every file has the owner the plan names, now that the stages have had their time to make the users."""
        left = own_late(self.host, self.plan)
        if left:
            raise Failed(
                None, "missing", "no user %s on this host, who should own %s" % (left[0]["user"], left[0]["path"])
            )

    def every_boot(self):
        """Once a boot, unless rc.local did: the file tells who has begun, the journal what we have ended."""
        if not self.plan.get("every_boot"):
            return
        self.host.save(STATE + "/every-boot", self.plan["deploy_id"].encode() + b"\n", 0o644)
        flag = BOOTED + self.host.boot_id
        try:
            self.host.save(flag + ".new", b"runner\n")
            os.link(flag + ".new", flag)
        except FileExistsError:
            pass
        self.host.remove(flag + ".new")
        if self.host.text(flag) != "runner\n":
            return
        for stage in self.plan["every_boot"]:
            if not self.journal.find("every_boot", name=stage["name"], boot_id=self.host.boot_id):
                code, saw = self.shell.run(stage, stage["name"], stage["text"], stage.get("timeout_s", 900))
                self.journal.add(
                    "every_boot",
                    name=stage["name"],
                    exit_code=code,
                    boot_id=self.host.boot_id,
                    **{"tail": saw} if code else {},
                )

    def health(self):
        """True when the checks pass `stable` times in a row before their deadline."""
        health, passed, saw = self.plan.get("health"), 0, None
        if not health:
            return True
        if not self.journal.find("state", state="checking", boot_id=self.host.boot_id):
            self.state("checking", boot_id=self.host.boot_id)
        end = self.journal.find("state", state="checking")[-1]["uptime_s"] + health.get("deadline_s", 600)
        stable = health.get("stable", 1)
        while True:
            saw = None
            for check in health["checks"]:
                saw = saw or check_fails(self.host, self.plan, check, self.run_check)
            passed = 0 if saw else passed + 1
            if passed >= stable:
                self.journal.add("health", ok=True, passed=passed)
                return True
            if self.host.uptime() >= end:
                self.journal.add("health", ok=False, passed=passed, check=saw and saw[0], saw=saw and saw[1])
                if saw:
                    self.fail("%s: %s" % saw, "deadline")
                else:
                    self.fail("health was not stable in time", "deadline")
                return False
            self.meanwhile()
            self.host.pause(health.get("interval_s", 1))

    def run_check(self, text):
        return self.shell.run({"name": "health"}, "health", text, 30)

    def go(self):
        """The way from waiting to healthy. The exit code of the tick."""
        if not final(self.journal.events):
            try:
                if not self.journal.find("state", reason="placed"):
                    if awaited(self.plan) and not wait_for_files(self):
                        self.report.drain(30)
                        self.give_up()
                        return EXIT_FAILED
                    self.place()
                for stage in self.plan.get("stages", []):
                    self.stages.work(stage)
                    self.place_after(stage["name"])
                    own_late(self.host, self.plan)
                self.owners()
                self.every_boot()
                if self.health():
                    self.state("healthy", True)
            except Failed as failure:
                self.fail(failure.args[2], failure.args[1])
        elif final(self.journal.events)["state"] == "healthy":
            self.every_boot()  # a boot that came while reports were still owed
        if final(self.journal.events)["state"] == "failed" and self.plan.get("rollback"):
            later("roll_back")(self)
        return self.finish()

    def finish(self):
        healthy = final(self.journal.events)["state"] == "healthy"
        if not self.report.drain(20) and not self.give_up():
            return EXIT_AGAIN if healthy else EXIT_FAILED
        if healthy:
            later("leave")(self)
            return EXIT_DONE
        # A final failure is an end too: from now on the trigger costs one `test` a minute.
        self.host.save(ended_mark(self.sha256), b"failed\n")
        return EXIT_FAILED

    def give_up(self):
        """Count the ticks that could not deliver; after a week say so and let go."""
        path = STATE + "/undelivered"
        ticks = int(self.host.text(path) or 0) + 1
        self.host.save(path, b"%d" % ticks)
        self.host.save(STATE + "/unsent", ("%d %s\n" % (self.report.acked, self.report.reason)).encode())
        if ticks < GIVE_UP_TICKS:
            return False
        self.host.say("events not delivered for 7 days are given up: %s" % self.report.reason)
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
        over = [m for m in missing if run.journal.elapsed() >= limits.get(m["path"], 1e9)]
        if over or run.deadline() <= 0:
            run.fail(lacks((over or missing)[0]), "missing", is_final=False)
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
        known = first.get("product_uuid"), first.get("machine_id")
        other = known[0] != uuid if uuid and known[0] else bool(known[1] and machine and known[1] != machine)
        if first.get("deploy_id") == plan["deploy_id"] and (same_boot or not other):
            if not same_boot and not final(journal.events):
                moved = ", with another machine-id" if known[1] != machine else ""
                journal.add("state", state="running", boot_id=host.boot_id, reason="boot" + moved)
            return
        later("put_aside")(run, "old")
    later("open_journal")(run, uuid, machine)


def tick(host, plan, kind=Run):
    """0 nothing left to do or another one is at work, 75 waiting, 5 failed."""
    run = kind(host, plan)
    try:
        if host.lock() is None:
            return EXIT_DONE
        run.begin()
        return run.go()
    except Superseded:
        if final(run.journal.events) is None:
            run.state("running", reason="superseded")
        return EXIT_DONE
    except Again:
        run.report.drain(20)
        return EXIT_AGAIN
    except (OSError, KeyError) as error:
        # Nothing may run that cannot be recorded or placed; the next tick finds the same state and tries again.
        return later("stuck")(run, error)


def main(argv):
    """The entry of a bundle: without arguments it installs itself (user-data), else the verb named."""
    os.umask(0o022)
    host, plan = Host(), json.loads(part(1).decode())
    if plan["server"].endswith("*"):
        plan["group"] = plan["server"]
        plan["server"] = later("instance_name")(host, plan)
    verb = argv[0] if argv else "install"
    # At a terminal somebody wants to see what comes of it.
    if argv == ["tick"] and not plan.get("finished") and not os.isatty(1):
        sys.exit(tick(host, plan))
    sys.exit(later("admin")(host, plan, verb, argv[1:]))
