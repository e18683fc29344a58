"""Reboots the machine after a stage that asks for it, once, so that the next stage goes on in the new boot."""

import os

from bootstrap.runner.bundle import later
from bootstrap.runner.tick.history import REBOOTS, StageFacts
from bootstrap.runner.tick.signals import Again


def reboot_after(run, stage):
    """Reboot after a stage, once; the next stage goes on in the new boot."""
    reboots = run.journal.find("rebooting", stage=stage["name"])
    if any(event["boot_id"] != run.host.boot_id for event in reboots):
        return
    if stage["reboot"] == "if-required" and not reboots and not required(run.host):
        return
    # A record of this very boot means that the runner was killed between the record and the reboot: reboot now.
    if not reboots:
        count, point = len(run.journal.find("rebooting")) + 1, later("covered_at_boot")(run.host)
        if point or count > REBOOTS:
            # Hidden by a mount after that boot, the journal could tell nobody what has run: all would begin anew.
            reason = "the next boot mounts %s over the state of this run; mount it in an earlier stage" % point
            reason = reason if point else "more than %d reboots" % REBOOTS
            attempt = StageFacts(run.journal.events, stage["name"]).attempt
            run.stages.end(stage, "failed", attempt, cause="reboot", tail=reason, final=True)
        run.journal.add("rebooting", stage=stage["name"], count=count, boot_id=run.host.boot_id)
    # The collector should hear of the reboot before the silence that follows.
    run.deliver(10)  # for: report
    os.sync()
    for argv in ["systemctl", "reboot"], ["reboot"], ["shutdown", "-r", "now"]:
        if run.host.run(argv, 30) == 0:
            break
    run.host.pause(60)
    raise Again("the reboot after stage %s did not happen" % stage["name"])


def required(host):
    """Whether Debian's flag file or RHEL's needs-restarting asks for a reboot."""
    flags = "/run/reboot-required", "/var/run/reboot-required"
    return any(map(os.path.exists, flags)) or host.run(["needs-restarting", "-r"], 120) == 1
