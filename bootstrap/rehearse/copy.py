"""A throwaway copy of this machine, or of another root file system: its own processes, disks, network and identity.

Everything in it lives in a tmpfs and in the namespaces of one process; when that process ends, all of it is gone.
Nothing here writes through a path of the copy: files go in and come out by descriptor.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bootstrap.client.own_collector import child
from bootstrap.errors import HostError, UsageError
from bootstrap.rehearse.wire import receive, send
from bootstrap.runner.host import STATE

JOURNAL = STATE + "/journal"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_START_S = 30.0
_LARGEST_BYTES = 1 << 28
# Process 1 must not depend on the caller's environment or working folder, hence -I and the path by hand.
_INIT = "import sys; sys.path.insert(0, sys.argv.pop(1)); from bootstrap.rehearse.inside import main; main()"


class Copy:
    """One copy. Use as `with Copy("web-1") as copy:`; it is switched on, with nothing injected and no cron running.

    units: with the stand-in for systemd, where the system is one of systemd's.
    network: "none" (its own loopback) or "host". size: of the tmpfs for what is written, as tmpfs takes it.
    root: a folder with another root file system, a mounted image say, to copy in place of this machine's; as root only.
    machine_id: 32 hex digits, random unless given; dmi: files of /sys/class/dmi/id, none unless given.
    Raises UsageError where the machine lacks what a copy needs, HostError when the kernel refuses.
    """

    def __init__(
        self,
        server: str = "copy-1",
        *,
        network: str = "none",
        size: str = "50%",
        machine_id: str | None = None,
        dmi: Mapping[str, str] | None = None,
        root: Path | None = None,
        units: bool = False,
    ) -> None:
        self.server, self.network = server, network
        self._options = {
            "server": server, "network": network, "size": size, "machine_id": machine_id, "dmi": dict(dmi or {}),
            "privileged": os.geteuid() == 0, "cron_program": cron_program(root),
            "disk": str(root.resolve()) if root else "", "units": units,
        }  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None
        self._work: Path | None = None

    # --- life ---

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Build the copy and switch it on."""
        if not sys.platform.startswith("linux") or not shutil.which("unshare"):
            raise UsageError("a rehearsal needs Linux and unshare", hint="apt-get install util-linux")
        if self.network == "host" and not self._options["privileged"]:
            raise UsageError("--network host needs root", hint="run it as root, or leave the network out")
        if self._options["disk"]:
            self._check_disk(Path(str(self._options["disk"])))
        # A short path without odd characters: overlay options are separated by commas and colons.
        self._work = Path(tempfile.mkdtemp(prefix="initialrunner-"))
        our_end, their_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        argv = ["unshare", "--mount", "--pid", "--ipc", "--uts", "--cgroup", "--fork", "--kill-child=KILL"]
        argv += [] if self.network == "host" else ["--net"]
        argv += [] if self._options["privileged"] else ["--user", "--map-root-user"]
        argv += [sys.executable, "-I", "-S", "-c", _INIT, str(_tree_root()), str(their_end.fileno())]
        try:
            # A session of its own, so that Ctrl-C at the terminal reaches the caller, which cleans up, and not this.
            self._process = subprocess.Popen(
                argv, pass_fds=[their_end.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE, env={"PATH": SYSTEM_PATH}, cwd="/", start_new_session=True,
            )  # fmt: skip
            their_end.close()
            self._link = our_end
            # If the process ended at once, its answer or its stderr tells more than a broken pipe.
            with contextlib.suppress(BrokenPipeError):
                send(our_end, {**self._options, "work": str(self._work)})
            self._expect_ready()
        except BaseException:
            their_end.close()
            our_end.close()
            self.stop()
            raise

    def _check_disk(self, disk: Path) -> None:
        if not self._options["privileged"]:
            raise UsageError("a copy of another root file system needs root", hint="run it as root")
        if not os.path.lexists(disk / "bin/sh"):
            raise UsageError(
                f"{disk} holds no root file system: there is no {disk}/bin/sh",
                hint="mount the image there, or make one: mmdebstrap --include=cron,python3 bookworm DIR",
            )

    def _expect_ready(self) -> None:
        assert self._link is not None
        assert self._process is not None
        assert self._process.stderr is not None
        self._link.settimeout(_START_S)
        answer = receive(self._link)
        self._link.settimeout(None)
        if answer is None:
            lines = self._process.stderr.read().decode(errors="replace").strip().splitlines()
            raise self._refused(lines[-1] if lines else "the first process of the copy ended")
        if "error" in answer[0]:
            raise self._refused(str(answer[0]["error"]))

    def _refused(self, reason: str) -> HostError:
        if self._options["privileged"]:
            hint = "a copy needs the rights to mount and to make namespaces: in a container, run it --privileged"
        else:
            hint = "this kernel may not give users namespaces of their own: run it as root"
        return HostError(f"cannot make a copy of this machine: {reason}", hint=hint)

    def stop(self) -> None:
        """End every process of the copy and remove it. A second call does nothing."""
        if self._link is not None:
            # Process 1 ends when its link closes, and the kernel ends all others of the copy before that one is reaped.
            self._link.close()
            self._link = None
        if self._process is not None:
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            if self._process.stderr is not None:
                self._process.stderr.close()
            self._process = None
        if self._work is not None:
            # The folder is empty on this machine: everything on it was mounted in the copy's own view.
            with contextlib.suppress(OSError):
                self._work.rmdir()
            self._work = None

    @property
    def pid(self) -> int:
        """The copy's first process, as this machine counts it."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text(encoding="ascii")
        return int(children.split()[0])

    def _send(self, do: str, fds: Sequence[int] = (), **body: Any) -> socket.socket:
        if self._link is None:
            raise HostError("the copy is not running")
        # Each request has a socket of its own for the answer: a long run must not hold up the next request.
        our_end, their_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            send(self._link, {"do": do, **body}, [their_end.fileno(), *fds])
        except OSError as error:
            our_end.close()
            raise HostError("the copy is gone") from error
        finally:
            their_end.close()
        return our_end

    def _ask(self, do: str, fds: Sequence[int] = (), **body: Any) -> tuple[dict[str, Any], list[int]]:
        with self._send(do, fds, **body) as reply:
            return _answer(receive(reply))

    # --- power ---

    def boot(self, *, cron: str | None = "fast", tick_s: float = 1.0) -> None:
        """Start what a boot starts: rc.local if it is executable, and cron.

        cron: "real" (the installed daemon), "fast" (a minute lasts tick_s), or None. Raises UsageError when "real" is
        asked for and no cron is installed. A copy that is off is switched on.
        """
        if cron == "real" and not self._options["cron_program"]:
            raise UsageError("--cron real: no cron is installed here", hint="apt-get install cron, or use --cron fast")
        if cron == "real" and not self._options["privileged"]:
            # cron sets the groups of every job, which a user's own namespace does not allow.
            raise UsageError("--cron real needs root", hint="run it as root, or use --cron fast")
        self._ask("boot", cron=cron, tick_s=tick_s)

    def reboot(self) -> None:
        """Do what `reboot` does: TERM, KILL, empty /run and /tmp, a new boot id, and a boot with the same cron."""
        self._ask("reboot")

    def power_cut(self) -> None:
        """SIGKILL everything at once; the copy stays off until boot(). Every write stays, synced or not."""
        self._ask("cut")

    def status(self) -> dict[str, Any]:
        """{"boots", "boot_id", "on", "pids", "events"}. events: reboots and switch-offs asked for from inside."""
        return self._ask("status")[0]

    # --- processes ---

    def run(
        self,
        argv: Sequence[str],
        *,
        input: bytes = b"",
        environment: Mapping[str, str] | None = None,
        cwd: str = "/",
        user: str = "root",
        umask: int = 0o022,
        timeout_s: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program inside and wait for it, but not for its children. It has no environment but `environment`.

        Raises subprocess.TimeoutExpired after timeout_s; the program is killed then.
        """
        stdin = _memory(input)
        pipes = [os.pipe(), os.pipe()]
        try:
            reply = self._send(
                "run", [stdin, pipes[0][1], pipes[1][1]], argv=list(argv), cwd=cwd, user=user, umask=umask,
                environment=None if environment is None else dict(environment),
            )  # fmt: skip
            for _, write in pipes:
                os.close(write)
            pipes = [(read, -1) for read, _ in pipes]
            with reply:
                pid = int(_answer(receive(reply))[0]["pid"])
                code, texts = self._collect(reply, pipes[0][0], pipes[1][0], time.monotonic() + timeout_s)
            out, err = (text.decode(errors="replace") for text in texts)
            if code is None:
                self.kill(pid)
                raise subprocess.TimeoutExpired(list(argv), timeout_s, out, err)
            return subprocess.CompletedProcess(list(argv), code, out, err)
        finally:
            os.close(stdin)
            for fd in (fd for pair in pipes for fd in pair if fd >= 0):
                os.close(fd)

    @staticmethod
    def _collect(reply: socket.socket, out: int, err: int, end: float) -> tuple[int | None, list[bytes]]:
        """The exit code (None: out of time) and the output up to then."""
        texts = {out: bytearray(), err: bytearray()}
        open_fds = {out, err}
        code: int | None = None
        while code is None and (remaining_s := end - time.monotonic()) > 0:
            ready = select.select([reply.fileno(), *open_fds], [], [], remaining_s)[0]
            for fd in open_fds & set(ready):
                block = os.read(fd, 1 << 16)
                texts[fd] += block
                if not block:
                    open_fds.discard(fd)
            if reply.fileno() in ready:
                message = receive(reply)
                code = -signal.SIGKILL if message is None else int(_answer(message)[0]["code"])
        # The program has ended, but its last output may still be in the pipes. A child may hold them open for ever.
        for fd in open_fds:
            while select.select([fd], [], [], 0)[0] and (block := os.read(fd, 1 << 16)):
                texts[fd] += block
        return code, [bytes(texts[out]), bytes(texts[err])]

    def kill(self, pid: int, number: int = signal.SIGKILL) -> None:
        """Send a signal to one process of the copy, by the copy's own count."""
        self._ask("kill", pid=pid, number=number)

    # --- files ---

    def put(
        self, path: str, data: bytes, *, mode: int = 0o644, owner: tuple[int, int] = (0, 0), method: str = "rename"
    ) -> float:
        """Write a file, and the folders above it; returns the monotonic time at which its last byte was there.

        method: "rename" (a temporary name beside it, as injection agents do), "direct" (in place) or "append".
        """
        held = _memory(data)
        try:
            answer, _ = self._ask("put", [held], path=path, mode=mode, owner=owner, method=method)
        finally:
            os.close(held)
        return float(answer["at"])

    def hold(self, path: str, *, mode: int = 0o644) -> None:
        """Make an empty file and keep it open for writing, until release()."""
        self._ask("hold", path=path, mode=mode)

    def chunk(self, path: str, data: bytes) -> float:
        """Append to a held file; returns the monotonic time of that."""
        held = _memory(data)
        try:
            return float(self._ask("chunk", [held], path=path)[0]["at"])
        finally:
            os.close(held)

    def release(self, path: str) -> None:
        """Close a held file."""
        self._ask("release", path=path)

    def read(self, path: str) -> bytes | None:
        """A regular file of the copy; None when there is none. Raises HostError when it cannot be read."""
        reply = self._send("get", path=path)
        with reply:
            message = receive(reply)
        # A component of the path may be a file, which is no error of the caller either.
        if message is not None and message[0].get("errno") in (errno.ENOENT, errno.ENOTDIR):
            return None
        fd = _answer(message)[1][0]
        # A payload may have put a pipe or /dev/zero there, which would hold us for ever.
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise HostError(f"in the copy: {path} is not a regular file")
        with os.fdopen(fd, "rb") as file:
            return file.read(_LARGEST_BYTES)

    def journal(self) -> list[dict[str, Any]]:
        """The runner's journal, as far as its lines are whole; [] before there is one."""
        return journal_events(self.read(JOURNAL) or b"")

    def set_dmi(self, values: Mapping[str, str]) -> None:
        """Replace the files of /sys/class/dmi/id. The machine must have that folder, or `dmi` must have been given."""
        self._ask("dmi", values=dict(values))

    def keep(self, folder: Path) -> None:
        """Save every file that was written in the copy to `folder`, by layer number; links stay links."""
        _, fds = self._ask("scratch")
        try:
            subprocess.run(
                ["cp", "-a", f"/proc/self/fd/{fds[0]}/upper/.", str(folder)], pass_fds=fds, check=True,
                capture_output=True,
            )  # fmt: skip
        finally:
            os.close(fds[0])

    # --- network ---

    def connect(self, port: int, address: str = "127.0.0.1") -> socket.socket:
        """A connection to a port of the copy's loopback. Nothing outside listens for it."""
        _, fds = self._ask("connect", address=address, port=port)
        return socket.socket(fileno=fds[0])

    @contextlib.contextmanager
    def in_its_network(self, argv: Sequence[str], **popen: Any) -> Iterator[subprocess.Popen[bytes]]:
        """Run a program of this machine, on this machine's files, in the copy's network. It ends with the block."""
        enter: list[str] = []
        if self.network != "host":
            user = [] if self._options["privileged"] else ["--user", "--preserve-credentials"]
            enter = ["nsenter", *user, "--net", "--target", str(self.pid), "--"]
        with child([*enter, *argv], **popen) as process:
            yield process


def cron_program(root: Path | None = None) -> str | None:
    """The cron daemon installed on this machine, or below root: cron (Debian) or crond (RHEL, Alpine)."""
    top = str(root).rstrip("/") if root else ""
    path = ":".join(top + folder for folder in SYSTEM_PATH.split(":"))
    program = shutil.which("cron", path=path) or shutil.which("crond", path=path)
    return program[len(top) :] if program else None


def journal_events(data: bytes) -> list[dict[str, Any]]:
    """The events of a journal's text. A torn last line is left out; the checksum is the runner's business."""
    events = []
    for line in data.split(b"\n")[:-1]:
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict):
                events.append({key: value for key, value in event.items() if key != "crc"})
    return events


def _answer(message: tuple[dict[str, Any], list[int]] | None) -> tuple[dict[str, Any], list[int]]:
    if message is None:
        raise HostError("the copy is gone")
    if "error" in message[0]:
        raise HostError(f"in the copy: {message[0]['error']}")
    return message


def _memory(data: bytes) -> int:
    """A descriptor of nameless memory holding data, read from its start."""
    fd = os.memfd_create("data")
    with os.fdopen(os.dup(fd), "wb") as file:
        file.write(data)
    # The offset is shared with the process that gets the descriptor.
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _tree_root() -> Path:
    return Path(__file__).resolve().parents[2]
