"""The rare moments of a run: a new journal, a reboot, a roll-back, and leaving the machine clean."""

import binascii
import json
import os

from bootstrap.runner.bundle import HOT, PARTS, TEXT, later
from bootstrap.runner.contract import EXIT_AGAIN
from bootstrap.runner.form import LAST_LINE, SEPARATOR, deflated, encode
from bootstrap.runner.host import BUNDLE, COMMAND, STATE, STUB, TRIGGER
from bootstrap.runner.tick.files import digest, ended_mark, tell_fixed, trigger_text, whole
from bootstrap.runner.tick.history import REBOOTS, StageFacts, final
from bootstrap.runner.tick.journal import VERSION, events_in
from bootstrap.runner.tick.logs import tail
from bootstrap.runner.tick.run import EARLY, STUCK
from bootstrap.runner.tick.shell import PATH
from bootstrap.runner.tick.signals import Again

WRAPPER = """#!/bin/sh
# initialrunner: runs the bundle named here, when it is whole, and nothing else.
PATH=%(path)s
b=$(cat %(files)s 2>/dev/null)
[ $# = 0 ] && set -- status
if [ "$(echo "$b" | sha256sum)" = "%(sha256)s  -" ]; then eval "$b"; exit; fi
echo "initialrunner: %(files)s is missing, incomplete or another one: bring it again. What has run: %(state)s/logs" >&2
exit 4
"""


def own_command(run, places=(COMMAND, STATE + "/bin/initialrunner"), end=""):
    """Write the admin's command for as long as the bundle is there; where /usr is read-only, in the second place."""
    values = {"files": " ".join(run.files), "sha256": run.sha256, "path": PATH, "state": STATE}
    save_first(run.host, places, (WRAPPER % values + end).encode(), 0o700)


def save_first(host, places, data, mode=0o600):
    """Put a file into the first of these places that takes it, and say which. Raises OSError when none does."""
    for path in places:
        try:
            host.save(path, data, mode)
            return path
        except OSError:
            if path == places[-1]:
                raise
    return None


def open_journal(run, uuid, machine):
    """Begin a journal: who we are, what shall be done, and what earlier deploys on this host have done already."""
    host, plan = run.host, run.plan
    keys = [
        host.text("/etc/ssh/" + name).strip()
        for name in host.list("/etc/ssh")
        if name.startswith("ssh_host_") and name.endswith(".pub")
    ]
    stages = plan.get("stages", [])
    more = {key: plan[key] for key in ("server", "deploy_id", "revision")}
    run.journal.add(
        "started", version=VERSION, journal=binascii.hexlify(os.urandom(8)).decode(), boot_id=host.boot_id,
        instance_id=uuid or machine, product_uuid=uuid,
        machine_id=machine, stages=[s["name"] for s in stages], digests={s["name"]: s["digest"] for s in stages},
        deadline_s=plan.get("deadline_s", 3600), python="%d.%d" % os.sys.version_info[:2],
        host_keys=keys, addresses=addresses(host), **more
    )  # fmt: skip
    inherit(run, stages, uuid, machine)


def put_aside(run, kind):
    """End the present journal; what a killed runner left of it must not work beside what comes now."""
    for name in run.journal.events[0].get("stages", []):
        began = StageFacts(run.journal.events, name).open
        if began:
            run.stages.kill_left(began)
    run.journal.fresh(kind)


def earlier(host):
    """The events of each journal that was put aside for another deploy, the oldest first."""
    lives = [events_in("%s/%s" % (STATE, name)) for name in host.list(STATE) if name.startswith("journal.old.")]
    return list(filter(None, lives))


def inherit(run, stages, uuid, machine):
    """Skip the stages whose last run on this identity, by name, was done under the same digest."""
    past = earlier(run.host)
    mine = [e for e in past if (e[0].get("product_uuid") == uuid if uuid else e[0].get("machine_id") == machine)]
    for stage in stages:
        name = stage["name"]
        runs = [events for events in mine if name in events[0].get("digests", {})]
        if not runs or runs[-1][0]["digests"][name] != stage["digest"] or stage.get("rerun") == "deploy":
            continue
        if StageFacts(runs[-1], name).state in ("done", "skipped") and (
            not stage.get("verify") or run.shell.run(stage, name + "/verify", stage["verify"], 300)[0] == 0
        ):
            run.stages.end(stage, "skipped", 0, inherited=runs[-1][0].get("deploy_id"))


def addresses(host):
    """The IPv4 addresses that are this host's own, loopback left out."""
    lines = [line.split() for line in host.text("/proc/net/fib_trie").splitlines()]
    found = {before[-1] for before, line in zip(lines, lines[1:]) if line[:3] == ["/32", "host", "LOCAL"]}
    return sorted(a for a in found if not a.startswith("127."))


