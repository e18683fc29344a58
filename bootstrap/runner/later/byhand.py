"""Runs stages, goes on, reports or begins anew for an admin at a terminal, under the runner's lock."""

import os

from bootstrap.runner.bundle import COLD, HOT, SEAM
from bootstrap.runner.contract import EXIT_AGAIN, EXIT_DONE, EXIT_FAILED, EXIT_REFUSED
from bootstrap.runner.host import STATE
from bootstrap.runner.later.leaving import tidy_stages
from bootstrap.runner.later.opening import put_aside
from bootstrap.runner.later.recovery import settle
from bootstrap.runner.later.show import ENDED_WELL, NOT_TAKEN, how, lacking, why
from bootstrap.runner.later.spare import preview
from bootstrap.runner.later.turn import holder, patient_lock, unmark
from bootstrap.runner.terminal import refuse
from bootstrap.runner.tick.files import Waiting, awaited, whole
from bootstrap.runner.tick.history import StageFacts, final
from bootstrap.runner.tick.journal import JOURNAL, events_in
from bootstrap.runner.tick.run import Run, tick
from bootstrap.runner.tick.signals import Again, Superseded

# Events of a run are printed as these lines while it works.
EVENT_LINES = {
    "stage.started": "%(stage)s: attempt %(attempt)d",
    "stage.ended": "%(stage)s: %(result)s (%(how)s), %(took_s).1f s. Log: initialrunner logs %(stage)s",
    "waiting": "waits: %(lacking)s",
    "state": "%(state)s %(reason)s",
}


class ByHand(Run):
    """A run at a terminal: it prints its events."""

    def open(self):
        Run.open(self)
        add = self.journal.add

        def print_too(kind, **fields):
            event = add(kind, **fields)
            if kind in EVENT_LINES:
                more = {"how": how(event), "reason": "", "lacking": lacking(event)}
                try:
                    print((EVENT_LINES[kind] % dict(more, **event)).strip())
                except OSError:
                    pass  # the reader is gone, a closed `| head` for example: the run goes on without one
            return event

        self.journal.add = print_too

    def hurry(self):
        """Give up a need that is not met: it takes the place of `meanwhile`, since nobody waits at a terminal."""
        raise Again("not yet")


def run_stages(host, plan, words):
    """Run stages by hand, in the order of the plan, on the terminal's time and under the runner's lock."""
    names, force = [stage["name"] for stage in plan["stages"]], "--force" in words
    chosen = [word for word in words if word[:1] != "-"]
    unknown = ", ".join(repr(word) for word in chosen if word not in names)
    if unknown or (force and not chosen) or ("--from" in words and len(chosen) != 1):
        problem = "no stage " + unknown if unknown else "--from takes one stage, --force one or more"
        return refuse("%s; stages: %s" % (problem, ", ".join(names)), 2)
    if "--from" in words:
        chosen = names[names.index(chosen[0]) :]
    if "--dry-run" in words:
        return preview(host, plan, chosen or names, force)
    if not chosen:
        return go_on(host, plan)
    if patient_lock(host, plan) is None:
        return EXIT_AGAIN
    run = ByHand(host, plan)
    try:
        return prepare(run, names, chosen, force) or work_through(run, chosen, force)
    except Superseded:
        return refuse("a newer bundle has replaced this one", EXIT_AGAIN)
    except Exception as error:
        # An OSError is no failure of a stage: it means that nothing can be recorded, so nothing may run.
        return refuse(error.args[-1], EXIT_AGAIN if isinstance(error, (Again, OSError)) else EXIT_FAILED)
    finally:
        if final(events_in(JOURNAL)):
            tidy_stages(host)  # nobody else will


def prepare(run, names, chosen, force):
    """Do what a tick does before its first stage. Return an exit code if these stages must not run yet, else 0."""
    run.open()
    past, ended = run.journal.events, final(run.journal.events)
    ended = ended if past and past[0].get("deploy_id") == run.plan["deploy_id"] else None
    if run.plan.get("finished") or (ended and ended["state"] == "healthy"):
        return 0
    # A run that has ended is not begun again here: only `run` without a name does that.
    if not ended:
        run.begin()
    if not run.journal.find("state", reason="placed"):
        missing = []
        if awaited(run.plan):  # for: late-files
            missing = still_missing(run)
        if missing or ended:
            reason = lacking({"missing": missing}) or "initialrunner run places them"
            return refuse("%s needs its files first: %s" % (chosen[0], reason), EXIT_AGAIN)
        run.place()
    for name in names[: max(map(names.index, chosen))]:
        state = StageFacts(run.journal.events, name).state
        if name not in chosen and state not in ENDED_WELL and not force:
            return refuse("%s comes first and is %s; --force runs %s now" % (name, state, chosen[-1]), EXIT_AGAIN)
    return 0


def still_missing(run):
    """The awaited files that are not whole, once those that are there have had their time to rest."""
    waiting = Waiting(run.host, run.plan)
    missing = waiting.missing()
    while missing and {lack["why"] for lack in missing} == {"unsettled"}:
        run.host.pause(0.2)
        missing = waiting.missing()
    return missing


