"""A whole site on this machine: a HAProxy, a collector, and the switch and the root of local servers.

    with Site() as site:
        output(site.command("deploy", str(SHOP), "--yes", *site.settings), site.environment)

All of it is in a network, mounts and a folder of its own: nobody else sees it, and nothing is left of it. It needs
root, systemd-nspawn, mmdebstrap, haproxy and ip.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from collector_process import DEPLOY_TOKEN, ROOT, CollectorProcess
from debian_root import local_root
from namespaces import private_namespaces

from bootstrap.deploy.drivers import local

SHOP = ROOT / "examples" / "rollout" / "shop.yaml"
ADDRESS, NETWORK, BRIDGE = "10.77.0.1", "10.77.0.0/24", "irun0"
FRONT = f"{ADDRESS}:8000"  # as shop.yaml has it
COLLECTOR_PORT = 8443
# Pools are made by the first roll-out. HAProxy does not start without any, hence `health`.
CONFIG = """global
    stats socket {folder}/admin.sock mode 600 level admin expose-fd listeners
    hard-stop-after 30s

defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout check 3s
    retries 3
    option redispatch
    # A client may be about to use a connection that it has kept open: a reload lets it, and closes afterwards.
    option idle-close-on-response

frontend health
    bind 127.0.0.1:8404
    monitor-uri /health
"""
PATIENCE_S = 20.0


class Site:
    """The site. folder: its files, with those of the servers."""

    python = (sys.executable,)

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self.balancer: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        # Before the network is private: the making of the root fetches packages.
        root = local_root()
        with contextlib.ExitStack() as stack:
            # Not in /tmp, which may be in memory or on an overlay; short, since sockets have short names.
            self.folder = Path(tempfile.mkdtemp(prefix="site-", dir="/var/tmp"))
            stack.callback(shutil.rmtree, self.folder)
            self.cloud = {"root": str(root), "state": str(self.folder / "state"), "network": NETWORK, "bridge": BRIDGE}
            stack.enter_context(private_namespaces())
            self._switch()
            stack.callback(self._clear)
            stack.callback(self._stop_balancer)
            self._start_balancer()
            # The deployer reaches it on loopback, the servers by the switch.
            listen = ("--listen", f"0.0.0.0:{COLLECTOR_PORT}", "--allow-host", ADDRESS)
            self.collector = CollectorProcess(self.folder, *listen)
            stack.enter_context(self.collector)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    # --- what a deployer is told ------------------------------------------------------------------------------------

    @property
    def settings(self) -> list[str]:
        """The options of `bootstrap deploy shop.yaml` for this site."""
        values = {
            "root": self.cloud["root"], "state": self.cloud["state"], "config": self.folder / "haproxy.cfg",
            "socket": self.folder / "admin.sock", "reload": f"kill -USR2 {self.balancer.pid if self.balancer else 0}",
            "keep_old": "3s",
        }  # fmt: skip
        return [text for name, value in values.items() for text in ("--set", f"{name}={value}")]

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a deployer: its secret, its token, and a state folder of its own."""
        secret = (self.folder / "secret").read_text().strip()
        own = {"BOOTSTRAP_SECRET": secret, "COLLECTOR_TOKEN": DEPLOY_TOKEN}
        return {**os.environ, "PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(self.folder / "deployer"), **own}

    def command(self, *words: str) -> list[str]:
        """The command line of `bootstrap`."""
        return [*self.python, "-m", "bootstrap", *words]

    def servers(self) -> local.LocalServers:
        """The driver of the site's servers."""
        return local.servers(self.cloud)

    # --- its parts --------------------------------------------------------------------------------------------------

    def _switch(self) -> None:
        for command in (
            ("link", "add", BRIDGE, "type", "bridge"),
            ("address", "add", f"{ADDRESS}/24", "dev", BRIDGE),
            ("link", "set", BRIDGE, "up"),
        ):
            subprocess.run(["ip", *command], check=True)

    def _start_balancer(self) -> None:
        config = self.folder / "haproxy.cfg"
        config.write_text(CONFIG.format(folder=self.folder))
        with open(self.folder / "haproxy.log", "ab") as log:
            self.balancer = subprocess.Popen(
                [_program("haproxy"), "-W", "-db", "-f", config], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._until(lambda: bool(self.balancer_pid()))

    def balancer_pid(self) -> int:
        """The process id of the worker that answers on the socket; 0 while none does."""
        words = self.ask_balancer("show info").split()
        return int(words[words.index("Pid:") + 1]) if "Pid:" in words else 0

    def ask_balancer(self, command: str) -> str:
        """The answer to a command on HAProxy's socket; empty while nobody answers."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            try:
                connection.connect(str(self.folder / "admin.sock"))
                connection.sendall(command.encode() + b"\n")
                return b"".join(iter(lambda: connection.recv(65536), b"")).decode(errors="replace")
            except OSError:
                return ""

    def members(self, pool: str = "web") -> dict[str, str]:
        """{member: HAProxy's own word about it}."""
        names, *rows = self.ask_balancer("show stat").removeprefix("# ").splitlines() or [""]
        parts = [dict(zip(names.split(","), row.split(","), strict=False)) for row in rows if row]
        apart = ("FRONTEND", "BACKEND")
        return {p["svname"]: p["status"] for p in parts if p["pxname"] == pool and p["svname"] not in apart}

    @contextlib.contextmanager
    def watched(self, pool: str = "web") -> Iterator[list[int]]:
        """Ask HAProxy 20 times a second how many members of a pool are up: a list that grows during the block."""
        ups: list[int] = []
        is_over = threading.Event()

        def watch() -> None:
            while not is_over.wait(0.05):
                members = self.members(pool)
                # Between the old process and the new one nobody answers.
                if members:
                    ups.append(sum(state.startswith("UP") for state in members.values()))

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield ups
        finally:
            is_over.set()
            watcher.join()

    def reload_balancer(self) -> None:
        """Let HAProxy read its file again, as a package upgrade or logrotate does."""
        before = self.balancer_pid()
        assert self.balancer
        self.balancer.send_signal(signal.SIGUSR2)
        self._until(lambda: self.balancer_pid() not in (0, before))

    def _stop_balancer(self) -> None:
        if self.balancer is not None:
            self.balancer.terminate()
            self.balancer.wait(PATIENCE_S)

    def _clear(self) -> None:
        """End what servers are left."""
        driver = self.servers()
        for name in driver.store.names():
            driver.delete(name)

    def _until(self, question: Callable[[], bool]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not question():
            log = (self.folder / "haproxy.log").read_text(errors="replace")
            assert time.monotonic() < end, f"HAProxy does not answer:\n{log[-2000:]}"
            time.sleep(0.05)


def haproxy_is_here() -> bool:
    """Whether this machine has the program."""
    return shutil.which("haproxy", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin") is not None


def _program(name: str) -> str:
    """The path of a program that may be where only root looks."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if path is None:
        raise FileNotFoundError(f"{name} is not on this machine")
    return path


def output(command: Sequence[str], environment: dict[str, str]) -> tuple[int, str]:
    """The exit code of a command, and what it wrote, both streams as they came."""
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout
