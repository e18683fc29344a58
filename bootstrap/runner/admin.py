"""The admin's verbs on the host, and `install`, which user-data means when it runs the bundle without a word."""

import json
import os
import sys
import time

from bootstrap.runner.bundle import COLD, HOT, TEXT
from bootstrap.runner.contract import EXIT_AGAIN, EXIT_DONE, EXIT_FAILED, EXIT_REFUSED
from bootstrap.runner.doctor import doctor
from bootstrap.runner.files import Waiting, digest, trigger_text
from bootstrap.runner.host import BUNDLE, LOCK, STATE, STUB, TRIGGER
from bootstrap.runner.journal import JOURNAL, events_in
from bootstrap.runner.lifecycle import clean, put_aside
from bootstrap.runner.machine import StageFacts, final
from bootstrap.runner.stages import Again
from bootstrap.runner.tick import Run, tick

USAGE = """usage: initialrunner VERB
  tick                   go on where the last tick ended (cron and rc.local do this)
  status [--json]        what ran, when, how long, with what result
  why                    one sentence and one command: why the server is not healthy
  run [STAGE...] [--from STAGE] [--force] [--dry-run]
                         run stages now; --force runs also what is done, --dry-run only says what would run and why
  logs STAGE [-f]        the log of a stage; -f goes on while a runner is at work
  doctor [--fix]         why nothing starts or nothing arrives; --fix mends what is safe to mend
  report                 send what the collector does not have yet
  reset                  put the journal aside: the next tick begins anew
  source                 print the source of this runner
"""


def admin(host, plan, verb, words):
    """Run one verb. Its exit code."""
    verbs = {
        "install": install, "tick": finished, "status": status, "why": why, "run": run_stages, "logs": logs,
        "report": report, "reset": reset, "source": source, "doctor": doctor,
    }  # fmt: skip
    if verb in ("help", "-h", "--help"):
        sys.stdout.write(USAGE)
        return 0
    if verb not in verbs:
        sys.stderr.write("initialrunner: no verb %r\n%s" % (verb, USAGE))
        return 2
    if os.geteuid():
        sys.stderr.write("initialrunner: only root can read the journal; try: sudo initialrunner %s\n" % verb)
        return 2
    try:
        return verbs[verb](host, plan, words) or 0
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        sys.stderr.write("initialrunner: %s\n" % error)
        return EXIT_FAILED


def patient_lock(host, plan):
    """The lock; while another runner has it, who that is and what it does. None after the plan's own deadline."""
    end, told = host.uptime() + plan.get("deadline_s", 3600), None
    while host.uptime() < end:
        lock = host.lock(1)
        if lock is not None:
            return lock
        pid, begun = holder(), [e for e in events_in(JOURNAL) if e["type"] == "stage.started"]
        doing = "pid %s is at work%s" % (pid, ", stage %s" % begun[-1]["stage"] if begun else "")
        if doing != told:
            told = doing
            sys.stderr.write("initialrunner: %s; waiting for it (Ctrl-C gives up)\n" % doing)
            sys.stderr.flush()
    return None


def finished(host, plan, words):
    """A tick of the scrubbed runner: the last steps of finish, should a kill have come between them.

    An entry that names the bundle itself has come back after success: it goes, unless its bundle has come too, or this
    is a clone, which waits for it.
    """
    sha256, past = plan["finished"]["sha256"], events_in(JOURNAL)
    if sha256 in host.text(TRIGGER):
        uuid, machine = host.ids()
        first = past[0] if past else {}
        if (first.get("product_uuid"), first.get("machine_id")) != (uuid, machine):
            return EXIT_AGAIN
        if any(name.startswith("bundle") for name in host.list(os.path.dirname(BUNDLE))):
            return EXIT_AGAIN
    clean(host, plan, plan["finished"]["files"], sha256, digest(TEXT))
    return EXIT_DONE


def install(host, plan, words):
    """Make bundle and trigger durable, then start the runner in a session of its own and return."""
    if plan.get("finished"):
        return status(host, plan, words)
    run = Run(host, plan)
    lock = host.lock()
    # Read under the lock: another start may have finished while this one waited for it.
    past = events_in(JOURNAL)
    if past and past[0].get("deploy_id") == plan["deploy_id"] and (final(past) or {}).get("state") == "healthy":
        return EXIT_DONE  # user-data that runs at every boot
    if "INSTANCE_ID" in os.environ and overtaken(run, past):
        return EXIT_DONE
    if lock is not None:
        if run.files == [BUNDLE]:
            host.save(BUNDLE, TEXT)
        text = host.text(TRIGGER)
        if text and run.sha256 not in text:
            # In one step: a stub's entry must not be gone before there is another that starts this bundle.
            host.save(TRIGGER, trigger_text(plan, run.sha256, run.files), 0o644)
        run.begin()
        host.remove(STUB)
        os.close(lock)
        host.locked = None
    if host.fork() == 0:
        # The caller may be cloud-init, which waits for whoever holds its output: ours is /dev/null now.
        try:
            # A boothook is early: file systems may not be mounted yet. 3: not active (without systemd it is another).
            end = host.uptime() + 300
            while host.run(["systemctl", "is-active", "-q", "basic.target"]) == 3 and host.uptime() < end:
                host.pause(1)
            tick(host, plan)
        finally:
            os._exit(0)
    return EXIT_DONE


