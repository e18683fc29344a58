"""The first process of a copy: builds it, gives up every power over the machine, then starts, reaps and reboots.

It is run by `unshare`, as process 1 of the new namespaces, with one socket as its link to the outside. It ends when
that closes, and the kernel then ends everything else in the copy. Every import is done before the move into the copy,
whose files are not ours.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import select
import signal
import socket
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bootstrap.rehearse import fileops, filesystem
from bootstrap.rehearse.services import SYSTEM_PATH, Services
from bootstrap.rehearse.syscalls import keep_capabilities, loopback_up
from bootstrap.rehearse.wire import Message, receive, send

# A usual container keeps these, and MKNOD. SYS_PTRACE is added: it reaches only the copy's own processes, and root
# needs it for /proc/PID/environ of other users. Left out on purpose: SYS_ADMIN (mounting would undo the
# read-only /sys and reach devtmpfs), DAC_READ_SEARCH (open_by_handle_at reads past mounts), NET_ADMIN (even in its own
# network, `iptables -L` makes the kernel load modules, which the machine keeps), SYS_RESOURCE, SYS_NICE, SYSLOG,
# SYS_TIME, SYS_BOOT, SYS_RAWIO, SYS_MODULE, AUDIT_CONTROL, BPF, PERFMON, MAC_*. apt, dpkg, cron, su and apache do
# without; a stage that mounts, sets a sysctl, the host name or a firewall fails with "Operation not permitted".
KEPT = frozenset({
    "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "NET_BIND_SERVICE",
    "SYS_CHROOT", "SYS_PTRACE", "AUDIT_WRITE", "SETFCAP",
})  # fmt: skip
# As systemd has them: SIGRTMIN+5 asks for a reboot, SIGRTMIN+4 for power off. The shims in filesystem.py send them.
REBOOT, POWER_OFF = 39, 38
_GRACE_S = 2.0


class Init:
    """Process 1. link: the socket to the outside; options: see Copy."""

    def __init__(self, link: socket.socket, tree: filesystem.Tree, options: dict[str, Any]) -> None:
        self.link, self.tree = link, tree
        self.boots, self.boot_id, self.on = 0, "", False
        self.waiting: dict[int, socket.socket] = {}  # pid -> the socket for its exit code
        self.power_signal: int | None = None
        self.events: list[dict[str, Any]] = []
        self.writers = fileops.Writers()
        self.services = Services(self.spawn, options["cron_program"], has_units=tree.has_units)

    # --- the loop ---

    def serve(self) -> None:
        """Run until the outside is gone."""
        woken, wake = os.pipe()
        for fd in (woken, wake):
            os.set_blocking(fd, False)
        # A signal writes a byte to this pipe, so that select() below does not miss one that comes just before it.
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, REBOOT, POWER_OFF):
            signal.signal(number, self.note)
        self.power(on=True)
        send(self.link, {"ready": True})
        while True:
            log = self.services.log
            listening = [self.link.fileno(), woken, *([log.fileno()] if log else [])]
            ready = select.select(listening, [], [], self.services.patience_s())[0]
            if log is not None and log.fileno() in ready:
                self.services.hear()
            with contextlib.suppress(BlockingIOError):
                os.read(woken, 4096)
            self.reap()
            if self.power_signal is not None:
                self.turn_off_or_reboot()
            if self.link.fileno() in ready:
                message = receive(self.link)
                if message is None:
                    return
                self.answer(message)
            self.start_what_is_due(self.services.tick)

    @staticmethod
    def start_what_is_due(start: Callable[[], None]) -> None:
        """Start something, or report that it cannot be started: a payload may use up processes, disk or descriptors."""
        try:
            start()
        except OSError as error:
            print(f"process 1: {error}", file=sys.stderr, flush=True)

    def note(self, number: int, _frame: object) -> None:
        if number != signal.SIGCHLD:
            self.power_signal = number

    def answer(self, message: Message) -> None:
        """Carry out one request. Its first descriptor is the socket for the answer."""
        body, fds = message
        reply = socket.socket(fileno=fds[0])
        try:
            answered = getattr(self, "do_" + str(body.pop("do")))(reply, fds[1:], **body)
            if answered is not None:
                send(reply, answered)
        except Exception as error:
            # A fault in one request must not end process 1, and the whole copy with it.
            with contextlib.suppress(OSError):
                send(reply, {"error": f"{type(error).__name__}: {error}", "errno": getattr(error, "errno", None)})
        finally:
            for fd in fds[1:]:
                os.close(fd)
            # do_run keeps its socket until the program has ended.
            if reply not in self.waiting.values():
                reply.close()

    # --- processes ---

    def spawn(
        self,
        argv: list[str],
        *,
        stdio: tuple[int, int, int],
        environment: dict[str, str] | None = None,
        cwd: str = "/",
        user: str = "root",
        umask: int = 0o022,
    ) -> int:
        """Start a program in a session of its own; its pid. A program that is not there ends with 127."""
        pid = os.fork()
        if pid:
            return pid
        try:
            for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGPIPE, REBOOT, POWER_OFF):
                signal.signal(number, signal.SIG_DFL)
            os.setsid()
            for number, fd in enumerate(stdio):
                os.dup2(fd, number)
            if user != "root":
                account = pwd.getpwnam(user)
                os.initgroups(user, account.pw_gid)
                os.setgid(account.pw_gid)
                os.setuid(account.pw_uid)
            os.umask(umask)
            os.chdir(cwd)
            variables = {"PATH": SYSTEM_PATH} if environment is None else environment
            os.execvpe(argv[0], argv, variables)  # noqa: S606 - no shell is the point
        except BaseException as error:
            os.write(2, f"{argv[0]}: {error}\n".encode())
        finally:
            os._exit(127)

    def reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            reply = self.waiting.pop(pid, None)
            if reply:
                # The caller may have stopped listening.
                with contextlib.suppress(OSError):
                    send(reply, {"code": os.waitstatus_to_exitcode(status)})
                reply.close()

    def kill_all(self, *, gently: bool) -> None:
        """End every process but this one. From here kill(-1) reaches all of the copy, and nothing else."""
        if gently:
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGTERM)
            end = time.monotonic() + _GRACE_S
            while self.others() and time.monotonic() < end:
                time.sleep(0.01)
                self.reap()
        # Again and again: a process may have forked while the kernel went through the list.
        while self.others():
            with contextlib.suppress(ProcessLookupError):
                os.kill(-1, signal.SIGKILL)
            self.reap()
            time.sleep(0.001)

    @staticmethod
    def others() -> list[int]:
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and name != "1"]

    # --- power ---

    def power(self, *, on: bool) -> None:
        """Set the copy to the state after a power switch: /run and /tmp empty, a new boot id, nothing running."""
        self.writers.drop()
        self.services.stop()
        self.on = on
        if not on:
            return
        for folder in ("/run", "/tmp", "/dev/shm"):  # noqa: S108 - the copy's own
            fileops.clear(folder)
        with contextlib.suppress(OSError):
            os.makedirs("/run/lock", exist_ok=True)
            os.chmod("/run/lock", 0o1777)  # noqa: S103 - as on every Debian
            if self.tree.has_units:
                # Scripts and packages recognise systemd by this folder.
                os.makedirs("/run/systemd/system")
        self.boots += 1
        self.boot_id = str(uuid.uuid4())
        # This file is not in the tree of the copy any more, so it is opened below a descriptor.
        fd = os.open("boot_id", os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW, dir_fd=self.tree.scratch)
        os.write(fd, self.boot_id.encode() + b"\n")
        os.close(fd)
        self.services.listen()

    def turn_off_or_reboot(self) -> None:
        is_reboot, self.power_signal = self.power_signal == REBOOT, None
        self.kill_all(gently=True)
        self.power(on=is_reboot)
        self.events.append({"type": "reboot" if is_reboot else "off", "at": time.time(), "boots": self.boots})
        if self.on:
            self.start_what_is_due(self.services.start)

    # --- requests: do_NAME(socket for the answer, descriptors, the fields of the message) ---

    def do_run(self, reply: socket.socket, fds: list[int], **options: Any) -> None:
        pid = self.spawn(stdio=(fds[0], fds[1], fds[2]), **options)
        # The answer's socket stays open for the exit code, which comes later.
        self.waiting[pid] = reply
        send(reply, {"pid": pid})

    def do_kill(self, _reply: socket.socket, _fds: list[int], pid: int, number: int) -> dict[str, Any]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        return {}

    def do_boot(self, _reply: socket.socket, _fds: list[int], cron: str | None, tick_s: float) -> dict[str, Any]:
        self.services.cron, self.services.tick_s = cron, tick_s
        if not self.on:
            self.power(on=True)
        self.start_what_is_due(self.services.start)
        return {}

    def do_reboot(self, _reply: socket.socket, _fds: list[int]) -> dict[str, Any]:
        self.power_signal = REBOOT
        self.turn_off_or_reboot()
        return {}

    def do_cut(self, _reply: socket.socket, _fds: list[int]) -> dict[str, Any]:
        self.kill_all(gently=False)
        self.power(on=False)
        return {}

    def do_status(self, _reply: socket.socket, _fds: list[int]) -> dict[str, Any]:
        return {"boots": self.boots, "boot_id": self.boot_id, "on": self.on, "pids": self.others(),
                "events": self.events[-100:]}  # fmt: skip

    def do_put(self, _reply: socket.socket, fds: list[int], **options: Any) -> dict[str, Any]:
        return self.writers.put(fds[0], **options)

    def do_hold(self, _reply: socket.socket, _fds: list[int], path: str, mode: int) -> dict[str, Any]:
        return self.writers.hold(path, mode)

    def do_chunk(self, _reply: socket.socket, fds: list[int], path: str) -> dict[str, Any]:
        return self.writers.chunk(fds[0], path)

    def do_release(self, _reply: socket.socket, _fds: list[int], path: str) -> dict[str, Any]:
        return self.writers.release(path)

    def do_get(self, reply: socket.socket, _fds: list[int], path: str) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        send(reply, {}, [fd])
        os.close(fd)

    def do_dmi(self, _reply: socket.socket, _fds: list[int], values: dict[str, str]) -> dict[str, Any]:
        folder = os.open("dmi", os.O_RDONLY | os.O_DIRECTORY, dir_fd=self.tree.scratch)
        fileops.replace_all(folder, values)
        os.close(folder)
        return {}

    def do_scratch(self, reply: socket.socket, _fds: list[int]) -> None:
        send(reply, {}, [self.tree.scratch])

    def do_connect(self, reply: socket.socket, _fds: list[int], address: str, port: int) -> None:
        """Hand out a connection in the copy's network: nothing outside has to listen for it."""
        # Not create_connection(): looking up a name imports codecs, which are out of reach by now.
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
            connection.settimeout(5)
            connection.connect((address, port))
            connection.settimeout(None)
            send(reply, {}, [connection.fileno()])


