"""Starts, stops and reloads units: what `systemctl` does with one of them."""

from __future__ import annotations

import contextlib
import fcntl
import fnmatch
import glob
import json
import os
import signal
import sys
from collections.abc import Iterator

from bootstrap.rehearse.standin import conditions, keeper, records, unitfiles
from bootstrap.rehearse.standin.accounts import account_of, spawn
from bootstrap.rehearse.standin.commands import BadUnit, commands, environment
from bootstrap.rehearse.standin.places import ETC, HOME, STATES, full_name
from bootstrap.rehearse.standin.records import State
from bootstrap.rehearse.standin.skipped import say, say_what_is_not_done
from bootstrap.rehearse.standin.unitfiles import NoUnit, Unit

_CODE = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); from bootstrap.rehearse.standin.keeper import main; "
    "main(sys.argv[2], int(sys.argv[1]))"
)
# The rehearsal itself stands for these: it ticks as cron does, and the others need systemd as the first process.
_STOOD_FOR = ("cron.service", "crond.service", "dbus.service", "dbus-*.service", "systemd-*.service", "getty@*",
              "serial-getty@*")  # fmt: skip
_STOP_S = 4000.0


class Refused(Exception):
    """Something could not be done; the one argument is what people read."""


def stands_for(name: str) -> bool:
    """Whether a unit's program is never started, since the rehearsal takes its place."""
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in _STOOD_FOR)


def state(unit: Unit) -> State:
    """The unit's state. A unit that nobody has touched is inactive, unless the rehearsal stands for it."""
    recorded = records.read(unit.name)
    if recorded is not None:
        return recorded
    # A target or a slice of the system counts as reached; one that the payload made does not.
    is_there = stands_for(unit.name) or (unit.kind in ("target", "slice") and not unit.path.startswith(ETC))
    return State("active", "running" if unit.kind == "service" else "active") if is_there else State()


