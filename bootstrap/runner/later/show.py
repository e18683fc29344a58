"""What the admin's command shows: `status`, `why` and `logs`. It writes nothing, and mends nothing."""

import json
import os
import time

from bootstrap.runner.bundle import TEXT
from bootstrap.runner.contract import EXIT_AGAIN, EXIT_DONE, EXIT_FAILED
from bootstrap.runner.host import STATE, TRIGGER
from bootstrap.runner.later.turn import holder
from bootstrap.runner.terminal import refuse
from bootstrap.runner.tick.files import Waiting, awaited, digest
from bootstrap.runner.tick.history import StageFacts, final
from bootstrap.runner.tick.journal import JOURNAL, Journal, events_in
from bootstrap.runner.tick.run import Run

ENDED_WELL = "done", "skipped"
SEE = "See: initialrunner status"
GO_ON = "Go on: initialrunner tick"
FIX = "What to fix: initialrunner doctor"
SHOWN = "exit_code", "signal", "cause", "took_s", "cpu_s", "peak_kib", "outputs", "inherited"


class Past(Journal):
    """A journal as it stands, for who only looks."""

    def open(self):
        self.events = events_in(JOURNAL)


def date(seconds):
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def how(end):
    """How a stage ended: `exit 3, cause: exit`."""
    kinds = ("exit_code", "exit %s"), ("signal", "signal %s"), ("cause", "cause: %s")
    return ", ".join(kind % end[key] for key, kind in kinds if end.get(key) is not None)


def lacking(event):
    """What a `waiting` event says is missing."""
    texts = []
    for lack in event.get("missing", []):
        words = lack["path"], lack["why"], lack.get("have", 0), lack.get("want") or "?"
        texts.append("%s %s" % (lack["path"], lack["saw"]) if "saw" in lack else "%s: %s, %s of %s bytes" % words)
    return event.get("for") or "; ".join(texts)


def unsent(host):
    """Why the collector does not have all, "" when it has."""
    return host.text(STATE + "/unsent").strip().partition(" ")[2].replace("None", NOT_TAKEN)


NOT_TAKEN = "the collector answers, and has not taken all"


def has_ended(host):
    """Whether the trigger starts nothing any more."""
    return any(name.startswith("ended.") for name in host.list(STATE))


def facts(host, plan):
    """Everything `status` shows, as one dict."""
    run = Run(host, plan)
    run.journal = Past(host)
    past, find = run.journal.events, run.journal.find
    found = {key: plan[key] for key in ("server", "deploy_id", "revision")}
    found.update(state="waiting", reason="", runner=holder())
    found["stages"] = [stage_facts(run, stage["name"]) for stage in plan["stages"]]
    for event in past:
        # What was said last counts until something else happens; of a failure, until another state comes.
        if event["type"] == "waiting":
            found["reason"] = lacking(event)
        elif event["type"] == "state":
            said = event.get("reason") or found["reason"] * (event["state"] == "waiting")
            found.update(state=event["state"], reason=said)
        elif found["state"] != "failed":
            found["reason"] = ""
    if past:
        end, took = final(past), run.journal.elapsed()
        if not end:
            found["deadline_left_s"] = int(run.deadline())
        elif any(event.get("boot_id") == host.boot_id for event in past):
            took -= host.uptime() - end["uptime_s"]
        found.update(began_at=past[0]["at"], elapsed_s=int(took) + 1)
    stuck = host.text(STATE + "/stuck") or host.text("/run/initialrunner.stuck")
    found.update(stuck=bool(stuck), reason=stuck.strip() or found["reason"])
    taken = host.text(STATE + "/taken")  # a baked runner's, by whom this bundle may have come
    if plan.get("finished", {}).get("sha256", digest(TEXT)) in taken:
        found["source"] = json.loads(taken)["source"]
    for event in find("health"):
        found["health"] = {k: event.get(k) for k in ("ok", "check", "saw")}
    if os.path.exists(TRIGGER) and not has_ended(host):
        found["next_tick_s"] = 60 - int(host.now()) % 60
    if unsent(host):
        found["not_reported"] = unsent(host)
    found["every_boot_failed"] = host.text(STATE + "/every-boot.failed").strip().splitlines() + [
        "%s exit %s" % (event["name"], event["exit_code"]) for event in find("every_boot") if event["exit_code"]
    ]
    return found


def stage_facts(run, name):
    stage = StageFacts(run.journal.events, name)
    row, end = {"name": name, "state": stage.state, "attempts": stage.attempt}, stage.end or {}
    for event in run.journal.find("stage.started", stage=name):
        row["started_at"] = event["at"]
    if not stage.open:
        row.update({key: end[key] for key in SHOWN if key in end})
    elif stage.open["boot_id"] == run.host.boot_id:
        row["took_s"] = run.host.uptime() - stage.open["uptime_s"]
    return row


def outcome(found):
    """The exit code that says the same as the state."""
    failed = "failed" in [found["state"]] + [row["state"] for row in found["stages"]]
    return EXIT_DONE if found["state"] == "healthy" else EXIT_FAILED if failed else EXIT_AGAIN