def main() -> None:
    """Process 1: argv[1] is the descriptor of the link; the options come over it."""
    link = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(link.fileno(), False)
    message = receive(link)
    if message is None:
        return
    options, _ = message
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        os.umask(0o022)
        socket.sethostname(str(options["server"]))
        if options["network"] == "none":
            loopback_up()
        # cron's pam_loginuid sets the audit id of a log-in. Without AUDIT_CONTROL it may only while that is unset.
        with contextlib.suppress(OSError):
            Path("/proc/self/loginuid").write_text("4294967295", encoding="ascii")
        tree = filesystem.build(str(options["work"]), options)
        keep_capabilities(KEPT | ({"NET_RAW"} if options["network"] == "none" else frozenset()))
    except Exception as error:
        send(link, {"error": f"{type(error).__name__}: {error}", "errno": getattr(error, "errno", None)})
        return
    Path("/proc/self/comm").write_text("init", encoding="ascii")
    # No file of the machine stays open; a traceback of ours goes to the copy's console.
    for fd, path, flags in ((0, "/dev/null", os.O_RDONLY), (1, "/dev/console", 0), (2, "/dev/console", 0)):
        opened = os.open(path, flags or os.O_WRONLY | os.O_APPEND | os.O_NOCTTY)
        os.dup2(opened, fd)
        os.close(opened)
    Init(link, tree, options).serve()
