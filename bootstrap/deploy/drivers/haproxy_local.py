"""The real HAProxy: its admin socket, its configuration file, and its reload."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bootstrap.deploy.drivers.haproxy_stat import one_line
from bootstrap.deploy.durable import sync_folder
from bootstrap.deploy.faults import Broken, Busy, Denied, Unknown

ANSWER_S = 5.0
RELOAD_S = 20.0
# HAProxy lives in /usr/sbin, which users' PATH may lack.
FOLDERS = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin"))
# While a reload is under way the old process answers some connections, and the new one others.
NEW_IN_A_ROW = 3


class LocalProcess:
    """A HAProxy whose file is on this machine. socket: a path, or HOST:PORT; reload: see the settings."""

    def __init__(self, config: str, socket: str, reload: str | None = None) -> None:
        # A file that is reached by a link is replaced where it really is, and the link stays.
        self._path = Path(os.path.realpath(config))
        self._socket, self._reload = socket, reload

    # --- the socket -------------------------------------------------------------------------------------------------

    def ask(self, command: str) -> str:
        """The answer to one command. Raises Denied, and Unknown when none came."""
        where = f"the admin socket {self._socket}"
        try:
            connection = self._connected()
        except PermissionError as error:
            raise Denied(f"this user may not use {where}: {error.strerror}") from error
        except (OSError, ValueError) as error:
            raise Unknown(f"nobody answers on {where}: {error}; is HAProxy running?") from error
        with connection:
            try:
                connection.sendall(command.encode() + b"\n")
                answer = b"".join(iter(lambda: connection.recv(65536), b""))
            except OSError as error:
                raise Unknown(f"the answer to `{command}` on {where} was lost: {error}") from error
        text = answer.decode(errors="replace")
        if not text.endswith("\n"):
            raise Unknown(f"the answer to `{command}` on {where} was cut short: {one_line(text)}")
        return text

    def _connected(self) -> socket.socket:
        if "/" not in self._socket:
            host, _, port = self._socket.rpartition(":")
            return socket.create_connection((host.strip("[]"), int(port)), ANSWER_S)
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(ANSWER_S)
            connection.connect(self._socket)
        except OSError:
            connection.close()
            raise
        return connection

    # --- the file ---------------------------------------------------------------------------------------------------

    def read_file(self) -> str:
        """The file's text; bytes that are no UTF-8 stay as they are when it is written again."""
        with self._faults("read"):
            return self._path.read_bytes().decode("utf-8", "surrogateescape")

    def write_file(self, before: str, after: str, *, check: bool = False) -> None:
        """Put one text in place of another: a new file is made, synced and renamed, with owner and mode of the old."""
        if self.read_file() != before:
            raise Busy(f"somebody else has changed {self._path} just now")
        # The name is the same each time, so that a killed program leaves one file, which the next one replaces.
        new = self._path.with_name(f".{self._path.name}.initialrunner")
        with self._faults("write"):
            new.unlink(missing_ok=True)
            try:
                with open(new, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                    file.write(after.encode("utf-8", "surrogateescape"))
                    self._keep_rights(file.fileno(), new)
                    os.fsync(file.fileno())
                if check:
                    self._judge(new)
                new.replace(self._path)
            except BaseException:
                new.unlink(missing_ok=True)
                raise
            sync_folder(self._path.parent)

    def _keep_rights(self, descriptor: int, new: Path) -> None:
        old = self._path.stat()
        os.fchown(descriptor, old.st_uid, old.st_gid)
        # Mode and extended attributes, such as the label by which SELinux lets HAProxy read it.
        shutil.copystat(self._path, new)
        os.utime(descriptor)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold a kernel lock on the file's folder, since the file itself is replaced. It ends with this process."""
        with self._faults("lock"):
            folder = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise Busy(f"another deployer is changing {self._path}") from error
            yield
        finally:
            os.close(folder)

    @contextmanager
    def _faults(self, verb: str) -> Iterator[None]:
        try:
            yield
        except PermissionError as error:
            raise Denied(f"this user may not {verb} {error.filename or self._path}: {error.strerror}") from error
        except OSError as error:
            raise Broken(f"cannot {verb} {error.filename or self._path}: {error.strerror}") from error

    # --- the process ------------------------------------------------------------------------------------------------

    def reload(self) -> None:
        """Reload, and wait until only the new process answers. Raises Broken when it does not come."""
        old = self._pid()
        if self._reload:
            _run(self._reload)
        else:
            self._signal(self._master(old))
        end, new_in_a_row = time.monotonic() + RELOAD_S, 0
        while new_in_a_row < NEW_IN_A_ROW:
            if time.monotonic() >= end:
                raise Broken(
                    f"HAProxy was told to reload, but after {RELOAD_S:.0f} s its process {old} still answers; its log "
                    "says why the new one did not start"
                )
            with suppress(Unknown):
                new_in_a_row = new_in_a_row + 1 if self._pid() != old else 0
            self.pause(0.05)

    def _pid(self) -> int:
        lines = self.ask("show info").splitlines()
        pid = next((line.split()[1] for line in lines if line.startswith("Pid: ")), "")
        if not pid.isdecimal():
            raise Broken(f"HAProxy answered `show info` with: {one_line(' '.join(lines))}")
        return int(pid)

    def _master(self, pid: int) -> int:
        """The master process of a worker on this machine."""
        try:
            parent = int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
            names = [Path(f"/proc/{number}/comm").read_text(encoding="utf-8").strip() for number in (pid, parent)]
        except (OSError, ValueError, IndexError):
            names = []
        if len(set(names)) != 1:
            raise Broken(
                f"HAProxy has to be reloaded, and its process {pid} has no master on this machine: set "
                "`cloud.haproxy.reload` to a command that reloads it"
            )
        return parent

    def _signal(self, master: int) -> None:
        """Send SIGUSR2 once the master listens for it: one that is about to start, or to reload, ignores it."""
        end = time.monotonic() + RELOAD_S
        try:
            while not _catches(master, signal.SIGUSR2) and time.monotonic() < end:
                self.pause(0.02)
            os.kill(master, signal.SIGUSR2)
        except PermissionError as error:
            text = f"this user may not signal HAProxy's master process {master}: set `cloud.haproxy.reload`"
            raise Denied(text) from error
        except OSError as error:
            raise Unknown(f"HAProxy's master process {master} has ended: {error.strerror}") from error

    def _judge(self, path: Path) -> None:
        """Let HAProxy read a file without starting; where it is not installed nobody can say. Raises Broken."""
        program = shutil.which("haproxy", path=FOLDERS)
        if program is None:
            return
        import subprocess

        done = subprocess.run(
            [program, "-c", "-f", str(path)],
            env=self._environment(), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        if done.returncode:
            alerts = [line for line in (done.stderr + done.stdout).splitlines() if "ALERT" in line]
            raise Broken(f"HAProxy would not start with the new file: {one_line(' '.join(alerts[:3]) or done.stderr)}")

    def _environment(self) -> dict[str, str]:
        """The environment of the running HAProxy, whose variables its file may name; ours where it cannot be read."""
        try:
            folder = Path(f"/proc/{self._pid()}")
            if (folder / "comm").read_text(encoding="utf-8").strip() != "haproxy":
                return dict(os.environ)
            pairs = (folder / "environ").read_bytes().decode("utf-8", "surrogateescape").split("\0")
        except OSError:
            return dict(os.environ)
        return dict(pair.split("=", 1) for pair in pairs if "=" in pair)

    def pause(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)


def _catches(pid: int, number: int) -> bool:
    """Whether a process has a handler for a signal."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    caught = next(line for line in lines if line.startswith("SigCgt:"))
    return bool(int(caught.split()[1], 16) >> (number - 1) & 1)


def _run(command: str) -> None:
    import subprocess

    try:
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired as error:
        raise Unknown(f"`{command}` did not end within 60 s") from error
    if done.returncode:
        words = one_line(done.stderr or done.stdout)
        raise Broken(f"`{command}` ended with {done.returncode}: {words}")