def instance_name(host, plan):
    """The name of one member of a group: the star becomes the first of the host's own id."""
    uuid, machine = host.ids()
    return plan["server"].replace("*", (uuid or machine).replace("-", "")[:12] or "unknown")


def mend_dpkg(run, name):
    """Finish what a killed dpkg began: apt does nothing before that. Beside one at work its lock ends this at once."""
    text = "dpkg --configure -a --force-confdef --force-confold"
    if run.shell.run({"name": name}, name + "/dpkg", text, 900)[0] == 0:
        run.journal.add("fixed", path="/var/lib/dpkg", was={"dpkg": "interrupted"}, now={"dpkg": "configured"})


def reboot_after(run, stage):
    """Reboot after a stage, once; the next stage goes on in the new boot."""
    mine = run.journal.find("rebooting", stage=stage["name"])
    if any(event["boot_id"] != run.host.boot_id for event in mine):
        return
    if stage["reboot"] == "if-required" and not mine and not required(run.host):
        return
    if not mine:
        count, point = len(run.journal.find("rebooting")) + 1, later("covered_at_boot")(run.host)
        if point or count > REBOOTS:
            # Hidden by a mount after that boot, the journal could tell nobody what has run: all would begin anew.
            why = "the next boot mounts %s over the state of this run; mount it in a stage before" % point
            why = why if point else "%d reboots are the most" % REBOOTS
            attempt = StageFacts(run.journal.events, stage["name"]).attempt
            run.stages.end(stage, "failed", attempt, cause="reboot", tail=why, final=True)
        run.journal.add("rebooting", stage=stage["name"], count=count, boot_id=run.host.boot_id)
    run.report.drain(10)
    os.sync()
    for argv in ["systemctl", "reboot"], ["reboot"], ["shutdown", "-r", "now"]:
        if run.host.run(argv, 30) == 0:
            break
    run.host.pause(60)
    raise Again("the reboot after %s has not come" % stage["name"])


def required(host):
    flags = "/run/reboot-required", "/var/run/reboot-required"
    return any(map(os.path.exists, flags)) or host.run(["needs-restarting", "-r"], 120) == 1


def roll_back(run):
    """Undo the stages that are done, last one first; journalled like stages, each once."""
    for stage in reversed(run.plan.get("stages", [])):
        name = stage["name"] + ".undo"
        if stage.get("undo") and StageFacts(run.journal.events, stage["name"]).state == "done":
            run.journal.add("stage.started", stage=name, attempt=1, boot_id=run.host.boot_id)
            code, saw = run.shell.run(stage, name, stage["undo"], stage.get("timeout_s", 900))
            more = {"cause": "exit"} if code else {}
            run.journal.add(
                "stage.ended",
                stage=name,
                result="failed" if code else "done",
                attempt=1,
                exit_code=code,
                tail=saw,
                **more,
            )


def scrubbed(plan, files, sha256):
    """This bundle with neither secrets nor file contents: what stays as the admin's command."""
    kept = {key: plan[key] for key in plan if key not in ("report", "secrets")}
    kept["stages"] = [scrub_stage(stage) for stage in plan.get("stages", [])]
    kept["every_boot"] = [scrub_stage(stage) for stage in plan.get("every_boot", [])]
    kept["finished"] = {"files": files, "sha256": sha256}
    packed = [encode(deflated(data, HOT)) for data in (json.dumps(kept, sort_keys=True).encode(), b"")]
    body = TEXT.decode().replace(SEPARATOR.join(PARTS), SEPARATOR.join(PARTS[:1] + packed)).rsplit("\n", 2)[0] + "\n"
    return (body + LAST_LINE % digest(body.encode())).encode()


def scrub_stage(stage):
    secret = set(stage.get("secrets", []))
    return dict(stage, environment={k: v for k, v in stage.get("environment", {}).items() if k not in secret})


def heal_motd(host, server):
    """Take away what was said at each login of a server that is healthy now. Whatever else stands there stays."""
    try:
        path = os.path.realpath("/etc/motd")  # often a link, which say() follows too
        data, info = host.read(path) or (b"", None)
        old = tuple(("initialrunner: %s " % word).encode() for word in (server, "waits for", "no usable"))
        kept = b"".join(line for line in data.splitlines(True) if not line.startswith(old))
        if kept != data:
            host.save(path, kept, info.st_mode & 0o7777, info.st_uid, info.st_gid)
    except OSError:
        pass  # read-only perhaps: nothing that a success depends on


def tidy_stages(host):
    for name in host.list(STATE + "/stages"):
        host.remove("%s/stages/%s" % (STATE, name))