def overtaken(run, past):
    """Whether this bundle, which cloud-init starts at every boot, has had its time: a newer deploy came another way."""
    host, mine = run.host, run.plan["deploy_id"]
    older = [events_in("%s/%s" % (STATE, name)) for name in host.list(STATE) if name.startswith("journal.old.")]
    text = host.text(TRIGGER)
    other = (past and past[0].get("deploy_id") != mine) or ("sha256sum" in text and run.sha256 not in text)
    return other and any(events and events[0].get("deploy_id") == mine for events in older + [past])


def holder():
    """The pid of the runner at work, None when there is none."""
    import fcntl

    try:
        with open(LOCK) as file:
            pid = file.read().strip()
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return pid
    except OSError:
        pass
    return None


def facts(host, plan):
    """Everything `status` shows, as one dict."""
    past = events_in(JOURNAL)
    states = [e for e in past if e["type"] == "state"]
    rows = []
    for stage in plan.get("stages", []):
        one = StageFacts(past, stage["name"])
        end = one.end or {}
        row = {"name": stage["name"], "state": one.state, "attempts": one.attempt}
        begun = [e["at"] for e in past if e["type"] == "stage.started" and e["stage"] == stage["name"]]
        if begun:
            row["started_at"] = begun[-1]
        row.update(
            {
                k: end[k]
                for k in ("exit_code", "signal", "cause", "took_s", "cpu_s", "peak_kib", "outputs", "inherited")
                if k in end
            }
        )
        rows.append(row)
    health = [e for e in past if e["type"] == "health"]
    found = {key: plan[key] for key in ("server", "deploy_id", "revision")}
    found.update(state=states[-1]["state"] if states else "waiting", stages=rows, runner=holder())
    taken = host.text(STATE + "/taken")  # a baked runner's, by whom this bundle may have come
    if plan.get("finished", {}).get("sha256", digest(TEXT)) in taken:
        found["source"] = json.loads(taken)["source"]
    if states and states[-1].get("reason"):
        found["reason"] = states[-1]["reason"]
    if health:
        found["health"] = {k: health[-1].get(k) for k in ("ok", "check", "saw")}
    if os.path.exists(TRIGGER) and not any(name.startswith("ended.") for name in host.list(STATE)):
        found["next_tick_s"] = 60 - int(host.now()) % 60
    unsent = host.text(STATE + "/unsent").strip()
    if unsent:
        found["not_reported"] = unsent.split(" ", 1)[1]
    failed = host.text(STATE + "/every-boot.failed").strip()
    failed = failed.splitlines() + [
        "%s exit %s" % (e["name"], e["exit_code"]) for e in past if e["type"] == "every_boot" and e["exit_code"]
    ]
    if failed:
        found["every_boot_failed"] = failed
    return found


def status(host, plan, words):
    found = facts(host, plan)
    if "--json" in words:
        print(json.dumps(found, indent=2, sort_keys=True))
        return EXIT_DONE
    print("%(server)s  %(state)s  deploy %(deploy_id)s  revision %(revision)s" % found)
    for row in found["stages"]:
        end = (
            "signal %s" % row["signal"]
            if "signal" in row
            else "exit %s" % row["exit_code"]
            if "exit_code" in row
            else ""
        )
        cause = " (%s)" % row["cause"] if row.get("cause") else ""
        took = "%.1f s" % row["took_s"] if "took_s" in row else ""
        when = time.strftime("%H:%M:%S", time.localtime(row["started_at"])) if "started_at" in row else ""
        print(
            "  %-20s %-11s %8s %9s  attempts %d  %s%s"
            % (row["name"], row["state"], when, took, row["attempts"], end, cause)
        )
    if "source" in found:
        print("  source: " + found["source"])
    if "health" in found:
        bad = "%(check)s: %(saw)s" % found["health"] if found["health"]["check"] else "not stable in time"
        print("  health: " + ("good" if found["health"]["ok"] else bad))
    for line in found.get("every_boot_failed", []):
        print("  every boot: " + line)
    if "not_reported" in found:
        print("  not reported: " + found["not_reported"])
    if found.get("next_tick_s") is not None:
        print("  next tick: in %d s" % found["next_tick_s"])
    if found["runner"]:
        print("  a runner is at work: pid " + found["runner"])
    return EXIT_DONE


