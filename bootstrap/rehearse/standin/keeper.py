"""Keeps one service: starts its programs, watches the main one, starts it again or stops it as its unit says.

Each service has one such process, which does the work of systemd's first process. It ends when the service is neither
active nor about to be. The caller reads one line of JSON on the descriptor that it has passed.
"""

from __future__ import annotations

import contextlib
import glob
import json
import os
import signal
import socket
import time
from collections.abc import Callable
from typing import NoReturn

from bootstrap.rehearse.standin import records
from bootstrap.rehearse.standin.accounts import account_of, make_folders, remove_runtime_folders, spawn
from bootstrap.rehearse.standin.commands import BadUnit, Command, commands, environment, seconds
from bootstrap.rehearse.standin.places import STATES
from bootstrap.rehearse.standin.records import State
from bootstrap.rehearse.standin.unitfiles import Unit, load

_PR_SET_CHILD_SUBREAPER = 36
_WATCHED = {signal.SIGCHLD, signal.SIGTERM}
# Signals by which a service ends well when it is stopped: systemd.service(5), SuccessExitStatus=.
_GENTLE = {signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE}
_RESTARTS = {
    "always": {"success", "exit-code", "signal", "timeout", "protocol"},
    "on-success": {"success"},
    "on-failure": {"exit-code", "signal", "timeout", "protocol"},
    "on-abnormal": {"signal", "timeout", "protocol"},
    "on-abort": {"signal"},
}


class Failure(Exception):
    """A service that did not start or has ended badly.

    result: systemd's word for it; reason: a sentence; code: the exit code or signal, 0 without one.
    """

    def __init__(self, result: str, reason: str, code: int = 0) -> None:
        super().__init__(reason)
        self.result, self.reason, self.code = result, reason, code


class Skip(Exception):
    """An ExecCondition= that is not met: nothing is started, and nothing has failed."""


class Stop(Exception):
    """A request to stop the service."""


def main(name: str, reply: int) -> None:
    """Run the keeper's process to its end. reply: a descriptor for the answer to the caller."""
    with contextlib.suppress(OSError), open("/proc/self/comm", "w", encoding="ascii") as file:
        # A check for a process of Python must not take this one for it.
        file.write("systemd")
    # The programs that are started must not inherit it: the caller reads until nobody holds it.
    os.set_inheritable(reply, False)
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    with contextlib.suppress(OSError, AttributeError, ImportError):
        import ctypes

        # Daemons that leave their parent become children of this process, which then sees how they end.
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    end = time.monotonic() + 5
    while (lock := records.hold(name)) is None:
        if time.monotonic() > end:
            answer_to(reply, ok=False, text="another keeper does not let go of it")
            return
        time.sleep(0.02)
    Keeper(load(name), reply).run()
    os.close(lock)


def answer_to(reply: int, **fields: object) -> None:
    """Answer the caller, who may be gone."""
    with contextlib.suppress(OSError):
        os.write(reply, json.dumps(fields).encode() + b"\n")


