"""Leaves the machine clean after success: secrets, bundle and trigger go, the admin's command stays."""

import os

from bootstrap.runner.bundle import HOT, PARTS, TEXT
from bootstrap.runner.form import LAST_LINE, SEPARATOR, deflated, encode
from bootstrap.runner.host import BUNDLE, COMMAND, STATE, STUB, TRIGGER
from bootstrap.runner.jsontext import dumps
from bootstrap.runner.later.opening import TIMER, save_first
from bootstrap.runner.tick.files import digest, ended_mark, trigger_text, whole
from bootstrap.runner.tick.logs import tail


def scrubbed(plan, files, sha256):
    """The text of this bundle with neither secrets nor file contents: it stays as the admin's command."""
    public = {key: plan[key] for key in plan if key not in ("report", "secrets")}
    for key in "stages", "every_boot":  # for: secrets
        public[key] = [scrub_stage(stage) for stage in plan[key]]
    public["finished"] = {"files": files, "sha256": sha256}
    packed = [encode(deflated(data, HOT)) for data in (dumps(public).encode(), b"")]
    body = TEXT.decode().replace(SEPARATOR.join(PARTS), SEPARATOR.join(PARTS[:1] + packed)).rsplit("\n", 2)[0] + "\n"
    return (body + LAST_LINE % digest(body.encode())).encode()


def scrub_stage(stage):
    secret, environment = stage.get("secrets", []), stage.get("environment", {})
    return dict(stage, environment={k: v for k, v in environment.items() if k not in secret})


def heal_motd(host, server):
    """Remove our lines from the message of the day, since the server is healthy now. All other lines stay."""
    try:
        path = os.path.realpath("/etc/motd")  # often a link, which say() follows too
        data, info = host.read(path) or (b"", None)
        old = tuple(("initialrunner: %s " % word).encode() for word in (server, "waits for", "no usable"))
        others = b"".join(line for line in data.splitlines(True) if not line.startswith(old))
        if others != data:
            host.save(path, others, info.st_mode & 0o7777, info.st_uid, info.st_gid)
    except OSError:
        pass  # read-only perhaps: nothing that a success depends on


def tidy_stages(host):
    for name in host.list(STATE + "/stages"):
        host.remove("%s/stages/%s" % (STATE, name))


def leave(run):
    """Scrub after success, hand the trigger over, remove the bundle, and the trigger last."""
    host, plan = run.host, run.plan
    heal_motd(host, plan["server"])
    for entry in plan["files"]:  # for: keep
        placed = host.read(entry["path"]) if not entry["keep"] else None
        if placed and digest(placed[0]) == entry["sha256"]:
            host.remove(entry["path"])
    for name in host.list(STATE + "/logs"):
        log = host.open("%s/logs/%s" % (STATE, name), os.O_RDWR)
        # A daemon may have logged a secret since its stage ended: from now on nobody knows the secrets to blot out.
        tail(log, plan)
        os.fsync(log)
        os.close(log)
    tidy_stages(host)
    text = scrubbed(plan, run.files, run.sha256)
    # The second place serves where /usr is read-only.
    path = save_first(host, [COMMAND, STATE + "/bin/initialrunner"], text, 0o700)
    later_boots(host, plan)  # for: every-boot
    # A trigger that comes back, from a backup or an agent, would wait for this bundle for ever. It runs this mark
    # first, and thus the command, which removes it.
    host.save(ended_mark(run.sha256) + ".healthy", ("exec %s tick\n" % path).encode())
    if host.read(TRIGGER) and run.sha256 in host.text(TRIGGER):
        host.save(TRIGGER, trigger_text(plan, digest(text), [path]), 0o644)
    clean(host, plan, run.files, run.sha256, digest(text))


def clean(host, plan, files, sha256, command_sha256):
    """Remove the bundle, then the trigger, each only if it is still ours: a newer payload may have come meanwhile.

    The units name no payload: they go last, and stay if a newer payload needs them.
    """
    if whole(host, files, sha256):
        for path in files:
            host.remove(path)
    # The trigger names the command since it was handed over, or still the bundle if a kill came before that.
    text = host.text(TRIGGER)
    if command_sha256 in text or sha256 in text:
        host.remove(TRIGGER)
        host.remove(STUB)
    remove_units(host, plan.get("units", {}))  # for: units
    for name in "undelivered", "apt.conf":
        host.remove("%s/%s" % (STATE, name))


def remove_units(host, texts):
    """Remove the units that are ours, by their texts, unless a newer payload needs them."""
    newer = [name for name in host.list(os.path.dirname(BUNDLE)) if name.startswith("bundle")]
    units = [path for path, text in texts.items() if host.text(path) == text]
    if units and not newer and not os.path.lexists(TRIGGER):
        # The timer goes first: after a kill in between, the next boot still starts the runner by the other units.
        for path in sorted(units, key=lambda path: "timer" not in path):
            name = os.path.basename(path)
            if name.endswith("service") and host.run(["systemctl", "is-active", "-q", name]) == 0:
                # It has started this very runner: without the unit's text (KillMode=process) systemd would kill the
                # daemons of stages as soon as the runner ends.
                host.save("/run/systemd/system/" + name, texts[path].encode(), 0o644)
            host.remove(path)
        host.run(["systemctl", "stop", TIMER])
        host.run(["systemctl", "daemon-reload"])


def later_boots(host, plan):
    """Enable a small unit that starts /etc/rc.local, unless systemd has an rc-local of its own."""
    native = any(
        map(os.path.exists, ("/lib/systemd/system/rc-local.service", "/usr/lib/systemd/system/rc-local.service"))
    )
    if "boot_unit" in plan and os.path.isdir("/run/systemd/system") and not native:
        host.save("/etc/systemd/system/initialrunner-boot.service", plan["boot_unit"].encode(), 0o644)
        host.run(["systemctl", "enable", "initialrunner-boot.service"], 60)