def why(host, plan, words):
    """One sentence, one command."""
    found, past = facts(host, plan), events_in(JOURNAL)
    if found["state"] == "healthy":
        if "not_reported" in found:
            print("%(server)s is healthy, and not reported: %(not_reported)s. Send it: initialrunner report" % found)
        else:
            print("%s is healthy; nothing is wrong. See: initialrunner status" % plan["server"])
        return EXIT_DONE
    if past and past[-1].get("for"):
        print("stage %s waits: %s. See: initialrunner status" % (past[-1]["missing"][0]["path"], past[-1]["for"]))
        return EXIT_AGAIN
    for row in found["stages"]:
        name, state, number = row["name"], row["state"], row["attempts"]
        if state in ("running", "interrupted"):
            if found["runner"]:
                print("stage %s is running, attempt %d. See: initialrunner logs %s" % (name, number, name))
            else:
                print("stage %s was cut short, attempt %d: its runner is gone." % (name, number))
                print("Go on: initialrunner tick")
            return EXIT_AGAIN
        if state == "failed" or (state == "pending" and row["attempts"]):
            end = StageFacts(past, name).end
            how = [kind % end[key] for key, kind in (("exit_code", "exit %s"), ("signal", "signal %s")) if key in end]
            if "cause" in end:
                how.append("cause: " + end["cause"])
            says = "says: not yet" if end["result"] == "again" else end["result"]
            print("stage %s %s (%s), attempt %d." % (name, says, ", ".join(how), number))
            sys.stdout.write("".join("    %s\n" % line for line in end.get("tail", "").splitlines()[-10:]))
            if state == "failed":
                print("Run it again: initialrunner run %s --force" % name)
                return EXIT_FAILED
            print("Ask it again: initialrunner tick")
            return EXIT_AGAIN
    begun = plan.get("finished") or any(row["attempts"] for row in found["stages"])
    missing = [] if begun else Waiting(host, plan).missing()
    for one in missing:
        print("%s is %s: %s of %s bytes." % (one["path"], one["why"], one.get("have", 0), one.get("want") or "?"))
    if missing:
        print("Look again: initialrunner tick")
        return EXIT_AGAIN
    health = found.get("health", {"ok": True})
    if not health["ok"]:
        print("health check failed: %(check)s: %(saw)s" % health if health["check"] else found["reason"])
        print("Check again: initialrunner run")
        return EXIT_FAILED
    print(
        "%s is %s%s. See: initialrunner status"
        % (plan["server"], found["state"], ": " + found["reason"] if "reason" in found else "")
    )
    return EXIT_AGAIN


def run_stages(host, plan, words):
    """Run stages by hand, in the order of the plan, on the terminal's time and under the runner's lock."""
    names = [s["name"] for s in plan.get("stages", [])]
    force, start, dry = "--force" in words, None, "--dry-run" in words
    if "--from" in words:
        start = (words[words.index("--from") + 1 :] or [""])[0]
    chosen = [w for w in words if w not in ("--force", "--from", "--dry-run", start)]
    unknown = [w for w in chosen + ([] if start is None else [start]) if w not in names]
    if unknown:
        sys.stderr.write(
            "initialrunner: no stage %s; there are: %s\n" % (", ".join(map(repr, unknown)), ", ".join(names))
        )
        return 2
    if start:
        chosen = chosen or names[names.index(start) :]
    if dry:
        return say_stages(host, plan, chosen or names, force)
    if not chosen and not plan.get("finished"):
        return go_on(host, plan)
    lock = patient_lock(host, plan)
    if lock is None:
        return EXIT_AGAIN
    run = Run(host, plan)
    run.meanwhile = lambda: None
    run.by_hand()
    for stage in plan["stages"]:
        if stage["name"] not in chosen:
            continue
        gone = [
            name
            for name in stage.get("secrets", [])
            if name not in stage.get("environment", {}) and name not in os.environ
        ]
        if gone:
            sys.stderr.write(
                "initialrunner: stage %s needs %s in the environment: it was scrubbed after success\n"
                % (stage["name"], ", ".join(gone))
            )
            return EXIT_REFUSED
        given = {name: os.environ[name] for name in stage.get("secrets", []) if name in os.environ}
        plan["secrets"] = plan.get("secrets", []) + list(filter(None, given.values()))
        one = dict(stage, environment=dict(stage.get("environment", {}), **given), attempts=1)
        try:
            before = run.stages.facts(one)
            if before.open:
                run.stages.settle(one, before)
                before = run.stages.facts(one)
            if before.state in ("done", "skipped") and not force:
                print("%s is %s already; --force runs it again" % (stage["name"], before.state))
                continue
            run.stages.attempt(one, before)
        except Exception as error:
            print("%s: %s" % (stage["name"], error.args[-1]))
            return EXIT_AGAIN if isinstance(error, Again) else EXIT_FAILED
        print("%s: done. Log: initialrunner logs %s" % (stage["name"], stage["name"]))
    return EXIT_DONE