def leave(run):
    """After success: scrub, hand the trigger over, remove the bundle, and the trigger last."""
    host, plan = run.host, run.plan
    heal_motd(host, plan["server"])
    for entry in plan["files"]:
        found = host.read(entry["path"]) if not entry.get("keep", True) else None
        if found and digest(found[0]) == entry["sha256"]:
            host.remove(entry["path"])
    for name in host.list(STATE + "/logs"):
        log = host.open("%s/logs/%s" % (STATE, name), os.O_RDWR)
        tail(log, plan)  # what a daemon wrote since its stage ended: from now on nobody knows the secrets to blot out
        os.fsync(log)
        os.close(log)
    tidy_stages(host)
    text = scrubbed(plan, run.files, run.sha256)
    # Where /usr is read-only the state folder serves.
    path = save_first(host, [COMMAND, STATE + "/bin/initialrunner"], text, 0o700)
    later_boots(host, plan)
    # An entry that comes back (a backup, an agent) would wait for this bundle for ever: it asks this command first.
    host.save(ended_mark(run.sha256) + ".healthy", ("exec %s tick\n" % path).encode())
    if host.read(TRIGGER) and run.sha256 in host.text(TRIGGER):
        host.save(TRIGGER, trigger_text(plan, digest(text), [path]), 0o644)
    clean(host, plan, run.files, run.sha256, digest(text))


def own_units(run):
    """See to the systemd units, as to the trigger; systemd, which looks at boot only, is told of new ones."""
    host = run.host
    for path, text in run.plan["units"].items():
        found = host.read(path)
        if found and found[0] == text.encode() and not found[1].st_uid and not found[1].st_mode & 0o022:
            host.settle(path)
            continue
        host.save(path, text.encode(), 0o644)
        tell_fixed(run.journal, path, found and found[1], host.read(path)[1])
    if host.run(["systemctl", "is-active", "-q", TIMER]):
        host.run(["systemctl", "daemon-reload"])
        host.run(["systemctl", "start", TIMER])


def clean(host, plan, files, sha256, own):
    """Remove the bundle, then the trigger; each only when still ours: a newer payload may have come meanwhile.

    The units, which name no payload, go after it, and stay for a newer one.
    """
    if whole(host, files, sha256):
        for path in files:
            host.remove(path)
    text = host.text(TRIGGER)
    if own in text or sha256 in text:
        host.remove(TRIGGER)
        host.remove(STUB)
    newer = [name for name in host.list(os.path.dirname(BUNDLE)) if name.startswith("bundle")]
    units = [path for path, text in plan.get("units", {}).items() if host.text(path) == text]
    if units and not newer and not os.path.lexists(TRIGGER):
        for path in sorted(units, key=lambda path: "timer" not in path):  # a boot still begins with the others
            name = os.path.basename(path)
            if name.endswith("service") and host.run(["systemctl", "is-active", "-q", name]) == 0:
                # Started by it: without its text systemd would kill the daemons of stages as soon as we end.
                host.save("/run/systemd/system/" + name, plan["units"][path].encode(), 0o644)
            host.remove(path)
        host.run(["systemctl", "stop", TIMER])
        host.run(["systemctl", "daemon-reload"])
    for name in "undelivered", "apt.conf":
        host.remove("%s/%s" % (STATE, name))


TIMER = "initialrunner.timer"


def later_boots(host, plan):
    """Where systemd has no rc-local of its own, a small unit starts /etc/rc.local."""
    native = any(
        map(os.path.exists, ("/lib/systemd/system/rc-local.service", "/usr/lib/systemd/system/rc-local.service"))
    )
    if "boot_unit" in plan and os.path.isdir("/run/systemd/system") and not native:
        host.save("/etc/systemd/system/initialrunner-boot.service", plan["boot_unit"].encode(), 0o644)
        host.run(["systemctl", "enable", "initialrunner-boot.service"], 60)


def stuck(run, error):
    """Leave the cause where people look: console, motd, the admin's verbs and, where it takes more, the journal."""
    hint = "; no space or no inodes are left: see df -h and df -i" if error.args[0] == 28 else ""
    reason = "cannot go on yet: %s%s" % (error, hint)
    run.host.say("%s %s" % (run.plan["server"], reason))
    try:
        # Without its folder the state may be on a file system that is not mounted: nothing of ours belongs there.
        save_first(run.host, STUCK[not os.path.isdir(STATE) :], reason.encode() + b"\n")
    except OSError:
        pass
    try:
        if not os.path.lexists(COMMAND):
            own_command(run, [COMMAND], EARLY)  # not even the lock can be made, or the journal
        if final(run.journal.events):
            pass
        elif run.deadline() <= 0:
            run.fail(reason, "disk", False)
        elif [e["for"] for e in run.journal.find("waiting") if "for" in e][-1:] != [reason]:
            run.journal.add("waiting", missing=[{"path": run.plan["server"], "why": "cannot go on"}], **{"for": reason})
        run.report.drain(5)
    except (OSError, AttributeError, IndexError):
        pass  # not even the journal can be opened or written
    return EXIT_AGAIN
