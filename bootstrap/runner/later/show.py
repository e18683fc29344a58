"""Shows the state of a run: `status`, `why` and `logs`. It writes nothing and repairs nothing."""

import os
import time

from bootstrap.runner.bundle import TEXT
from bootstrap.runner.contract import EXIT_AGAIN, EXIT_DONE, EXIT_FAILED
from bootstrap.runner.host import STATE, TRIGGER
from bootstrap.runner.jsontext import loads
from bootstrap.runner.later.turn import holder
from bootstrap.runner.terminal import refuse
from bootstrap.runner.tick.files import Waiting, awaited, digest, lack_text
from bootstrap.runner.tick.history import StageFacts, final
from bootstrap.runner.tick.journal import JOURNAL, Journal, events_in
from bootstrap.runner.tick.run import Run

ENDED_WELL = "done", "skipped"
SEE = "See: initialrunner status"
GO_ON = "Continue: initialrunner tick"
FIX = "Find the cause: initialrunner doctor"
SHOWN = "exit_code", "signal", "cause", "took_s", "cpu_s", "peak_kib", "outputs", "inherited"


class Past(Journal):
    """A journal that is only read: opening it neither creates nor repairs the file."""

    def open(self):
        self.events = events_in(JOURNAL)


def date(seconds):
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def how(end):
    """The end of a stage in words: `exit 3, cause: exit`."""
    kinds = ("exit_code", "exit %s"), ("signal", "signal %s"), ("cause", "cause: %s")
    return ", ".join(kind % end[key] for key, kind in kinds if end.get(key) is not None)


def lacking(event):
    """The missing things of a `waiting` event, in words."""
    return event.get("for") or "; ".join(map(lack_text, event.get("missing", [])))


def unsent(host):
    """The reason why the collector does not have all events, None when it has."""
    return host.text(STATE + "/unsent").strip().partition(" ")[2].replace("None", NOT_TAKEN) or None


NOT_TAKEN = "the collector answers but has not taken all events"


def has_ended(host):
    """Whether the run has ended, so that the trigger starts nothing any more."""
    return any(name.startswith("ended.") for name in host.list(STATE))


def facts(host, plan):
    """Everything `status` shows, as one dict."""
    run = Run(host, plan)
    run.journal = Past(host)
    past, find = run.journal.events, run.journal.find
    summary = {key: plan[key] for key in ("server", "deploy_id", "revision")}
    summary.update(state="waiting", reason="", runner=holder())
    summary["stages"] = [stage_facts(run, stage["name"]) for stage in plan["stages"]]
    for event in past:
        # The last reason counts until something else happens; that of a failure, until the next state.
        if event["type"] == "waiting":
            summary["reason"] = lacking(event)
        elif event["type"] == "state":
            reason = event.get("reason") or summary["reason"] * (event["state"] == "waiting")
            summary.update(state=event["state"], reason=reason)
        elif summary["state"] != "failed":
            summary["reason"] = ""
    if past:
        end, took = final(past), run.journal.elapsed()
        if not end:
            summary["deadline_left_s"] = int(run.deadline())
        # elapsed() also counts the time since the end of a run that ended in this boot.
        elif any(event.get("boot_id") == host.boot_id for event in past):
            took -= host.uptime() - end["uptime_s"]
        summary.update(began_at=past[0]["at"], elapsed_s=int(took) + 1)
    stuck = host.text(STATE + "/stuck") or host.text("/run/initialrunner.stuck")
    summary.update(stuck=bool(stuck), reason=stuck.strip() or summary["reason"])
    handover = host.text(STATE + "/taken")  # written by a baked runner that handed over to a bundle
    if plan.get("finished", {}).get("sha256", digest(TEXT)) in handover:
        summary["source"] = loads(handover)["source"]
    for event in find("health"):  # for: health
        summary["health"] = {k: event.get(k) for k in ("ok", "check", "saw")}
    if os.path.exists(TRIGGER) and not has_ended(host):
        # cron starts a tick at each full minute.
        summary["next_tick_s"] = 60 - int(host.now()) % 60
    if unsent(host):  # for: report
        summary["not_reported"] = unsent(host)
    summary["every_boot_failed"] = host.text(STATE + "/every-boot.failed").strip().splitlines() + [
        "%s exit %s" % (event["name"], event["exit_code"]) for event in find("every_boot") if event["exit_code"]
    ]
    return summary


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