@contextlib.contextmanager
def job(name: str) -> Iterator[None]:
    """Lock a unit: only one process at a time may change it."""
    os.makedirs(STATES, mode=0o755, exist_ok=True)
    with open(f"{STATES}/{name}.job", "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def start(name: str, *, wait: bool = True, because: tuple[str, ...] = ()) -> None:
    """Start a unit and what it requires. because: the units whose start asks for it. Raises Refused and NoUnit."""
    unit = unitfiles.load(name)
    if state(unit).active == "active":
        return
    say_what_is_not_done(unit)
    if unit.kind in ("mount", "automount", "swap"):
        raise Refused(f"{unit.name}: a rehearsal mounts nothing")
    # A failed assertion is an error; a condition that is not met only skips the unit.
    unmet = conditions.unmet(unit, "Assert")
    if unmet:
        raise Refused(f"Assertion failed on job for {unit.name}: {unmet}")
    unmet = conditions.unmet(unit, "Condition")
    if unmet:
        say(f"{unit.name} was skipped because of an unmet condition check ({unmet})")
        records.note(unit.name, f"{unit.name} was skipped because of an unmet condition check ({unmet})")
        return
    if not stands_for(unit.name):
        _start_needed(unit, because)
    if unit.kind != "service" or stands_for(unit.name):
        if stands_for(unit.name) and records.once(f"{unit.name} stands"):
            say(f"{unit.name}: counts as active; its program is not started, since the rehearsal takes its place")
        records.write(unit.name, State("active", "active" if unit.kind != "service" else "running"))
        return
    with job(unit.name):
        if state(unit).active not in ("active", "activating"):
            _keep(unit, wait)


def _start_needed(unit: Unit, because: tuple[str, ...]) -> None:
    """Start the units that a unit requires or wants. A target of the system itself pulls nothing in."""
    if unit.kind == "target" and not unit.path.startswith(("/etc/", "/run/")):
        return
    needed = dict.fromkeys(unit.words("Unit", "Requires") + unit.words("Unit", "BindsTo"), True)
    optional = unit.words("Unit", "Wants")
    for number, kind in enumerate(("requires", "wants")):
        for path in sorted(glob.glob(f"/*/systemd/system/{glob.escape(unit.name)}.{kind}/*")):
            optional += [os.path.basename(path)] if number else []
            needed.update({} if number else {os.path.basename(path): True})
    for name in [*needed, *optional]:
        # Units may require each other.
        if full_name(name) in (*because, unit.name):
            continue
        try:
            start(name, because=(*because, unit.name))
        except (Refused, NoUnit) as error:
            # A unit that is only wanted may fail, or be missing.
            if name in needed:
                raise Refused(f"A dependency job for {unit.name} failed: {error}") from error


def _keep(unit: Unit, wait: bool) -> None:
    """Start the process that keeps a service, and wait for its answer."""
    read_end, write_end = os.pipe()
    os.set_inheritable(write_end, True)
    pid = os.fork()
    if pid == 0:
        # The second fork makes the keeper nobody's child here, so that nobody waits for it.
        if os.fork():
            os._exit(0)
        try:
            os.setsid()
            os.chdir("/")
            nothing = os.open("/dev/null", os.O_RDWR)
            for fd in (0, 1, 2):
                os.dup2(nothing, fd)
            # debconf, for one, waits until nobody holds the pipe that it has given to a maintainer script.
            os.closerange(3, write_end)
            os.closerange(write_end + 1, os.sysconf("SC_OPEN_MAX"))
            keeper.begin(unit.name, [sys.executable, "-I", "-S", "-c", _CODE, HOME, str(write_end)])
        finally:
            os._exit(1)
    os.waitpid(pid, 0)
    os.close(write_end)
    with os.fdopen(read_end, encoding="utf-8") as file:
        line = file.readline() if wait else '{"ok": true}'
    answer = json.loads(line) if line else {"ok": False, "text": "its keeper has ended"}
    if not answer["ok"]:
        raise Refused(failure_text(unit.name, str(answer["text"])))
    if answer.get("text"):
        say(str(answer["text"]))


def failure_text(name: str, reason: str) -> str:
    """The message of a failed start, with the last lines that the unit printed."""
    rows = [f"    {row}" for row in records.printed(name, 5, with_notes=False)]
    printed = [f"The last lines of {name}:", *rows] if rows else [f"{name} has printed nothing."]
    return "\n".join([f"Job for {name} failed: {reason}", *printed])


def stop(name: str, *, wait: bool = True) -> None:
    """Stop a unit; nothing where it is not running. Raises NoUnit."""
    try:
        unit = unitfiles.load(name)
    except NoUnit:
        # A unit may still run although its file is gone or masked.
        if records.read(full_name(name)) is None:
            raise
        unit = Unit(full_name(name), "")
    current = state(unit)
    if unit.kind != "service" or stands_for(unit.name):
        records.write(unit.name, State())
        return
    if current.active not in ("active", "activating", "deactivating"):
        return
    # The keeper stops the service; this process only asks, and waits for the keeper's end.
    with job(unit.name) if wait else contextlib.nullcontext():
        with contextlib.suppress(ProcessLookupError):
            os.kill(current.keeper, signal.SIGTERM)
        if wait and not records.wait_until_free(unit.name, _STOP_S):
            raise Refused(f"{unit.name} does not stop")


def reload(name: str) -> None:
    """Run ExecReload=. Raises Refused where there is none or it fails, and NoUnit."""
    unit = unitfiles.load(name)
    current = state(unit)
    if stands_for(unit.name):
        return
    if current.active != "active":
        if not records.read(unit.name) and _is_enabled(unit):
            say(f"{unit.name}: started first; a server would have started it at boot, a copy does not")
            start(unit.name)
            current = state(unit)
        else:
            raise Refused(f"{unit.name} is not active, cannot reload.")
    lines = commands(unit, "ExecReload")
    if not lines:
        raise Refused(f"Failed to reload {unit.name}: Job type reload is not applicable for unit {unit.name}.")
    account = account_of(unit)
    variables = {**environment(unit, account.variables), "MAINPID": str(current.main)}
    log = records.open_log(unit.name)
    with job(unit.name):
        for command in lines:
            _, status = os.waitpid(spawn(unit, command, account, variables, log), 0)
            if status and not command.may_fail:
                raise Refused(failure_text(unit.name, f"ExecReload= ended with exit {keeper.exit_of(status)}"))
    os.close(log)


def _is_enabled(unit: Unit) -> bool:
    return bool(glob.glob(f"{ETC}/*.wants/{glob.escape(unit.name)}"))


def restart(name: str, *, only_if_active: bool = False, wait: bool = True) -> None:
    """Stop a unit and start it again. Raises Refused and NoUnit."""
    unit = unitfiles.load(name)
    current = state(unit)
    if only_if_active and current.active not in ("active", "activating"):
        return
    if current.active != "inactive":
        stop(unit.name)
    start(unit.name, wait=wait)


def kill(name: str, number: int) -> None:
    """Send a signal to the unit's main process, if it has one."""
    main = state(unitfiles.load(name)).main
    if main:
        keeper.hit([main], number)


def can_reload(unit: Unit) -> bool:
    """Whether the unit has an ExecReload=."""
    try:
        return bool(commands(unit, "ExecReload"))
    except BadUnit:
        return False
