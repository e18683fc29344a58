"""A real HAProxy that does what Octavia's objects say. Used by Octavia's provider: the standard library alone.

Its file is written from all of them, and read again when its ports or monitors change; members come, drain and go by
its runtime API.
"""

from __future__ import annotations

import csv
import io
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

# A monitor's seconds are shortened for all pools alike, so that a test need not wait for them.
CHECK = "check inter 200ms fall 2 rise 2"
HEAD = """global
  stats socket {socket} mode 600 level admin expose-fd listeners
  hard-stop-after 10s
defaults
  timeout connect 1s
  timeout client 30s
  timeout server 30s
  timeout check 1s
  retries 3
  option redispatch
"""
STATES = {"UP": "ONLINE", "DOWN": "ERROR", "DRAIN": "DRAINING", "MAINT": "OFFLINE", "no check": "NO_MONITOR"}


@dataclass(frozen=True)
class Listener:
    """A port that clients connect to."""

    address: str
    port: int
    mode: str
    pool: str


@dataclass(frozen=True)
class Backend:
    """A pool. path: what its monitor asks for, None: the monitor only connects; is_monitored: whether it has one."""

    id: str
    mode: str
    is_monitored: bool
    path: str | None


@dataclass(frozen=True)
class Member:
    """A server of a pool. weight 0: it drains."""

    id: str
    pool: str
    address: str
    port: int
    weight: int

    @property
    def name(self) -> str:
        """Its name in HAProxy."""
        return f"m-{self.id}"


class Balancer:
    """One HAProxy for all load balancers."""

    def __init__(self, folder: Path) -> None:
        self._socket, self._file = folder / "haproxy.sock", folder / "haproxy.cfg"
        self._ports: frozenset[Listener | Backend] = frozenset()
        self._members: dict[str, Member] = {}
        self._write()
        # It ends with this process, and its worker with it.
        argv = ["setpriv", "--pdeathsig", "KILL", "haproxy", "-W", "-db", "-f", str(self._file)]
        self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
        self._until_it_answers()

    def apply(self, ports: frozenset[Listener | Backend], members: dict[str, Member]) -> None:
        """Make HAProxy serve these."""
        before, self._members = self._members, members
        if ports != self._ports:
            self._ports = ports
            self._write()
            self._process.send_signal(signal.SIGUSR2)
            self._until_reloaded()
            return
        self._write()
        for member in before.values():
            if member.id not in members:
                self._take_out(member)
        for member in members.values():
            if member.id not in before:
                self._put_in(member)
            elif before[member.id].weight != member.weight:
                self._say(f"set server {member.pool}/{member.name} state {_state(member)}")

    def states(self) -> dict[str, str]:
        """The operating status of each member that HAProxy knows, in Octavia's words."""
        rows = csv.DictReader(io.StringIO(self._say("show stat").lstrip("# ")))
        words = {row["svname"].removeprefix("m-"): row["status"] for row in rows if row["svname"].startswith("m-")}
        return {member: STATES.get(word, STATES.get(word.split(" ")[0], "ERROR")) for member, word in words.items()}

    def _put_in(self, member: Member) -> None:
        server = f"{member.pool}/{member.name}"
        is_monitored = self._is_monitored(member.pool)
        answer = self._say(f"add server {server} {member.address}:{member.port} {CHECK if is_monitored else ''}")
        if "registered" not in answer:
            raise RuntimeError(f"add server {server}: {answer}")
        if is_monitored:
            self._say(f"enable health {server}")
        self._say(f"set server {server} state {_state(member)}")
        if is_monitored:
            # HAProxy calls it up until a check fails. Here it is up when checks say so, as behind any other Octavia.
            self._say(f"set server {server} health down")

    def _take_out(self, member: Member) -> None:
        server = f"{member.pool}/{member.name}"
        self._say(f"set server {server} state maint")
        self._say(f"shutdown sessions server {server}")
        deadline = time.monotonic() + 2
        # The file names it no more; that it is in use still is only untidy.
        while "deleted" not in self._say(f"del server {server}").lower() and time.monotonic() < deadline:
            time.sleep(0.05)

    def _is_monitored(self, pool: str) -> bool:
        return any(isinstance(port, Backend) and port.id == pool and port.is_monitored for port in self._ports)

    def _write(self) -> None:
        text = HEAD.format(socket=self._socket)
        for number, port in enumerate(sorted(self._ports, key=repr)):
            text += "".join(f"{line}\n" for line in self._section(number, port))
        part = self._file.with_suffix(".part")
        part.write_text(text)
        part.rename(self._file)

    def _section(self, number: int, port: Listener | Backend) -> list[str]:
        if isinstance(port, Listener):
            bind = f"  bind {port.address}:{port.port}"
            return [f"frontend f-{number}", f"  mode {port.mode}", bind, f"  default_backend {port.pool}"]
        lines = [f"backend {port.id}", f"  mode {port.mode}", "  balance roundrobin"]
        if port.path is not None:
            lines += [f"  option httpchk GET {port.path}", "  http-check expect status 200"]
        for member in self._members.values():
            if member.pool == port.id:
                check = CHECK if port.is_monitored else ""
                weight = " weight 0" if member.weight == 0 else ""
                lines.append(f"  server {member.name} {member.address}:{member.port} {check}{weight}")
        return lines

    def _until_reloaded(self) -> None:
        """Until the new worker answers, which knows every pool of the file."""
        pools = {port.id for port in self._ports if isinstance(port, Backend)}
        deadline = time.monotonic() + 10
        while not pools <= {row["pxname"] for row in csv.DictReader(io.StringIO(self._say("show stat")[2:]))}:
            if time.monotonic() > deadline:
                raise RuntimeError("HAProxy did not take its new file")
            time.sleep(0.05)

    def _until_it_answers(self) -> None:
        deadline = time.monotonic() + 10
        while True:
            try:
                self._say("show info")
                return
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.05)

    def _say(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(5)
            line.connect(str(self._socket))
            line.sendall(f"{command}\n".encode())
            answer = b""
            while received := line.recv(65_536):
                answer += received
        return answer.decode().strip()


def _state(member: Member) -> str:
    return "drain" if member.weight == 0 else "ready"