def say_stages(host, plan, names, force):
    """What `run` would do with each of these stages, and why; nothing is touched."""
    past = events_in(JOURNAL)
    older = [events_in("%s/%s" % (STATE, name)) for name in host.list(STATE) if name.startswith("journal.old.")]
    for stage in plan.get("stages", []):
        name = stage["name"]
        one = StageFacts(past, name)
        if name not in names:
            continue
        ends = [e for e in past if e["type"] == "stage.ended" and e["stage"] == name]
        when = time.strftime(" at %Y-%m-%d %H:%M:%S", time.localtime(ends[-1]["at"])) if ends else ""
        why = one.state if one.state in ("interrupted", "running") else "%s%s" % (one.state, when)
        known = [events[0] for events in older if events and name in events[0].get("digests", {})]
        if known and known[-1]["digests"][name] != stage["digest"]:
            why += "; changed since deploy " + known[-1]["deploy_id"]
        runs = force or one.state not in ("done", "skipped")
        print("%-9s %-20s %s" % ("would run" if runs else "leaves", name, why))
    return EXIT_DONE


def go_on(host, plan):
    """A tick by hand. A final failure, which ends a run, ends it no longer: the admin may have mended the cause."""
    lock = patient_lock(host, plan)
    if lock is not None:
        run = Run(host, plan)
        run.by_hand()
        if (final(run.journal.events) or {}).get("state") == "failed":
            run.state("running", reason="by hand", boot_id=host.boot_id, healed_s=run.journal.elapsed())
            unmark(host)
        os.close(lock)
        host.locked = None
    return tick(host, plan)


def unmark(host):
    """The trigger starts the bundle again."""
    for name in host.list(STATE):
        if name.startswith("ended."):
            host.remove("%s/%s" % (STATE, name))


def logs(host, plan, words):
    names = [word for word in words if word != "-f"]
    if not names:
        sys.stderr.write(
            "initialrunner: logs of which stage? there are: %s\n"
            % ", ".join(n[:-4] for n in host.list(STATE + "/logs"))
        )
        return 2
    path = "%s/logs/%s.log" % (STATE, os.path.basename(names[0]))
    if not os.path.exists(path):
        sys.stderr.write(
            "initialrunner: no log of %s; there are: %s\n"
            % (names[0], ", ".join(n[:-4] for n in host.list(STATE + "/logs")))
        )
        return 2
    at = 0
    while True:
        working, data = holder(), host.read(path)[0]
        at = 0 if len(data) < at else at  # cut meanwhile: it had grown too long
        sys.stdout.write(data[at:].decode("utf-8", "replace"))
        sys.stdout.flush()
        at = len(data)
        if "-f" not in words or not working:
            return EXIT_DONE
        time.sleep(0.2)


def report(host, plan, words):
    """Offer the whole journal to the collector now."""
    if "report" not in plan:
        print(
            "nothing to report: %s"
            % (
                "all was reported or given up, the key is gone"
                if plan.get("finished")
                else "the spec names no collector"
            )
        )
        return EXIT_DONE
    lock = host.lock(2)
    if lock is None:
        sys.stderr.write("initialrunner: pid %s is at work and reports by itself\n" % holder())
        return EXIT_AGAIN
    run = Run(host, plan)
    run.by_hand()
    taken = run.report.drain(30)
    print(
        "all %d events are with the collector" % run.report.acked if taken else "not reported: %s" % run.report.reason
    )
    return EXIT_DONE if taken else EXIT_AGAIN


def reset(host, plan, words):
    lock = patient_lock(host, plan)
    if lock is None:
        return EXIT_AGAIN
    run = Run(host, plan)
    run.by_hand()
    if run.journal.events:
        put_aside(run, "reset")
    unmark(host)
    print("the journal is put aside; every stage is pending again")
    return EXIT_DONE


def source(host, plan, words):
    sys.stdout.write((HOT + b"\n\n" + COLD).decode())
    return EXIT_DONE
