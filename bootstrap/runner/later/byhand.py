"""What the admin does by hand: run stages, go on, begin anew. Under the runner's lock, and told as it happens."""

import os

from bootstrap.runner.bundle import COLD, HOT, SEAM
from bootstrap.runner.contract import EXIT_AGAIN, EXIT_DONE, EXIT_FAILED, EXIT_REFUSED
from bootstrap.runner.host import STATE
from bootstrap.runner.later.lifecycle import put_aside, tidy_stages
from bootstrap.runner.later.show import ENDED_WELL, NOT_TAKEN, how, lacking, why
from bootstrap.runner.later.spare import say_stages
from bootstrap.runner.later.turn import holder, patient_lock, unmark
from bootstrap.runner.terminal import refuse
from bootstrap.runner.tick.files import Waiting, awaited, whole
from bootstrap.runner.tick.history import StageFacts, final
from bootstrap.runner.tick.journal import JOURNAL, events_in
from bootstrap.runner.tick.run import Run, tick
from bootstrap.runner.tick.signals import Again, Superseded

# The events of a run that somebody looks at, as lines.
TOLD = {
    "stage.started": "%(stage)s: attempt %(attempt)d",
    "stage.ended": "%(stage)s: %(result)s (%(how)s), %(took_s).1f s. Log: initialrunner logs %(stage)s",
    "waiting": "waits: %(lacking)s",
    "state": "%(state)s %(reason)s",
}


class ByHand(Run):
    """A run that somebody looks at."""

    def by_hand(self):
        Run.by_hand(self)
        add = self.journal.add

        def told(kind, **fields):
            event = add(kind, **fields)
            if kind in TOLD:
                more = {"how": how(event), "reason": "", "lacking": lacking(event)}
                try:
                    print((TOLD[kind] % dict(more, **event)).strip())
                except OSError:
                    pass  # nobody reads any more: the run goes on
            return event

        self.journal.add = told

    def hurry(self):
        """In the place of `meanwhile` while a stage's needs are looked at: nobody waits for them at a terminal."""
        raise Again("not yet")


def run_stages(host, plan, words):
    """Run stages by hand, in the order of the plan, on the terminal's time and under the runner's lock."""
    names, force = [stage["name"] for stage in plan.get("stages", [])], "--force" in words
    chosen = [word for word in words if word[:1] != "-"]
    unknown = ", ".join(repr(word) for word in chosen if word not in names)
    if unknown or (force and not chosen) or ("--from" in words and len(chosen) != 1):
        what = "no stage " + unknown if unknown else "--from takes one stage, --force one or more"
        return refuse("%s; there are: %s" % (what, ", ".join(names)), 2)
    if "--from" in words:
        chosen = names[names.index(chosen[0]) :]
    if "--dry-run" in words:
        return say_stages(host, plan, chosen or names, force)
    if not chosen:
        return go_on(host, plan)
    if patient_lock(host, plan) is None:
        return EXIT_AGAIN
    run = ByHand(host, plan)
    try:
        return prepare(run, names, chosen, force) or work_through(run, chosen, force)
    except Superseded:
        return refuse("this bundle has had its time", EXIT_AGAIN)
    except Exception as error:
        # An OSError is no failure of a stage: nothing may run that cannot be recorded.
        return refuse(error.args[-1], EXIT_AGAIN if isinstance(error, (Again, OSError)) else EXIT_FAILED)
    finally:
        if final(events_in(JOURNAL)):
            tidy_stages(host)  # nobody else will


def prepare(run, names, chosen, force):
    """Do what a tick does before its first stage. The exit code where these stages must not be run yet."""
    run.by_hand()
    past, ended = run.journal.events, final(run.journal.events)
    ended = ended if past and past[0].get("deploy_id") == run.plan["deploy_id"] else None
    if run.plan.get("finished") or (ended and ended["state"] == "healthy"):
        return 0
    if not ended:  # else it is not begun again: that is for `run` without a name
        run.begin()
    if not run.journal.find("state", reason="placed"):
        missing = (awaited(run.plan) and still_missing(run)) or []
        if missing or ended:
            reason = lacking({"missing": missing}) or "initialrunner run places them"
            return refuse("%s waits for its files: %s" % (chosen[0], reason), EXIT_AGAIN)
        run.place()
    for name in names[: max(map(names.index, chosen))]:
        state = StageFacts(run.journal.events, name).state
        if name not in chosen and state not in ENDED_WELL and not force:
            return refuse("%s comes first, and is %s; --force runs %s now" % (name, state, chosen[-1]), EXIT_AGAIN)
    return 0


