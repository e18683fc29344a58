"""Diagnoses why nothing starts or is reported: `doctor` checks the parts that the runner depends on, one line each."""

import os
import stat
import time

from bootstrap.runner.host import BUNDLE, STATE, TRIGGER
from bootstrap.runner.later.opening import TIMER
from bootstrap.runner.later.show import has_ended, unsent
from bootstrap.runner.tick.files import ensure_trigger, tidy_leftovers, trigger_text, units_wanted
from bootstrap.runner.tick.journal import JOURNAL, unseal
from bootstrap.runner.tick.run import Run, identity
from bootstrap.runner.tick.stages import no_room
from bootstrap.runner.tick.web import http

CRON_FOLDER = os.path.dirname(TRIGGER)
SKEW_S = 300
REPAIR = "initialrunner doctor --fix"


def doctor(host, plan, words):
    """Check every part; with --fix repair what is safe, and check again. 5 when something stays wrong."""
    run, wrong = Run(host, plan), 0
    parts = [
        ("trigger", trigger_faults, fix_trigger),
        ("cron", cron_faults, fix_cron),
        ("disk", disk_faults, None),
        ("clock", clock_faults, None),
        ("journal", journal_faults, None),
        ("collector", report_faults, None),
    ]
    for name, look, fix in parts:
        faults = look(run)
        if faults and fix and "--fix" in words:
            for fault in faults:
                print("fixing   %-10s%s" % (name, fault[0]))
            try:
                fix(run)
            except OSError as error:
                print("failed   %-10s%s" % (name, error))
            faults = look(run)
        for fault, hint in faults or ():
            print("WRONG    %-10s%s\n         %-10s-> %s" % (name, fault, "", hint))
            wrong = 5
        # An empty list means that the part is good, None that this host does not use it.
        if not faults:
            print("%-9s%s" % ("good" if faults == [] else "not used", name))
    return wrong


def trigger_faults(run):
    """The faults of the trigger for which cron does not start this bundle: [(fault, hint)]."""
    host, hint = run.host, REPAIR
    if run.plan.get("finished"):
        return []  # nothing needs to start any more
    faults = []
    for name in host.list(CRON_FOLDER):
        path = os.path.join(CRON_FOLDER, name)
        if path != TRIGGER and run.sha256 in host.text(path):
            dot = "cron ignores names with a dot" if "." in name else "a copy of our entry"
            faults.append(("%s: %s" % (path, dot), "rm " + path))
        elif name.startswith(os.path.basename(TRIGGER) + ".") and (".bak." in name or ".tmp." in name):
            faults.append((path + ": left by an injection agent", hint))
    try:
        info = os.lstat(TRIGGER)
    except OSError as error:
        return faults + [("%s: %s: nothing starts the runner" % (TRIGGER, error.strerror), hint)]
    if not stat.S_ISREG(info.st_mode):
        faults.append((TRIGGER + " is not a regular file: cron ignores it", hint))
        return faults
    if info.st_uid:
        faults.append(("%s belongs to user %d: cron ignores it (WRONG FILE OWNER)" % (TRIGGER, info.st_uid), hint))
    if info.st_mode & 0o022:
        mode = stat.S_IMODE(info.st_mode)
        faults.append(
            ("%s has mode %04o, others can write it: cron ignores it (INSECURE MODE)" % (TRIGGER, mode), hint)
        )
    data, expected = host.read(TRIGGER)[0], trigger_text(run.plan, run.sha256, run.files)
    if data != expected:
        if run.sha256.encode() not in data and b"sha256sum" in data:
            faults.append((TRIGGER + " waits for a different bundle", "inject that bundle again"))
        else:
            faults.append(("%s %s" % (TRIGGER, crontab_fault(data, expected)), hint))
    return faults


def crontab_fault(data, expected):
    """The first difference between the trigger's text and the expected one, and what cron makes of it."""
    if not data:
        return "is empty"
    if b"\r" in data:
        return "has CRLF line ends: cron passes the carriage return to the shell"
    if not data.endswith(b"\n"):
        return "has no newline at its end: cron ignores the file"
    for number, line in enumerate(data.split(b"\n"), 1):
        if line not in expected.split(b"\n"):
            return "differs from the plan in line %d: %.60s" % (number, line.decode("utf-8", "replace"))
    return "differs from the plan"


def fix_trigger(run):
    """Write the trigger again from the plan. A file that others could write is put aside, never made trusted."""
    lock = run.host.lock(2)
    if lock is None:
        raise OSError("a runner is at work; try again when it has ended")
    run.open()
    if run.ended_meanwhile():
        raise OSError("another runner has finished meanwhile: nothing needs to start")
    identity(run)
    ensure_trigger(run.host, run.plan, run.journal, run.sha256, run.files)
    tidy_leftovers(run.host)
    for name in run.host.list(CRON_FOLDER):
        path = os.path.join(CRON_FOLDER, name)
        if path != TRIGGER and run.host.read(path)[0] == trigger_text(run.plan, run.sha256, run.files):
            run.host.remove(path)
    os.close(lock)
    run.host.locked = None


def daemon(run):
    """(name of the installed cron daemon or None, pid of the one that runs or None)."""
    names = [name for name in ("cron", "crond") for at in ("/usr/sbin/", "/sbin/") if os.path.exists(at + name)]
    for pid in run.host.list("/proc"):
        if pid.isdigit() and run.host.text("/proc/%s/comm" % pid).strip() in ("cron", "crond"):
            return (names or ["cron"])[0], pid
    return (names or [None])[0], None


