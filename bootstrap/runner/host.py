"""The machine as the runner sees it: every other module takes a Host, so that tests can put another in its place."""

import fcntl
import os
import time

from bootstrap.runner.console import Console
from bootstrap.runner.disk import Disk
from bootstrap.runner.processes import Processes

STATE = "/var/lib/initialrunner"
LOCK = "/run/initialrunner.lock"
BUNDLE = "/etc/initialrunner/bundle"
STUB = "/etc/initialrunner/stub"  # what fetches a bundle too large to be injected
TRIGGER = "/etc/cron.d/initialrunner"
COMMAND = "/usr/local/sbin/initialrunner"


class Host(Disk, Processes, Console):
    """One machine: its clocks, its identity and its lock here, its disk, processes and console in modules of theirs."""

    def __init__(self):
        self.boot_id = (self.text("/proc/sys/kernel/random/boot_id") or "none").strip()

    def now(self):
        """Return the wall clock's seconds since 1970. It may be wrong, or jump: only people are shown it."""
        return time.time()

    def uptime(self):
        """Return the seconds since boot, not counting suspension; never goes back, whatever the clock does."""
        return time.monotonic()

    def ids(self):
        """Return (product_uuid, machine-id) of this host, each "" where it has none."""
        uuid = self.text("/sys/class/dmi/id/product_uuid").strip().lower()
        if len(set(uuid.replace("-", ""))) < 3 or uuid.startswith("03000200-0400-0500"):
            uuid = ""  # zeros, ff, and the placeholder of unset firmware
        machine = self.text("/etc/machine-id").strip()
        return uuid, machine if len(machine) == 32 else ""

    def lock(self, patience_s=0.3):
        """Take the one lock and return its descriptor; None when another process has it.

        The kernel frees it when its holder dies. The trigger tries it for an instant, hence the patience.
        """
        fd = self.open(LOCK, os.O_RDWR | os.O_CREAT)
        os.fchmod(fd, 0o600)
        end = self.uptime() + patience_s
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # The pid is for people who look; flock alone decides whose lock it is.
                os.ftruncate(fd, 0)
                os.write(fd, b"%d" % os.getpid())
                self.locked = fd
                return fd
            except BlockingIOError:
                if self.uptime() > end:
                    os.close(fd)
                    return None
                time.sleep(0.02)
