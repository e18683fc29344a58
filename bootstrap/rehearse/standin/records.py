"""The records of each unit while a copy runs: its state, the lock of its keeper, and its output."""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import asdict, dataclass, replace

from bootstrap.rehearse.standin.places import LOGS, STATES, log_of

# Lines that the stand-in itself adds to a unit's log begin with this.
MARK = "systemd (stand-in): "


@dataclass(frozen=True)
class State:
    """A unit's state. active, sub: in systemd's words; main: pid of the main process, 0 for none; keeper: its pid.

    result: success, exit-code, signal, timeout, ...; reason: one sentence for a failure; since: seconds since 1970.
    """

    active: str = "inactive"
    sub: str = "dead"
    main: int = 0
    keeper: int = 0
    result: str = "success"
    code: int = 0
    reason: str = ""
    since: float = 0.0
    restarts: int = 0
    text: str = ""


def read(name: str) -> State | None:
    """The state of a unit; None if nobody has touched it. A unit whose keeper was killed has failed."""
    try:
        with open(f"{STATES}/{name}.json", encoding="utf-8") as file:
            state = State(**json.load(file))
    except (OSError, ValueError, TypeError):
        return None
    if state.keeper and state.active in ("active", "activating", "deactivating") and not is_kept(name):
        return replace(state, active="failed", sub="failed", main=0, keeper=0, result="signal",
                       reason="its keeper was killed")  # fmt: skip
    return state


def write(name: str, state: State) -> State:
    """Record a state in one step, so that no reader sees half of it; returns it."""
    os.makedirs(STATES, mode=0o755, exist_ok=True)
    path = f"{STATES}/{name}.json"
    with open(f"{path}.{os.getpid()}", "w", encoding="utf-8") as file:
        json.dump(asdict(state), file)
    os.rename(file.name, path)
    return state


def forget(name: str) -> None:
    """Remove the record, as if nobody had touched the unit."""
    if os.path.exists(f"{STATES}/{name}.json"):
        os.unlink(f"{STATES}/{name}.json")


def names() -> list[str]:
    """The units that somebody has touched."""
    files = os.listdir(STATES) if os.path.isdir(STATES) else []
    return sorted(name[: -len(".json")] for name in files if name.endswith(".json"))


def hold(name: str) -> int | None:
    """A descriptor that holds the unit's lock while it is open; None when another has it."""
    os.makedirs(STATES, mode=0o755, exist_ok=True)
    fd = os.open(f"{STATES}/{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(fd)
        return None
    return fd


def is_kept(name: str) -> bool:
    """Whether somebody keeps the unit."""
    try:
        fd = hold(name)
    except PermissionError:
        # Only root can take the lock. For any other user the recorded state has to do.
        return True
    if fd is not None:
        os.close(fd)
    return fd is None


def wait_until_free(name: str, timeout_s: float) -> bool:
    """Wait for the unit's keeper to end."""
    end = time.monotonic() + timeout_s
    while is_kept(name):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def open_log(name: str) -> int:
    """A descriptor to append to the unit's log."""
    os.makedirs(LOGS, mode=0o755, exist_ok=True)
    return os.open(log_of(name), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)


def note(name: str, text: str) -> None:
    """Add a line of our own to the unit's log."""
    fd = open_log(name)
    os.write(fd, f"{MARK}{text}\n".encode())
    os.close(fd)


def printed(name: str, lines: int, *, with_notes: bool = True) -> list[str]:
    """The last lines of a unit's log. with_notes: together with those of the stand-in."""
    try:
        with open(log_of(name), "rb") as file:
            # Only the end is read: a service may have printed gigabytes.
            file.seek(max(0, os.fstat(file.fileno()).st_size - (1 << 16)))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    rows = [row for row in text.rstrip("\n").split("\n") if row and (with_notes or not row.startswith(MARK))]
    return rows[-lines:]


def once(topic: str) -> bool:
    """Whether a topic comes up for the first time since the copy was switched on."""
    os.makedirs(STATES, mode=0o755, exist_ok=True)
    with open(f"{STATES}/said", "a+", encoding="utf-8") as file:
        file.seek(0)
        if topic in file.read().split("\n"):
            return False
        file.write(topic + "\n")
    return True