class Keeper:
    """One service from start to end. Every method that waits may raise Stop."""

    def __init__(self, unit: Unit, reply: int) -> None:
        self.unit, self.reply = unit, reply
        self.state = State(keeper=os.getpid())
        self.ended: dict[int, int] = {}  # pid -> wait status
        self.shall_stop, self.heeds_stop = False, True
        self.notes: socket.socket | None = None
        self.is_ready = False
        self.log = records.open_log(unit.name)
        self.environment: dict[str, str] = {}

    # --- life ---

    def run(self) -> None:
        """Start the service, watch it, and start it again as often as its unit wants."""
        starts: list[float] = []
        while True:
            starts.append(time.monotonic())
            reason = ""
            try:
                self.start()
                self.answer(ok=True)
                self.watch()
                result = "success"
            except Stop:
                result = "stopped"
            except Skip as skipped:
                self.answer(ok=True, text=str(skipped))
                break
            except (Failure, BadUnit, OSError) as error:
                failure = error if isinstance(error, Failure) else Failure("resources", str(error))
                result, reason = failure.result, failure.reason
                self.set(result=result, reason=reason, code=failure.code)
                records.note(self.unit.name, reason)
                self.answer(ok=False, text=reason)
            self.stop(result)
            if self.shall_stop or not self.wants_restart(result, starts):
                break
        if self.state.result == "success" or self.shall_stop:
            self.set(active="inactive", sub="dead", keeper=0, main=0, result="success")
        else:
            self.set(active="failed", sub="failed", keeper=0, main=0)

    def answer(self, **fields: object) -> None:
        """Answer the caller, who waits for the first start only."""
        if self.reply >= 0:
            answer_to(self.reply, **fields)
            os.close(self.reply)
            self.reply = -1

    def set(self, **changes: object) -> None:
        """Change the unit's recorded state, which every `systemctl` reads."""
        if changes.get("active") not in (None, self.state.active):
            changes.setdefault("since", time.time())
        self.state = records.write(self.unit.name, State(**{**self.state.__dict__, **changes}))

    def wants_restart(self, result: str, starts: list[float]) -> bool:
        """Wait before the next start; False when there is to be none."""
        policy = self.text("Restart", "no")
        if result not in _RESTARTS.get(policy, set()):
            return False
        # systemd's defaults: five starts within ten seconds.
        window = seconds(self.unit.last("Unit", "StartLimitIntervalSec"), 10)
        most = int(self.unit.last("Unit", "StartLimitBurst") or self.text("StartLimitBurst", "5"))
        if len([at for at in starts if time.monotonic() - at < window]) >= most:
            self.set(result="start-limit-hit")
            records.note(self.unit.name, f"{self.unit.name}: Start request repeated too quickly.")
            return False
        self.set(active="activating", sub="auto-restart", main=0, restarts=self.state.restarts + 1)
        try:
            self.until(lambda: False, seconds(self.text("RestartSec"), 0.1))
        except Stop:
            self.set(result="success")
            return False
        return True

    # --- starting ---

    def start(self) -> None:
        """Run all commands up to the point at which the type counts as started. Raises Failure, BadUnit and Stop."""
        account = account_of(self.unit)
        self.environment = environment(self.unit, account.variables)
        self.environment.update(make_folders(self.unit, account))
        self.set(active="activating", sub="start-pre", result="success", reason="", code=0)
        try:
            self.run_all("ExecCondition")
        except Failure as failure:
            # Exit 255 and a signal are failures: systemd.service(5), ExecCondition=.
            if failure.result == "exit-code" and failure.code != 255:
                raise Skip(f"{self.unit.name} was skipped: {failure.reason}") from failure
            raise
        self.run_all("ExecStartPre")
        self.set(sub="start")
        kind = self.kind
        if kind == "oneshot":
            self.run_all("ExecStart")
        elif kind == "forking":
            self.run_all("ExecStart")
            self.set(main=self.forked_main())
        else:
            self.start_main(kind)
        self.set(sub="start-post")
        self.run_all("ExecStartPost")
        if self.state.main or kind == "forking":
            self.set(active="active", sub="running")
        elif self.unit.flag("Service", "RemainAfterExit"):
            self.set(active="active", sub="exited")

    def start_main(self, kind: str) -> None:
        """Start the one long-running program, and wait for it as its type demands."""
        lines = commands(self.unit, "ExecStart")
        if len(lines) != 1:
            raise BadUnit(f"{self.unit.name}: a service of type {kind} needs exactly one ExecStart=")
        if kind.startswith("notify"):
            self.listen()
        (command,) = lines
        pid = self.spawn(command)
        self.set(main=pid)
        if not kind.startswith("notify"):
            return
        if not self.until(lambda: self.hear() or pid in self.ended, self.start_timeout()):
            raise Failure("timeout", f"{self.unit.name}: it has not sent READY=1 in time")
        if not self.is_ready:
            self.judge(command, self.ended[pid], "protocol")

    def listen(self) -> None:
        """Open the socket for READY=1."""
        path = f"{STATES}/{self.unit.name}.notify"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self.notes = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notes.bind(path)
        os.chmod(path, 0o666)  # noqa: S103 - the service may be any user's
        self.notes.setblocking(False)
        self.is_ready = False
        self.environment["NOTIFY_SOCKET"] = path

    def hear(self) -> bool:
        """Read the messages of the service; whether it is ready."""
        if self.notes is None:
            return False
        with contextlib.suppress(BlockingIOError):
            while True:
                for line in self.notes.recv(4096).decode("utf-8", "replace").split("\n"):
                    key, _, value = line.partition("=")
                    if (key, value) == ("READY", "1"):
                        self.is_ready = True
                    elif key == "MAINPID" and value.isdigit():
                        self.set(main=int(value))
                    elif key == "STATUS":
                        self.set(text=value)
        return self.is_ready

    def forked_main(self) -> int:
        """The main process of a daemon that has left its parent: the one in PIDFile=, else the only one that runs."""
        path = self.pid_file()
        if not path:
            pids = self.members()
            return pids[0] if len(pids) == 1 else 0
        if not self.until(lambda: pid_in(path) > 0, min(self.start_timeout(), 90)):
            raise Failure("protocol", f"{self.unit.name}: there is no pid in {path}, its PIDFile=")
        return pid_in(path)

    def pid_file(self) -> str:
        """PIDFile=, "" for none."""
        path = self.text("PIDFile")
        return path if path.startswith("/") or not path else f"/run/{path}"

    def run_all(self, key: str) -> None:
        """Run the commands of one key, one after the other. Raises Failure for one that fails and may not."""
        for command in commands(self.unit, key):
            pid = self.spawn(command)
            # A oneshot service may take all the time it wants, as with systemd.
            if not self.until(lambda: pid in self.ended, self.start_timeout()):  # noqa: B023 - used at once
                raise Failure("timeout", f"{self.unit.name}: {key}= {command.words[0]} has taken too long")
            if not command.may_fail:
                self.judge(command, self.ended.pop(pid), "exit-code")

    def judge(self, command: Command, status: int, otherwise: str) -> None:
        """Raise Failure for a program that has ended badly, or at all where it should not have."""
        name = f"{self.unit.name}: {command.words[0]}"
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            raise Failure("signal", f"{name} was killed by signal {signal.Signals(number).name}", number)
        code = os.WEXITSTATUS(status)
        if code or otherwise == "protocol":
            raise Failure("exit-code" if code else otherwise, f"{name} ended with exit {code}", code)

    # --- running ---

    def watch(self) -> None:
        """Watch until the main process ends; return when it ended well. Raises Failure when it did not, and Stop."""
        # A oneshot service that leaves nothing behind.
        if self.state.active != "active":
            return
        if self.state.main:
            status = self.main_end()
            if self.ended_well(status):
                records.note(self.unit.name, f"{self.unit.name}: its main process has ended, exit {exit_of(status)}")
            else:
                self.judge(Command(("its main process",)), status, "exit-code")
            if not self.unit.flag("Service", "RemainAfterExit"):
                return
            self.set(main=0, sub="exited")
        elif self.kind == "forking" and self.members() and not self.unit.script:
            self.until(lambda: not self.members(), float("inf"))
            if not self.unit.flag("Service", "RemainAfterExit"):
                return
            self.set(sub="exited")
        self.until(lambda: False, float("inf"))

    def main_end(self) -> int:
        """Wait for the end of the main process; its wait status. A daemon may put another one in its place."""
        while True:
            main = self.state.main
            self.until(lambda: (self.hear(), self.has_ended(main) or self.state.main != main)[1], float("inf"))  # noqa: B023
            successor = self.state.main if self.state.main != main else pid_in(self.pid_file())
            if successor == main or successor not in self.members():
                return self.ended.pop(main, 0)
            self.set(main=successor)

    def has_ended(self, pid: int) -> bool:
        """Whether a process has ended. It may be no child of this one, so that no wait status comes."""
        return pid in self.ended or not os.path.exists(f"/proc/{pid}")

    def ended_well(self, status: int) -> bool:
        """Exit 0, a signal that asks for the end, or what SuccessExitStatus= allows."""
        allowed = self.unit.words("Service", "SuccessExitStatus")
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            return number in _GENTLE or signal.Signals(number).name in allowed
        return os.WEXITSTATUS(status) == 0 or str(os.WEXITSTATUS(status)) in allowed

    # --- stopping ---

    def stop(self, result: str) -> None:
        """End the processes that are left, as KillMode= says, then run ExecStopPost=."""
        self.heeds_stop = False
        if result == "stopped":
            self.set(active="deactivating", sub="stop")
            self.quietly("ExecStop")
        patience = min(seconds(self.text("TimeoutStopSec") or self.text("TimeoutSec"), 90), 3600)
        mode, number = self.text("KillMode", "control-group"), signal_of(self.text("KillSignal", "SIGTERM"))
        main = [pid for pid in [self.state.main] if pid and not self.has_ended(pid)]
        if mode != "none":
            hit(main if mode in ("mixed", "process") else self.members() or main, number)
            waits = (lambda: not main or self.has_ended(main[0])) if mode == "process" else lambda: not self.members()
            # mixed: the main process gets the gentle signal, all others SIGKILL once it has ended.
            if mode == "mixed":
                self.until(lambda: not main or self.has_ended(main[0]), patience)
                hit(self.members(), signal.SIGKILL)
            if not self.until(waits, patience):
                records.note(self.unit.name, f"{self.unit.name}: its processes did not end in time and are killed")
                hit(self.members() if mode != "process" else main, signal.SIGKILL)
                self.until(waits, 5)
        self.quietly("ExecStopPost")
        remove_runtime_folders(self.unit)
        if self.notes is not None:
            self.notes.close()
            self.notes = None
        self.heeds_stop = True

    def quietly(self, key: str) -> None:
        """Run the commands of one key; their failure changes nothing."""
        with contextlib.suppress(Failure, BadUnit, OSError):
            self.run_all(key)

    def members(self) -> list[int]:
        """The living processes of the service: all descendants of this one, whatever session they are in."""
        parents: dict[int, list[int]] = {}
        for path in glob.glob("/proc/[0-9]*/stat"):
            with contextlib.suppress(OSError, ValueError), open(path, encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
                # A zombie runs no more, and holds nothing up.
                if fields[0] != "Z":
                    parents.setdefault(int(fields[1]), []).append(int(path.split("/")[2]))
        pids, todo = [], [os.getpid()]
        while todo:
            children = parents.get(todo.pop(), [])
            pids += children
            todo += children
        return sorted(pids)

    # --- waiting ---

    def until(self, question: Callable[[], bool], timeout_s: float) -> bool:
        """Whether question() came true in time. Raises Stop when the service shall be stopped."""
        end = time.monotonic() + timeout_s
        while True:
            self.reap()
            if question():
                return True
            if self.shall_stop and self.heeds_stop:
                raise Stop
            remaining_s = end - time.monotonic()
            if remaining_s <= 0:
                return False
            # The end of a child wakes this process at once. Other processes, PID files and messages are polled.
            is_slow = self.state.active == "active"
            info = signal.sigtimedwait(_WATCHED, min(remaining_s, 1.0 if is_slow else 0.05))
            self.shall_stop = self.shall_stop or (info is not None and info.si_signo == signal.SIGTERM)

    def reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                self.ended[pid] = status

    # --- words of the unit ---

    @property
    def kind(self) -> str:
        """Type=, with systemd's default."""
        return self.text("Type", "simple" if commands(self.unit, "ExecStart") else "oneshot")

    def text(self, key: str, default: str = "") -> str:
        return self.unit.last("Service", key, default)

    def start_timeout(self) -> float:
        """The seconds that a start may take."""
        default = float("inf") if self.kind == "oneshot" else 90.0
        return seconds(self.text("TimeoutStartSec") or self.text("TimeoutSec"), default)

    def spawn(self, command: Command) -> int:
        more = {"MAINPID": str(self.state.main)} if self.state.main else {}
        pid = spawn(self.unit, command, account_of(self.unit), {**self.environment, **more}, self.log)
        # The kernel may have given it the pid of an earlier process, whose end is still recorded.
        self.ended.pop(pid, None)
        return pid


def hit(pids: list[int], number: int) -> None:
    """Send a signal to each process that still runs, then SIGCONT, so that a stopped one acts on it."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            os.kill(pid, signal.SIGCONT)


def signal_of(name: str) -> int:
    """`SIGTERM`, `TERM` or `15` as a number."""
    if name.isdigit():
        return int(name)
    return int(getattr(signal, name if name.startswith("SIG") else f"SIG{name}", signal.SIGTERM))


def exit_of(status: int) -> int:
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def pid_in(path: str) -> int:
    """The pid in a file, if such a process runs; else 0."""
    try:
        with open(path, encoding="ascii") as file:
            pid = int(file.read().split()[0])
    except (OSError, ValueError, IndexError):
        return 0
    return pid if os.path.exists(f"/proc/{pid}") else 0


def begin(name: str, argv: list[str]) -> NoReturn:
    """Become the keeper of a unit: argv, with nothing of the caller's environment."""
    os.execve(argv[0], ["systemd", *argv[1:], name], {"PATH": os.environ.get("PATH", "")})  # noqa: S606
