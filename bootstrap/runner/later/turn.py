"""Whose turn it is: the lock for somebody at a terminal, and what they put right before the trigger's turn comes."""

from bootstrap.runner.host import LOCK, STATE
from bootstrap.runner.terminal import refuse
from bootstrap.runner.tick.journal import JOURNAL, events_in


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


def patient_lock(host, plan):
    """The lock; while another runner has it, who that is and what it does. None after the plan's own deadline."""
    end, told = host.uptime() + max(60, plan["deadline_s"]), None
    while host.uptime() < end:
        lock = host.lock(1)
        if lock is not None:
            return lock
        pid, begun = holder(), [e for e in events_in(JOURNAL) if e["type"] == "stage.started"]
        doing = "pid %s is at work%s" % (pid, ", stage %s" % begun[-1]["stage"] if begun else "")
        if doing != told:
            told = doing
            refuse(doing + "; waiting for it (Ctrl-C gives up)", 0)
    return None


def unmark(host):
    """The trigger starts the bundle again."""
    for name in host.list(STATE):
        if name.startswith("ended."):
            host.remove("%s/%s" % (STATE, name))
