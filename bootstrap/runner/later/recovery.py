"""Recovers a run that cannot simply go on: settles cut attempts, repairs the journal and dpkg, rolls stages back."""

import errno
import os

from bootstrap.runner.console import DAMAGED
from bootstrap.runner.contract import EXIT_AGAIN
from bootstrap.runner.host import COMMAND, STATE
from bootstrap.runner.later.opening import own_command, save_first
from bootstrap.runner.tick.history import StageFacts, final
from bootstrap.runner.tick.journal import JOURNAL, seal
from bootstrap.runner.tick.logs import open_log, outputs, tail
from bootstrap.runner.tick.run import EARLY, STUCK
from bootstrap.runner.tick.stages import unless_fails


def kill_leftovers(stages, began):
    """Kill the processes that an attempt without an end has left running. Return their pids.

    began: its stage.started event.
    """
    if began["boot_id"] != stages.host.boot_id:
        return []
    # The pid of its leader may long belong to somebody else: only with the same start time is it ours.
    is_ours = stages.shell.started_at(began["pid"]) == began["start"]
    mark = stages.shell.mark("%s/%d" % (began["stage"], began["attempt"]))
    return stages.shell.kill_session(began["pid"] if is_ours else None, mark)


def settle(stages, stage, facts):
    """Settle an attempt without an end: kill what is left of it, then let verify or on_interrupt decide.

    The order matters: a leftover that still works could make verify lie, or work beside the next attempt.
    """
    host, began, name = stages.host, facts.open, stage["name"]
    policy = stage["on_interrupt"]
    if facts.state == "running":
        rebooted = began["boot_id"] != host.boot_id
        more = {"killed": kill_leftovers(stages, began), "policy": policy, "rebooted": rebooted}
        stages.journal.add("interrupted", stage=name, attempt=began["attempt"], **more)
    if stage.get("verify") and stages.shell.run(stage, name + "/verify", stage["verify"], 300)[0] == 0:  # for: verify
        more = unless_fails(outputs, host, stages.plan, "%s/%d" % (name, began["attempt"]))
        return stages.end(stage, "done", began["attempt"], cause="interrupted", **more)
    if policy == "fail" or stages.facts(stage).too_often:
        log = open_log(host, name)
        text = tail(log, stages.plan)
        os.close(log)
        return stages.end(stage, "failed", began["attempt"], cause="interrupted", final=True, tail=text)
    return None


def rebuild(journal, data, good):
    """Write the journal anew from the events that prove themselves, and name the others as lost.

    The damaged file is set aside as it is. data: its bytes; good: its events.
    """
    aside, events = "%s.damaged.%d" % (JOURNAL, len(journal.host.list(STATE))), journal.events
    journal.host.save(aside, data)
    for event in sorted(good, key=lambda event: event["seq"]):
        while len(events) + 1 < event["seq"]:
            events.append({"seq": len(events) + 1, "type": "lost", "at": event["at"], "uptime_s": event["uptime_s"]})
        if len(events) < event["seq"]:
            events.append(event)
    journal.close()
    journal.host.save(JOURNAL, "".join(map(seal, events)).encode())
    journal.host.say(DAMAGED % aside)
    journal.open()


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
        run.deliver(5)  # for: report
    except (OSError, AttributeError, IndexError):
        pass  # not even the journal can be opened or written
    return EXIT_AGAIN
