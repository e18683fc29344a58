"""Looks back: `timeline`, `history`, `verify` and the preview of a run. A payload without room leaves them out."""

import os

from bootstrap.runner.contract import EXIT_DONE, EXIT_FAILED
from bootstrap.runner.host import STATE
from bootstrap.runner.later.opening import earlier
from bootstrap.runner.later.show import ENDED_WELL, date, lacking
from bootstrap.runner.tick.files import digest_of, ids, mode_and_owner
from bootstrap.runner.tick.history import StageFacts
from bootstrap.runner.tick.journal import JOURNAL, events_in

# Events that begin something which takes time: its name, and the events that end it.
SPANS = {
    "waiting": ("wait", ("fixed", "waiting", "stage.started", "health")),
    "stage.started": ("stage", ("stage.ended", "interrupted")),
    "state": ("health", ("health",)),
    "rebooting": ("reboot", ("state",)),
}


def timeline(host, plan, words):
    """Print the parts of a run that took time, in their order; with --blame the longest first."""
    rows, past = [], events_in(JOURNAL)
    for number, event in enumerate(past):
        kind = event["type"]
        if kind in SPANS and event.get("state", "checking") == "checking":
            label, kinds = SPANS[kind]
            ends = [later for later in past[number + 1 :] if later["type"] in kinds]
            end = ends[0] if ends else {"at": host.now(), "uptime_s": host.uptime(), "result": "so far"}
            took = end["uptime_s"] - event["uptime_s"]
            # After a reboot the wall clock is all there is; else it may have been set meanwhile.
            took = took if took >= 0 else end["at"] - event["at"]
            subject = lacking(event) or event.get("stage", "")
            cells = date(event["at"]), took, label, subject, end.get("result", "")
            rows.append((took, "%s %9.1f s  %-6s  %s  %s" % cells))
    for row in sorted(rows, reverse=True) if words else rows:
        print(row[1])
    return EXIT_DONE


def history(host, plan, words):
    """Print every journal there is: its begin, its end, and its deploy."""
    names = [name for name in host.list(STATE) if name.startswith("journal")]
    lives = [(events_in("%s/%s" % (STATE, name)), name) for name in names]
    for past, name in sorted((life for life in lives if life[0]), key=lambda life: life[0][0]["at"]):
        first, states = past[0], ["waiting"] + [event["state"] for event in past if event["type"] == "state"]
        who = date(first["at"]), states[-1], first.get("deploy_id"), first.get("revision"), name
        print("%s  %s  deploy %s  revision %s  %s" % who)
        print("    " + ", ".join("%s %s" % (s, StageFacts(past, s).state) for s in first.get("stages", [])))
    return EXIT_DONE


def verify(host, plan, words):
    """Compare the placed files with what is there now. 5 when something differs."""
    code = EXIT_DONE
    for entry in plan["files"] + plan.get("wait_for", []):
        if plan.get("finished") and not entry.get("keep", True):
            continue
        faults = differences(host, entry)
        code = EXIT_FAILED if faults else code
        print("%-8s%s  %s" % ("differs" if faults else "same", entry["path"], ", ".join(faults)))
    return code


def differences(host, entry):
    """The differences between a file and its entry in the plan, in words."""
    try:
        with os.fdopen(host.open(entry["path"]), "rb") as file:
            info, data = os.fstat(file.fileno()), digest_of(file)
    except OSError as error:
        return [error.strerror]
    now, faults = mode_and_owner(info), []
    if data != entry.get("sha256", data) or info.st_size < entry.get("min_size", 0):
        faults.append("other content")
    if "mode" in entry and info.st_mode & 0o7777 != entry["mode"]:
        faults.append("mode " + now["mode"])
    if "user" in entry and (info.st_uid, info.st_gid) != ids(entry):
        faults.append("owner " + now["owner"])
    return faults


def preview(host, plan, names, force):
    """Print for each of these stages whether `run` would run it, and why; nothing is touched."""
    past = events_in(JOURNAL)
    for stage in plan["stages"]:
        name = stage["name"]
        record = StageFacts(past, name)
        if name not in names:
            continue
        reason = record.state + (" at " + date(record.end["at"]) if record.end else "")
        earlier_runs = [events[0] for events in earlier(host) if name in events[0].get("digests", {})]
        if earlier_runs and earlier_runs[-1]["digests"][name] != stage["digest"]:
            reason += "; changed since deploy " + earlier_runs[-1]["deploy_id"]
        runs = force or record.state not in ENDED_WELL
        print("%-10s %-20s %s" % ("would run" if runs else "would skip", name, reason))
    return EXIT_DONE