def outcome(summary):
    """The exit code for the state of the run and its stages."""
    failed = "failed" in [summary["state"]] + [row["state"] for row in summary["stages"]]
    return EXIT_DONE if summary["state"] == "healthy" else EXIT_FAILED if failed else EXIT_AGAIN


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
    summary = facts(host, plan)
    if words:
        import json

        print(json.dumps(summary, indent=2, sort_keys=True))
        return outcome(summary)
    print("%(server)s  %(state)s  deploy %(deploy_id)s  revision %(revision)s" % summary)
    for row in summary["stages"]:
        took = "%.1f s" % row["took_s"] if "took_s" in row else ""
        when = date(row["started_at"]) if "started_at" in row else ""
        cells = row["name"], row["state"], when, took, row["attempts"], how(row)
        print("  %-20s %-11s %19s %9s  attempts %d  %s" % cells)
    if "health" in summary:  # for: health
        summary["health"] = "good" if summary["health"]["ok"] else unhealthy(summary["health"])
    summary["every_boot_failed"] = ", ".join(summary["every_boot_failed"])
    for key, text in LINES:
        if summary.get(key):
            print("  " + text % summary[key])
    return outcome(summary)


def unhealthy(health):
    return "%(check)s: %(saw)s" % health if health["check"] else "not stable in time"


def why(host, plan, words):
    summary = facts(host, plan)
    print("\n".join(sentences(host, plan, summary)))
    return outcome(summary)


def sentences(host, plan, summary):
    """The lines of `why`: one sentence, its evidence, and one command."""
    # The questions come in the order in which they explain one another: the first cause that is found is the answer.
    past, server, reason = events_in(JOURNAL), plan["server"], summary["reason"]
    if summary["state"] == "healthy":
        if summary["stuck"]:
            return ["%s is healthy, but its trigger %s cannot be removed: %s" % (server, TRIGGER, reason), FIX]
        if "not_reported" in summary:  # for: report
            return ["%(server)s is healthy but not reported: %(not_reported)s. Send it: initialrunner report" % summary]
        return ["%s is healthy; nothing is wrong. %s" % (server, SEE)]
    if summary["stuck"]:
        return ["%s %s" % (server, reason), FIX]
    if not past:
        return ["%s has not started. %s" % (server, FIX)]
    if past[-1].get("for"):
        return ["%s waits: %s. %s" % (past[-1]["missing"][0]["path"], reason, SEE)]
    for row in summary["stages"]:
        name, state, number = row["name"], row["state"], row["attempts"]
        if state in ("running", "interrupted"):
            if summary["runner"]:
                return ["stage %s is running, attempt %d. See: initialrunner logs %s" % (name, number, name)]
            return ["stage %s was interrupted in attempt %d: its runner is gone." % (name, number), GO_ON]
        if state == "failed" or (state == "pending" and number):
            end = StageFacts(past, name).end
            says = "says: not yet" if end["result"] == "again" else end["result"]
            lines = ["stage %s %s (%s), attempt %d." % (name, says, how(end), number)]
            lines += ["    " + line for line in end.get("tail", "").splitlines()[-10:] or ["(it printed nothing)"]]
            again = "Run it again: initialrunner run %s --force" % name
            return lines + [again if state == "failed" else GO_ON]
    placed = plan.get("finished") or any(event.get("reason") == "placed" for event in past)
    if not placed and awaited(plan):  # for: late-files
        missing = Waiting(host, plan).missing()
        # A file that must rest is unsettled at the first look, whoever looks: of a failed run that is not the reason.
        missing = [lack for lack in missing if lack["why"] != "unsettled" or summary["state"] != "failed"]
        if missing:
            return [lack_text(lack) + "." for lack in missing] + [GO_ON]
    health = summary.get("health", {"ok": True})
    if not health["ok"]:  # for: health
        return ["health check failed: " + unhealthy(health), "Continue: initialrunner run"]
    if summary["state"] == "failed":
        return ["%s failed: %s" % (server, reason), "Continue: initialrunner run"]
    return ["%s is %s%s. %s" % (server, summary["state"], reason and ": " + reason, SEE)]


def logs(host, plan, words):
    """The log of a stage, or all of them with their names."""
    names, existing = [word for word in words if word != "-f"], [name[:-4] for name in host.list(STATE + "/logs")]
    if set(names) - set(existing) or words == ["-f"]:
        return refuse("no log of %s; logs: %s" % ((names or words)[0], ", ".join(existing)), 2)
    for name in names or existing:
        if not names:
            print("==> %s <==" % name)
        at, working = 0, True
        while working:
            working, data = "-f" in words and holder(), host.read("%s/logs/%s.log" % (STATE, name))[0]
            # The log is shorter than before when the runner has cut it meanwhile, since it had grown too long.
            at = 0 if len(data) < at else at
            print(data[at:].decode("utf-8", "backslashreplace"), end="")
            at = len(data)
            time.sleep(0.2 if working else 0)
    return EXIT_DONE
