"""Takes turns with the trigger: gets the runner's lock for an admin, and makes the trigger start the bundle again."""

import fcntl

from bootstrap.runner.host import LOCK, STATE
from bootstrap.runner.terminal import refuse
from bootstrap.runner.tick.journal import JOURNAL, events_in


def holder():
    """The pid of the runner at work, None when there is none."""
    try:
        with open(LOCK) as file:
            pid = file.read().strip()
            # The pid alone proves nothing, since a killed runner leaves it in the file: the kernel's lock does.
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return pid
    except OSError:
        pass
    return None


def patient_lock(host, plan):
    """Take the lock, printing which runner has it until then. None after the plan's own deadline."""
    end, printed = host.uptime() + max(60, plan["deadline_s"]), None
    while host.uptime() < end:
        lock = host.lock(1)
        if lock is not None:
            return lock
        pid, starts = holder(), [e for e in events_in(JOURNAL) if e["type"] == "stage.started"]
        doing = "pid %s is at work%s" % (pid, ", stage %s" % starts[-1]["stage"] if starts else "")
        if doing != printed:
            printed = doing
            refuse(doing + "; waiting for it (Ctrl-C stops waiting)", 0)
    return None


def unmark(host):
    """Remove the marks of an end, so that the trigger starts the bundle again."""
    for name in host.list(STATE):
        if name.startswith("ended."):
            host.remove("%s/%s" % (STATE, name))
