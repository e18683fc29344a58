"""The services that a boot of a copy starts: rc.local, cron (the real daemon or a fast clock), and a system log."""

from __future__ import annotations

import contextlib
import os
import pwd
import socket
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from bootstrap.payload import crontab
from bootstrap.payload.cronread import Entry
from bootstrap.rehearse import cronline, units
from bootstrap.runner.host import TRIGGER

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SYSLOG = "/var/log/syslog"
_CRON_D = os.path.dirname(TRIGGER)


class Services:
    """The services of one copy. spawn: starts a program (Init.spawn); cron_program: the installed daemon, if any.

    has_units: whether there is a stand-in for systemd.
    """

    def __init__(self, spawn: Callable[..., int], cron_program: str | None, *, has_units: bool = False) -> None:
        self.spawn, self.cron_program, self.has_units = spawn, cron_program, has_units
        # The copy starts only units that were enabled in it: those of the machine's boots are no part of the payload.
        self.machine_units = units.enabled() if has_units else frozenset()
        self.cron: str | None = None
        self.tick_s, self._next_tick, self._minute = 1.0, 0.0, datetime.now()
        self.log: socket.socket | None = None

    def start(self) -> None:
        """Start rc.local if it is executable, as systemd does; then the units enabled in the copy; then cron."""
        for path in ("/etc/rc.local", "/etc/rc.d/rc.local"):
            if os.access(path, os.X_OK) and os.path.isfile(path):
                self._on_console([path, "start"])
                break
        enabled = sorted(units.enabled() - self.machine_units) if self.has_units else []
        if enabled:
            self._on_console(["systemctl", "start", "--no-block", *enabled])
        if self.cron == "real" and self.cron_program:
            self._on_console([self.cron_program, "-f"])
        elif self.cron == "fast":
            self._minute = datetime.now().replace(second=0, microsecond=0)
            self._next_tick = time.monotonic() + self.tick_s
            for entry in _entries():
                if entry.schedule == cronline.REBOOT:
                    self._run(entry)

    def stop(self) -> None:
        """Start nothing more until start()."""
        self._next_tick = float("inf")
        if self.log is not None:
            self.log.close()
            self.log = None

    def patience_s(self) -> float | None:
        """Seconds until something is due; None when nothing ever is."""
        if self.cron != "fast" or self._next_tick == float("inf"):
            return None
        return max(0.0, self._next_tick - time.monotonic())

    def tick(self) -> None:
        """Pass a minute of the fast clock: start each entry that is due, even if it still runs, as cron does."""
        if self.cron != "fast" or time.monotonic() < self._next_tick:
            return
        # Ticks that were missed are not made up for: the copy would be flooded after a slow start.
        self._next_tick = max(self._next_tick + self.tick_s, time.monotonic())
        self._minute += timedelta(minutes=1)
        for entry in _entries():
            if cronline.due(entry, self._minute):
                self._run(entry)

    def _on_console(self, argv: list[str]) -> None:
        with opened("/dev/console", os.O_WRONLY | os.O_APPEND | os.O_NOCTTY) as console, opened("/dev/null") as null:
            self.spawn(argv, stdio=(null, console, console), environment={"PATH": SYSTEM_PATH, "LANG": "C.UTF-8"})

    def _run(self, entry: Entry) -> None:
        try:
            home = pwd.getpwnam(entry.user).pw_dir
        except KeyError:
            return
        variables = cronline.variables(entry, home)
        argv = [variables["SHELL"], "-c", entry.command]
        stdin = os.memfd_create("stdin")
        os.write(stdin, cronline.stdin_text(entry).encode())
        os.lseek(stdin, 0, os.SEEK_SET)
        # cron mails the output of a command; here it is appended to the user's mailbox.
        with contextlib.suppress(OSError):
            os.makedirs("/var/mail", exist_ok=True)
        with opened(f"/var/mail/{entry.user}", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW) as mail:
            self.spawn(argv, environment=variables, cwd=home, user=entry.user, stdio=(stdin, mail, mail))
        os.close(stdin)

    def listen(self) -> None:
        """Take the place of a system log: cron writes its reasons nowhere else."""
        with contextlib.suppress(OSError):
            os.unlink("/dev/log")
        log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            log.bind("/dev/log")
            os.chmod("/dev/log", 0o666)  # noqa: S103 - as every system log's
            self.log = log
        except OSError:
            log.close()

    def hear(self) -> None:
        """Append one message to the system log of the copy."""
        if self.log is None:
            return
        line = self.log.recv(65536).rstrip(b"\n\0")
        with contextlib.suppress(OSError):
            fd = os.open(_SYSLOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o640)
            os.write(fd, line + b"\n")
            os.close(fd)


@contextlib.contextmanager
def opened(path: str, flags: int = os.O_RDONLY) -> Iterator[int]:
    """A descriptor of a file of the copy, or of memory if it cannot be opened: a payload may have broken anything."""
    try:
        fd = os.open(path, flags, 0o600)
    except OSError:
        fd = os.memfd_create("lost")
    try:
        yield fd
    finally:
        os.close(fd)


def _entries() -> list[Entry]:
    """All entries of the files in cron.d that cron would read now."""
    entries: list[Entry] = []
    with contextlib.suppress(OSError):
        for name in sorted(os.listdir(_CRON_D)):
            path = f"{_CRON_D}/{name}"
            with contextlib.suppress(OSError):
                info = os.stat(path)
                if cronline.refusal(name, info.st_mode, info.st_uid, info.st_nlink) is None:
                    entries += crontab.parse(Path(path).read_bytes()).entries
    return entries
