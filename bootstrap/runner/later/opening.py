"""Opens a run: the admin's command, systemd's units, and a journal that inherits what earlier deploys have done."""

import binascii
import os

from bootstrap.runner.bundle import later
from bootstrap.runner.host import COMMAND, STATE, TRIGGER
from bootstrap.runner.tick.files import mode_and_owner, record_fix
from bootstrap.runner.tick.history import StageFacts
from bootstrap.runner.tick.journal import VERSION, events_in
from bootstrap.runner.tick.shell import PATH

TIMER = "initialrunner.timer"
WRAPPER = """#!/bin/sh
# initialrunner: runs the bundle named here, when it is whole, and nothing else.
PATH=%(path)s
b=$(cat %(files)s 2>/dev/null)
[ $# = 0 ] && set -- status
if [ "$(echo "$b" | sha256sum)" = "%(sha256)s  -" ]; then eval "$b"; exit; fi
echo "initialrunner: %(files)s is missing, incomplete or a different bundle: inject it again. Logs: %(state)s/logs" >&2
exit 4
"""


def own_command(run, places=(COMMAND, STATE + "/bin/initialrunner"), end=""):
    """Write the admin's command for as long as the bundle is there; where /usr is read-only, in the second place."""
    values = {"files": " ".join(run.files), "sha256": run.sha256, "path": PATH, "state": STATE}
    save_first(run.host, places, (WRAPPER % values + end).encode(), 0o700)


def save_first(host, places, data, mode=0o600):
    """Put a file into the first of these places that takes it, and return its path. Raises OSError when none does."""
    for path in places:
        try:
            host.save(path, data, mode)
            return path
        except OSError:
            if path == places[-1]:
                raise
    return None


def quarantine(journal, data, info):
    """Put a trigger aside that others could have written. data, info: its bytes and its stat result."""
    host, folder = journal.host, STATE + "/quarantine"
    aside = "%s/%s.%d" % (folder, os.path.basename(TRIGGER), len(host.list(folder)))
    os.close(host.folder(folder, True))
    os.chmod(folder, 0o700)
    host.save(aside, data)
    now = {"mode": "0644", "owner": "0:0"}
    journal.add("fixed", path=TRIGGER, quarantined=aside, was=mode_and_owner(info), now=now)


def ensure_units(run):
    """Write the systemd units that are missing or not ours, and have systemd load them: it reads units at boot only."""
    host = run.host
    for path, text in run.plan["units"].items():
        present = host.read(path)
        if present and present[0] == text.encode() and not present[1].st_uid and not present[1].st_mode & 0o022:
            host.settle(path)
            continue
        host.save(path, text.encode(), 0o644)
        record_fix(run.journal, path, present and present[1], host.read(path)[1])
    if host.run(["systemctl", "is-active", "-q", TIMER]):
        host.run(["systemctl", "daemon-reload"])
        host.run(["systemctl", "start", TIMER])


def open_journal(run, uuid, machine):
    """Begin a journal: who we are, what shall be done, and what earlier deploys on this host have done already."""
    host, plan = run.host, run.plan
    keys = [
        host.text("/etc/ssh/" + name).strip()
        for name in host.list("/etc/ssh")
        if name.startswith("ssh_host_") and name.endswith(".pub")
    ]
    stages = plan["stages"]
    more = {key: plan[key] for key in ("server", "deploy_id", "revision")}
    run.journal.add(
        "started", version=VERSION, journal=binascii.hexlify(os.urandom(8)).decode(), boot_id=host.boot_id,
        instance_id=uuid or machine, product_uuid=uuid,
        machine_id=machine, stages=[s["name"] for s in stages], digests={s["name"]: s["digest"] for s in stages},
        deadline_s=plan["deadline_s"], python="%d.%d" % os.sys.version_info[:2],
        host_keys=keys, addresses=addresses(host), **more
    )  # fmt: skip
    inherit(run, stages, uuid, machine)


def put_aside(run, kind):
    """End the present journal, and whatever a killed runner left at work, which must not go on beside the next run."""
    for name in run.journal.events[0].get("stages", []):
        began = StageFacts(run.journal.events, name).open
        if began:
            later("kill_leftovers")(run.stages, began)
    run.journal.fresh(kind)


def earlier(host):
    """The events of each journal that was put aside for another deploy, the oldest first."""
    lives = [events_in("%s/%s" % (STATE, name)) for name in host.list(STATE) if name.startswith("journal.old.")]
    return list(filter(None, lives))


def inherit(run, stages, uuid, machine):
    """Skip the stages whose last run on this identity, by name, was done under the same digest."""
    past = earlier(run.host)
    # Without a usable product_uuid the machine-id tells whether it is this host's journal and not one of the image's.
    lives = [e for e in past if (e[0].get("product_uuid") == uuid if uuid else e[0].get("machine_id") == machine)]
    for stage in stages:
        name = stage["name"]
        # Only the last run of that name counts: after deploys A, B, A the host is in the state of B, so A runs again.
        runs = [events for events in lives if name in events[0].get("digests", {})]
        if not runs or runs[-1][0]["digests"][name] != stage["digest"] or stage["rerun"] == "deploy":
            continue
        if StageFacts(runs[-1], name).state in ("done", "skipped") and (
            not stage.get("verify") or run.shell.run(stage, name + "/verify", stage["verify"], 300)[0] == 0
        ):
            run.stages.end(stage, "skipped", 0, inherited=runs[-1][0].get("deploy_id"))


def addresses(host):
    """The IPv4 addresses that are this host's own, loopback left out."""
    # The kernel's own table: it needs no program of the image, which may have neither ip nor ifconfig.
    lines = [line.split() for line in host.text("/proc/net/fib_trie").splitlines()]
    local = {before[-1] for before, line in zip(lines, lines[1:]) if line[:3] == ["/32", "host", "LOCAL"]}
    return sorted(a for a in local if not a.startswith("127."))


def instance_name(host, plan):
    """The name of one member of a group: the star becomes the first twelve digits of the host's own id."""
    uuid, machine = host.ids()
    return plan["server"].replace("*", (uuid or machine).replace("-", "")[:12] or "unknown")
