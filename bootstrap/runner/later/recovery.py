"""Recovers a run that cannot simply go on: repairs dpkg, rolls stages back, or leaves the cause where people look."""

import errno
import os

from bootstrap.runner.contract import EXIT_AGAIN
from bootstrap.runner.host import COMMAND, STATE
from bootstrap.runner.later.opening import own_command, save_first
from bootstrap.runner.tick.history import StageFacts, final
from bootstrap.runner.tick.run import EARLY, STUCK


def fix_dpkg(run, name):
    """Finish what a killed dpkg began: apt does nothing before that. Beside one at work its lock ends this at once."""
    text = "dpkg --configure -a --force-confdef --force-confold"
    if run.shell.run({"name": name}, name + "/dpkg", text, 900)[0] == 0:
        run.journal.add("fixed", path="/var/lib/dpkg", was={"dpkg": "interrupted"}, now={"dpkg": "configured"})


def roll_back(run):
    """Undo the stages that are done, last one first; journalled like stages, each once."""
    for stage in reversed(run.plan["stages"]):
        name = stage["name"] + ".undo"
        if stage.get("undo") and StageFacts(run.journal.events, stage["name"]).state == "done":
            run.journal.add("stage.started", stage=name, attempt=1, boot_id=run.host.boot_id)
            code, output = run.shell.run(stage, name, stage["undo"], stage["timeout_s"])
            more = {"cause": "exit"} if code else {}
            run.journal.add(
                "stage.ended",
                stage=name,
                result="failed" if code else "done",
                attempt=1,
                exit_code=code,
                tail=output,
                **more,
            )


def stuck(run, error):
    """Leave the cause where people look: console, motd, the admin's verbs and, where it takes more, the journal."""
    hint = "; no space or no inodes are left: see df -h and df -i" if error.args[0] == errno.ENOSPC else ""
    reason = "cannot go on yet: %s%s" % (error, hint)
    run.host.say("%s %s" % (run.plan["server"], reason))
    try:
        # Without its folder the state may be on a file system that is not mounted: the reason does not belong there.
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
        # Each tick comes by here: a reason is recorded once, or a full disk would be filled with its own reports.
        elif [e["for"] for e in run.journal.find("waiting") if "for" in e][-1:] != [reason]:
            run.journal.add("waiting", missing=[{"path": run.plan["server"], "why": "cannot go on"}], **{"for": reason})
        run.deliver(5)
    except (OSError, AttributeError, IndexError):
        pass  # not even the journal can be opened or written
    return EXIT_AGAIN