def still_missing(run):
    """What is not whole of the files of another hand, once those that are there have had their time to rest."""
    waiting = Waiting(run.host, run.plan)
    missing = waiting.missing()
    while missing and {lack["why"] for lack in missing} == {"unsettled"}:
        run.host.pause(0.2)
        missing = waiting.missing()
    return missing


def work_through(run, chosen, force):
    """Run these stages until one does not end well. The exit code."""
    plan, stages = run.plan, run.stages
    stages.deadline = lambda: 1  # the admin's time is not the run's
    for planned in plan["stages"]:
        stage, name = planned, planned["name"]
        if name not in chosen:
            continue
        secrets = stage.get("secrets", [])
        known = dict(stage.get("environment", {}), **{key: os.environ[key] for key in secrets if key in os.environ})
        gone = [key for key in secrets if key not in known]
        if gone:
            text = "stage %s needs %s in the environment: it was scrubbed after success"
            return refuse(text % (name, ", ".join(gone)), EXIT_REFUSED)
        plan["secrets"] = plan.get("secrets", []) + [known[key] for key in secrets if known[key]]
        stage = dict(stage, environment=known)
        if final(run.journal.events):
            stage["attempts"] = 1  # nobody tries again
        else:
            for earlier_one in plan["stages"][: plan["stages"].index(planned)]:
                if stages.facts(earlier_one).state in ENDED_WELL:
                    run.place_after(earlier_one["name"])
        before = stages.facts(stage)
        run.meanwhile = lambda: None
        if before.open:
            stages.settle(stage, before)
            before = stages.facts(stage)
        if before.state in ENDED_WELL and not force:
            print("%s is %s already; --force runs it again" % (name, before.state))
            continue
        if not force:
            run.meanwhile = run.hurry
            stages.needs(stage)
        run.meanwhile = lambda: None
        stages.attempt(stage, before)
        if stages.facts(stage).state not in ENDED_WELL:
            return EXIT_FAILED
    return EXIT_DONE


def go_on(host, plan):
    """A tick by hand. A final failure, which ends a run, ends it no longer: the admin may have fixed the cause."""
    if plan.get("finished"):
        return why(host, plan, [])
    lock = patient_lock(host, plan)
    if lock is None:
        return EXIT_AGAIN
    run = Run(host, plan)
    run.by_hand()
    if (final(run.journal.events) or {}).get("state") == "failed":
        run.state("running", reason="by hand", boot_id=host.boot_id, healed_s=run.journal.elapsed())
        unmark(host)
    os.close(lock)
    host.locked = None
    return tick_told(host, plan, [])


def tick_told(host, plan, words):
    """A tick, its progress and what came of it."""
    code = tick(host, plan, ByHand)
    if host.locked is not None:
        os.close(host.locked)  # else `why` would tell of us
    why(host, plan, words)
    return code


def report(host, plan, words):
    """Offer the whole journal to the collector now."""
    if "report" not in plan:
        gone = "all was reported or given up, the key is gone"
        print("nothing to report: " + (gone if plan.get("finished") else "the spec names no collector"))
        return EXIT_DONE
    lock = host.lock(2)
    if lock is None:
        return refuse("pid %s is at work and reports by itself" % holder(), EXIT_AGAIN)
    run = Run(host, plan)
    run.by_hand()
    taken = run.report.drain(30)
    reason = run.report.reason or NOT_TAKEN
    print("all %d events are with the collector" % run.report.acked if taken else "not reported: " + reason)
    return EXIT_DONE if taken else EXIT_AGAIN


def reset(host, plan, words):
    """Put the journal aside, and what goes with it. Not a success that came while this waited for its runner."""
    before = final(events_in(JOURNAL))
    if patient_lock(host, plan) is None:
        return EXIT_AGAIN
    run = Run(host, plan)
    if not whole(host, run.files, run.sha256):
        return refuse("no bundle is left to begin anew with; try: initialrunner run STAGE --force", EXIT_REFUSED)
    run.by_hand()
    now = final(run.journal.events)
    if now and now != before and now["state"] == "healthy":
        return refuse("the runner that was at work has ended healthy", EXIT_REFUSED)
    if run.journal.events:
        put_aside(run, "reset")
    unmark(host)
    tidy_stages(host)
    for name in "undelivered", "unsent":
        host.remove("%s/%s" % (STATE, name))
    print("the journal is put aside; every stage is pending again")
    return EXIT_DONE


def source(host, plan, words):
    """Print the code, or the modules whose name begins as the word says: a traceback names a line of a module."""
    modules = [m for m in (HOT + SEAM + COLD).decode().split(SEAM.decode()) if m[1:].startswith("".join(words))]
    if not modules:
        return refuse("no module " + words[0], 2)
    print("\n".join(modules))
    return EXIT_DONE
