"""A real HAProxy with a master process, whose file and admin socket are in a folder, and a bench for its pools."""

from __future__ import annotations

import http.client
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from web_servers import WebServers

from bootstrap.deploy.drivers import haproxy
from bootstrap.deploy.model import PoolPlan
from bootstrap.deploy.protocols import Pool

CONFIG = """\
global
    stats socket {socket} mode 600 level admin expose-fd listeners
    nbthread 2
    hard-stop-after 10s

defaults
    mode http
    timeout connect 1s
    timeout client 30s
    timeout server 30s
    timeout check 1s
    retries 3
    option redispatch
"""
# The backend of the bench's pool: HAProxy adds servers to the first while it runs, and to the others it does not.
BACKENDS = {
    "added": "balance roundrobin",
    "cookie": "balance roundrobin\n    cookie SERVERID insert indirect nocache",
    "static": "balance static-rr",
    "quoted": 'balance roundrobin\n    default-server "weight" \'10\' on-error "mark-down"',
    "unsayable": 'balance roundrobin\n    default-server error-limit "${LIMIT}"',
}


def program() -> str:
    """The path of HAProxy, or a skip."""
    path = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
    if path is None:
        pytest.skip("needs haproxy")
    return path


def free_port() -> int:
    """A port of the loopback that nobody uses now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


class HaproxyProcess:
    """Starts and stops a HAProxy. sections: the text below its global and defaults sections."""

    def __init__(self, folder: Path, sections: str) -> None:
        self.config, self.socket = folder / "haproxy.cfg", folder / "admin.sock"
        self.config.write_text(CONFIG.format(socket=self.socket) + sections, encoding="utf-8")
        self._log = folder / "haproxy.log"
        self._process: subprocess.Popen[bytes] | None = None

    def settings(self, **more: Any) -> dict[str, Any]:
        """`cloud.haproxy` for it."""
        return {"config": str(self.config), "socket": str(self.socket), **more}

    def ask(self, command: str) -> str:
        """The answer to a command of the admin socket."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(self.socket))
            connection.sendall(command.encode() + b"\n")
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    def pid(self) -> str:
        """The number of the process that answers."""
        return next(line for line in self.ask("show info").splitlines() if line.startswith("Pid:"))

    def reload(self) -> None:
        """As an operator: SIGUSR2 to the master; return when only the new process answers."""
        assert self._process
        old = self.pid()
        until(self._is_master_ready, self.log)
        self._process.send_signal(signal.SIGUSR2)
        answers: list[bool] = []

        def is_new() -> bool:
            with suppress(OSError, StopIteration):
                answers.append(self.pid() != old)
            return answers[-3:] == [True] * 3

        until(is_new, self.log)

    def _is_master_ready(self) -> bool:
        """Whether the master has a handler for SIGUSR2: while it starts, it ignores the signal."""
        assert self._process
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        caught = int(status.partition("SigCgt:")[2].split()[0], 16)
        return bool(caught >> (signal.SIGUSR2 - 1) & 1)

    def log(self) -> str:
        """HAProxy's words so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [program(), "-W", "-db", "-f", str(self.config)], stdout=log, stderr=log, env={"LIMIT": "7"}
            )

        def answers() -> bool:
            with suppress(OSError, StopIteration):
                return bool(self.pid()) and self._is_master_ready()
            return False

        try:
            until(answers, self.log)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the master, and with it all of its workers."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            finally:
                self._process.kill()
                self._process.wait()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def until(question: Callable[[], bool], words: Callable[[], str] = str, seconds: float = 20.0) -> None:
    """Ask again and again until the answer is yes; fail when it never is."""
    end = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < end, f"it did not come to pass\n{words()}"
        time.sleep(0.02)


class HaproxyBench:
    """What the contract of pools needs, on a real HAProxy with real servers. kind: of its backend, see BACKENDS."""

    stranger = "stranger"

    def __init__(self, folder: Path, servers: WebServers, kind: str = "added") -> None:
        self.servers, self.listen, self.new_listen = servers, free_port(), free_port()
        self.home = servers.address()
        self.serve(self.home)
        self.proxy = HaproxyProcess(
            folder,
            f"""
frontend web
    bind 127.0.0.1:{self.listen}
    default_backend web

backend web
    {BACKENDS[kind]}
    option httpchk GET /ping
    default-server check inter 100ms fall 2 rise 2
    server {self.stranger} {self.home}:{servers.port}{" cookie stranger" if kind == "cookie" else ""}

backend bare
    server {self.stranger} {self.home}:{servers.port}
""",
        )

    def settings(self) -> Mapping[str, Any]:
        """`cloud.haproxy` of the deploy file."""
        monitor = {"path": "/ping", "interval": 0.1}
        return self.proxy.settings(bind="127.0.0.1", monitor=monitor)

    def plan(self, name: str = "web", listen: int | None = None) -> PoolPlan:
        """The plan of a pool."""
        return PoolPlan(name, self.servers.port, listen)

    def pool(self) -> Pool:
        """The pool in which the stranger is."""
        return haproxy.pool(self.settings(), self.plan())

    def absent(self) -> Pool:
        """A pool that its first member makes."""
        return haproxy.pool(self.settings(), self.plan("new", self.new_listen))

    def unmonitored(self) -> Pool:
        """A pool whose server has no `check`."""
        return haproxy.pool(self.settings(), self.plan("bare"))

    def address(self) -> str:
        """An address at which nothing answers yet."""
        return self.servers.address()

    def serve(self, address: str) -> None:
        """Start a server there."""
        self.servers.serve(address)

    def stop(self, address: str) -> None:
        """End it."""
        self.servers.stop(address)

    def visits(self, count: int) -> list[str]:
        """The addresses that answer new connections."""
        return [self._visit("/who") for _ in range(count)]

    def _visit(self, path: str) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.listen, timeout=20)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            assert response.status == 200, response.status
            return response.read().decode()
        finally:
            connection.close()

    @contextmanager
    def hold(self, address: str) -> Iterator[None]:
        """Ask until the server at this address is the one that answers, and has not ended its answer."""
        for _ in range(40):
            connection = http.client.HTTPConnection("127.0.0.1", self.listen, timeout=20)
            connection.request("GET", f"/hold/{address}")
            response = connection.getresponse()
            if response.headers["x-address"] == address:
                break
            response.close()
            connection.close()
        else:
            pytest.fail(f"the balancer never chose {address}")
        try:
            yield
        finally:
            with suppress(KeyError):
                self.servers.release(address)
            response.close()
            connection.close()

    def until(self, question: Callable[[], bool]) -> None:
        """Let time pass."""
        until(question, self.proxy.log)