def cron_faults(run):
    """The reasons why cron starts nothing although the trigger is good; None if nothing has to start."""
    if run.plan.get("finished") or not os.path.lexists(TRIGGER) or has_ended(run.host):
        return None
    if units_wanted(run.plan) and not run.host.run(["systemctl", "is-active", "-q", TIMER]):  # for: units
        return []  # systemd's timer starts the runner here, not cron
    name, pid = daemon(run)
    if not name:
        return [("no cron on this host: nothing starts the runner", "install the package cron (or cronie)")]
    if not pid:
        for folder in "/etc/systemd/system/", "/run/systemd/system/":
            try:
                if os.readlink(folder + name + ".service") == "/dev/null":
                    unit = name + ".service"
                    return [(unit + " is masked", "systemctl unmask %s && systemctl enable --now %s" % (unit, unit))]
            except OSError:
                pass
        return [("%s is installed but does not run" % name, REPAIR)]
    # The third field of shadow is the day of the last change; 0 means: must be changed before anything else.
    for line in run.host.text("/etc/shadow").splitlines():
        if line.split(":")[0::2][:2] == ["root", "0"]:
            return [("root's password has expired: cron runs nothing", "chage -d -1 root")]
    return []


def fix_cron(run):
    """Start the installed daemon. If it is masked, somebody has decided so: it stays masked."""
    name, pid = daemon(run)
    if name and not pid and not any("masked" in fault for fault, _ in cron_faults(run)):
        systemd = os.path.isdir("/run/systemd/system")
        run.host.run(["systemctl", "enable", "--now", name] if systemd else [name], 60)


def disk_faults(run):
    """The places that cannot be written: no room, read-only, immutable, or a mount point in the place of a file."""
    # The first path for each fault of each device: the other paths would only repeat it.
    worst, paths, mounts = {}, [STATE, "/run", "/tmp"], run.host.text("/proc/self/mountinfo")
    if not run.plan.get("finished") or os.path.lexists(TRIGGER):
        paths += [TRIGGER, CRON_FOLDER, os.path.dirname(BUNDLE)] + run.files
    for path in paths:
        while not os.path.exists(path):
            path = os.path.dirname(path)
        if os.statvfs(path).f_flag & 1:  # ST_RDONLY
            fault = "read-only: nothing can be recorded or run", "findmnt -T"
        elif no_room(path):
            fault = "no space or no inodes left", "df -h; df -i"
        elif " %s " % path in mounts and os.path.isfile(path):
            fault = "a mount point, so the file cannot be replaced", "umount"
        elif not os.access(path, os.W_OK):
            fault = "not writable even by root: immutable?", "chattr -i"
        else:
            continue
        worst.setdefault((os.stat(path).st_dev, fault), path)
    return [("%s: %s" % (path, fault[0]), "%s %s" % (fault[1], path)) for (_, fault), path in sorted(worst.items())]


def clock_faults(run):
    """Deploy ids begin with the time at which the payload was made: a clock before that is wrong."""
    # Here, since all that is compiled later shares its imports, and the first tick compiles some of it.
    import calendar

    try:
        created = calendar.timegm(time.strptime(run.plan["deploy_id"][:15], "%Y%m%dT%H%M%S"))
    except ValueError:
        return []
    if run.host.now() > created - SKEW_S:
        return []
    clock = time.strftime("%Y-%m-%d %H:%M", time.gmtime(run.host.now()))
    return [("it is %s, before this payload was made: certificates will be invalid" % clock, "timedatectl; date -u")]


def journal_faults(run):
    try:
        with open(JOURNAL, "rb") as file:
            bad = sum(not unseal(line) for line in file.read().split(b"\n")[:-1])
    except OSError:
        return []
    return [("%d lines of the journal are damaged" % bad, "the next tick sets them aside")] if bad else []


def report_faults(run):
    """The reasons why reports cannot arrive; None if nothing is reported."""
    if "report" in run.plan:  # for: report
        return collector_faults(run)
    return None


def collector_faults(run):
    """The faults of the way to the collector: name, connection, certificate, or one of the clocks."""
    plan, owed = run.plan, unsent(run.host)
    base = plan["report"]["url"].rstrip("/")

    def question():
        import calendar

        try:
            status, _, headers = http(base + "/healthz", plan, 8, plan["report"].get("ca"))
            sent_at = headers.get("date")
            theirs = calendar.timegm(time.strptime(sent_at, "%a, %d %b %Y %H:%M:%S GMT")) if sent_at else time.time()
            return b"%d %d" % (status, theirs)
        except Exception as error:
            return ("%s: %s" % (type(error).__name__, error)).encode()[:300]

    answer = (run.host.ask(question, 15) or b"no answer in 15 s").decode("utf-8", "replace")
    status, _, date = answer.partition(" ")
    if status != "200":
        answer = "answers %s, not 200" % status if status.isdigit() else answer
        return [("%s: %s" % (base, answer), "check name, route, firewall and certificate; then: initialrunner report")]
    skew = run.host.now() - int(date)
    if abs(skew) > SKEW_S:
        return [("this clock and the collector's differ by %d s: reports are refused" % skew, "timedatectl; date -u")]
    return [("not reported: " + owed, "initialrunner report")] if owed else []