LINES = (
    ("reason", "reason: %s"),
    ("health", "health: %s"),
    ("every_boot_failed", "every boot: %s"),
    ("source", "source: %s"),
    ("not_reported", "not reported: %s"),
    ("elapsed_s", "took: %d s"),
    ("deadline_left_s", "deadline: in %d s"),
    ("next_tick_s", "next tick: in %d s"),
    ("runner", "a runner is at work: pid %s"),
)


def status(host, plan, words):
    found = facts(host, plan)
    if words:
        print(json.dumps(found, indent=2, sort_keys=True))
        return outcome(found)
    print("%(server)s  %(state)s  deploy %(deploy_id)s  revision %(revision)s" % found)
    for row in found["stages"]:
        took = "%.1f s" % row["took_s"] if "took_s" in row else ""
        when = date(row["started_at"]) if "started_at" in row else ""
        cells = row["name"], row["state"], when, took, row["attempts"], how(row)
        print("  %-20s %-11s %19s %9s  attempts %d  %s" % cells)
    if "health" in found:
        found["health"] = "good" if found["health"]["ok"] else unhealthy(found["health"])
    found["every_boot_failed"] = ", ".join(found["every_boot_failed"])
    for key, text in LINES:
        if found.get(key):
            print("  " + text % found[key])
    return outcome(found)


def unhealthy(health):
    return "%(check)s: %(saw)s" % health if health["check"] else "not stable in time"


def why(host, plan, words):
    found = facts(host, plan)
    print("\n".join(sentences(host, plan, found)))
    return outcome(found)


def sentences(host, plan, found):
    """One sentence, what shows it, and one command."""
    past, server, reason = events_in(JOURNAL), plan["server"], found["reason"]
    if found["state"] == "healthy":
        if found["stuck"]:
            return ["%s is healthy, but its trigger %s cannot be removed: %s" % (server, TRIGGER, reason), FIX]
        if "not_reported" in found:
            return ["%(server)s is healthy, and not reported: %(not_reported)s. Send it: initialrunner report" % found]
        return ["%s is healthy; nothing is wrong. %s" % (server, SEE)]
    if found["stuck"]:
        return ["%s %s" % (server, reason), FIX]
    if not past:
        return ["%s has not begun. %s" % (server, FIX)]
    if past[-1].get("for"):
        return ["%s waits: %s. %s" % (past[-1]["missing"][0]["path"], reason, SEE)]
    for row in found["stages"]:
        name, state, number = row["name"], row["state"], row["attempts"]
        if state in ("running", "interrupted"):
            if found["runner"]:
                return ["stage %s is running, attempt %d. See: initialrunner logs %s" % (name, number, name)]
            return ["stage %s was cut short, attempt %d: its runner is gone." % (name, number), GO_ON]
        if state == "failed" or (state == "pending" and number):
            end = StageFacts(past, name).end
            says = "says: not yet" if end["result"] == "again" else end["result"]
            lines = ["stage %s %s (%s), attempt %d." % (name, says, how(end), number)]
            lines += ["    " + line for line in end.get("tail", "").splitlines()[-10:] or ["(it printed nothing)"]]
            again = "Run it again: initialrunner run %s --force" % name
            return lines + [again if state == "failed" else GO_ON]
    placed = plan.get("finished") or any(event.get("reason") == "placed" for event in past)
    missing = [] if placed or not awaited(plan) else Waiting(host, plan).missing()
    # To a first look everything is unsettled that must rest: where the run has failed, that is no reason.
    missing = [lack for lack in missing if lack["why"] != "unsettled" or found["state"] != "failed"]
    if missing:
        return [lacking({"missing": [lack]}) + "." for lack in missing] + [GO_ON]
    health = found.get("health", {"ok": True})
    if not health["ok"]:
        return ["health check failed: " + unhealthy(health), "Go on: initialrunner run"]
    if found["state"] == "failed":
        return ["%s failed: %s" % (server, reason), "Go on: initialrunner run"]
    return ["%s is %s%s. %s" % (server, found["state"], reason and ": " + reason, SEE)]


def logs(host, plan, words):
    """The log of a stage, or all of them with their names."""
    names, known = [word for word in words if word != "-f"], [name[:-4] for name in host.list(STATE + "/logs")]
    if set(names) - set(known) or words == ["-f"]:
        return refuse("no log of %s; there are: %s" % ((names or words)[0], ", ".join(known)), 2)
    for name in names or known:
        if not names:
            print("==> %s <==" % name)
        at, working = 0, True
        while working:
            working, data = "-f" in words and holder(), host.read("%s/logs/%s.log" % (STATE, name))[0]
            at = 0 if len(data) < at else at  # cut meanwhile: it had grown too long
            print(data[at:].decode("utf-8", "backslashreplace"), end="")
            at = len(data)
            time.sleep(0.2 if working else 0)
    return EXIT_DONE
