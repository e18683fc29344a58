"""Runs the admin's verbs, and `install`, the default when the bundle is run without arguments, as user-data does."""

import os

from bootstrap.runner.bundle import COLD, HOT, TEXT
from bootstrap.runner.contract import EXIT_AGAIN, EXIT_DONE, EXIT_FAILED
from bootstrap.runner.host import BUNDLE, STUB, TRIGGER
from bootstrap.runner.later.byhand import report, reset, run_stages, source, watched_tick
from bootstrap.runner.later.doctor import doctor
from bootstrap.runner.later.leaving import clean
from bootstrap.runner.later.opening import earlier
from bootstrap.runner.later.show import logs, status, why
from bootstrap.runner.later.spare import history, timeline, verify
from bootstrap.runner.terminal import guard, refuse
from bootstrap.runner.tick.files import digest, trigger_text
from bootstrap.runner.tick.history import final
from bootstrap.runner.tick.journal import JOURNAL, events_in
from bootstrap.runner.tick.run import Run, tick

USAGE = """usage: initialrunner VERB
  status [--json]  show every stage: its state, start, duration and result
  why  explain why the server is not healthy, and what to do
  logs [STAGE] [-f]  print the output of stages; -f follows it while a runner is at work
  timeline [--blame]  show what took how long; --blame: the longest first
  history  list every journal of this host
  verify  compare the placed files with the plan
  doctor [--fix]  find out why nothing starts or is reported; --fix repairs what is safe
  run [STAGE...] [--from STAGE] [--force] [--dry-run]  continue, or run these stages; --force: also those that are done
  tick  continue, as cron does every minute
  report  send events that the collector does not have
  reset  set the journal aside and start over
  source [MODULE]  print the source of this runner"""


def admin(host, plan, verb, words):
    """Run one verb and return its exit code."""
    verbs = {
        "install": install, "tick": finished if plan.get("finished") else watched_tick, "status": status, "why": why,
        "run": run_stages, "logs": logs, "report": report, "reset": reset, "source": source, "doctor": doctor,
        "timeline": timeline, "history": history, "verify": verify,
    }  # fmt: skip
    guard()
    try:
        about = "".join(line[2:] for line in USAGE.splitlines() if line.split()[0] == verb)
        wrong = misused(about.split("  ")[0], words)
        if {"help", "-h", "--help"} & {verb, *words}:
            print("usage: initialrunner " + about if about else USAGE)
        elif verb == "--version":
            print("initialrunner %s" % digest(HOT + COLD)[:12])
        elif verb not in verbs:
            return refuse("no verb %r\n%s" % (verb, USAGE), 2)
        elif wrong:
            return refuse("%s takes no %s\nusage: initialrunner %s" % (verb, wrong[0], about), 2)
        elif os.geteuid() and verb != "source":
            return refuse("only root can read the journal; try: sudo initialrunner " + verb, 2)
        else:
            return verbs[verb](host, plan, words) or 0
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 141  # as if the signal had come, which Python ignores
    except OSError as error:
        return refuse(error, EXIT_FAILED)
    return 0


def misused(signature, words):
    """The words on the command line that a verb does not take, by its line of the usage."""
    names = [word for word in words if word[:1] != "-"]
    # A verb takes any number of names (written "..."), one (a word in capitals) or none.
    allowed = names + signature.replace("[", "").replace("]", "").split()
    most = 99 if "..." in signature else not signature.islower()
    return [word for word in words if word not in allowed] + names[most:]


def finished(host, plan, words):
    """Repeat the last steps of a success, in case a kill came between them: the tick of the scrubbed runner.

    A trigger that names the bundle itself has come back after success, from a backup or an agent. It is removed, unless
    its bundle has come back too, or this machine is a clone, which needs both.
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
        # Run from user-data, the bundle is in no file that a trigger could start again.
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
        # The caller may be cloud-init, which waits for every process that holds its output: ours is /dev/null now.
        try:
            # A boothook starts early: file systems may not be mounted yet. Exit code 3 means "not active yet";
            # without systemd the code is another one, and there is nothing to wait for.
            end = host.uptime() + 300
            while host.run(["systemctl", "is-active", "-q", "basic.target"]) == 3 and host.uptime() < end:
                host.pause(1)
            tick(host, plan)
        finally:
            os._exit(0)
    return EXIT_DONE


def overtaken(run, past):
    """Whether a newer deploy has replaced this bundle, which cloud-init starts again at every boot."""
    host, deploy_id = run.host, run.plan["deploy_id"]
    text = host.text(TRIGGER)
    other = (past and past[0].get("deploy_id") != deploy_id) or ("sha256sum" in text and run.sha256 not in text)
    # Another deploy alone proves nothing: this bundle may be the newer one. It is the older one if it has run before.
    return other and any(events[0].get("deploy_id") == deploy_id for events in earlier(host) + ([past] if past else []))