def work_through(run, chosen, force):
    """Run these stages until one does not end well; return the exit code."""
    plan, stages = run.plan, run.stages
    stages.deadline = lambda: 1  # the admin's time is not the run's
    for planned in plan["stages"]:
        stage, name = dict(planned), planned["name"]
        if name not in chosen:
            continue
        if stage.get("secrets"):  # for: secrets
            missing = lend_secrets(plan, stage)
            if missing:
                text = "stage %s needs %s in the environment: secrets are removed after success"
                return refuse(text % (name, ", ".join(missing)), EXIT_REFUSED)
        if final(run.journal.events):
            stage["attempts"] = 1  # no tick will try it again
        for previous in plan["stages"][: plan["stages"].index(planned)]:  # for: after
            if not final(run.journal.events) and stages.facts(previous).state in ENDED_WELL:
                run.place_after(previous["name"])
        before = stages.facts(stage)
        run.meanwhile = lambda: None
        if before.open:
            settle(stages, stage, before)
            before = stages.facts(stage)
        if before.state in ENDED_WELL and not force:
            print("%s is %s already; --force runs it again" % (name, before.state))
            continue
        if not force:  # for: needs
            run.meanwhile = run.hurry
            stages.needs(stage)
        run.meanwhile = lambda: None
        stages.attempt(stage, before)
        if stages.facts(stage).state not in ENDED_WELL:
            return EXIT_FAILED
    return EXIT_DONE


def lend_secrets(plan, stage):
    """Give a stage its secrets from our own environment. Return the names of those that are in neither."""
    names, environment = stage["secrets"], dict(stage.get("environment", {}))
    environment.update({key: os.environ[key] for key in names if key in os.environ})
    plan["secrets"] = plan.get("secrets", []) + [environment[key] for key in names if environment.get(key)]
    stage["environment"] = environment
    return [key for key in names if key not in environment]


def go_on(host, plan):
    """Tick by hand. A final failure ends the run no longer: the admin may have fixed its cause."""
    if plan.get("finished"):
        return why(host, plan, [])
    lock = patient_lock(host, plan)
    if lock is None:
        return EXIT_AGAIN
    run = Run(host, plan)
    run.open()
    if (final(run.journal.events) or {}).get("state") == "failed":
        run.state("running", reason="by hand", boot_id=host.boot_id, healed_s=run.journal.elapsed())
        unmark(host)
    os.close(lock)
    host.locked = None
    return watched_tick(host, plan, [])


def watched_tick(host, plan, words):
    """Tick while somebody looks: print the progress, then the outcome."""
    code = tick(host, plan, ByHand)
    if host.locked is not None:
        os.close(host.locked)  # else `why` would name this very process as the runner at work
    why(host, plan, words)
    return code


def report(host, plan, words):
    """Offer the whole journal to the collector now."""
    if "report" in plan:  # for: report
        return offer(host, plan)
    reason = "all events were reported or given up" if plan.get("finished") else "the spec names no collector"
    print("nothing to report: " + reason)
    return EXIT_DONE


def offer(host, plan):
    """Send the events that the collector does not have. Return the exit code."""
    lock = host.lock(2)
    if lock is None:
        return refuse("pid %s is at work and will report by itself" % holder(), EXIT_AGAIN)
    run = Run(host, plan)
    run.open()
    delivered = run.report.drain(30)
    reason = run.report.reason or NOT_TAKEN
    print("all %d events have reached the collector" % run.report.acked if delivered else "not reported: " + reason)
    return EXIT_DONE if delivered else EXIT_AGAIN


def reset(host, plan, words):
    """Set the journal aside with its marks, unless the run has ended healthy while this waited for its runner."""
    before = final(events_in(JOURNAL))
    if patient_lock(host, plan) is None:
        return EXIT_AGAIN
    run = Run(host, plan)
    if not whole(host, run.files, run.sha256):
        return refuse("without the bundle nothing can start over; try: initialrunner run STAGE --force", EXIT_REFUSED)
    run.open()
    # The end that was there before the wait is the one to reset; a success that came meanwhile is news to the admin.
    now = final(run.journal.events)
    if now and now != before and now["state"] == "healthy":
        return refuse("not reset: the other runner has just ended healthy", EXIT_REFUSED)
    if run.journal.events:
        put_aside(run, "reset")
    unmark(host)
    tidy_stages(host)
    for name in "undelivered", "unsent":
        host.remove("%s/%s" % (STATE, name))
    print("the journal was set aside; every stage is pending again")
    return EXIT_DONE


def source(host, plan, words):
    """Print the code, or the modules whose name begins as the word says: a traceback names a line of a module."""
    modules = [m for m in (HOT + SEAM + COLD).decode().split(SEAM.decode()) if m[1:].startswith("".join(words))]
    if not modules:
        return refuse("no module " + words[0], 2)
    print("\n".join(modules))
    return EXIT_DONE
