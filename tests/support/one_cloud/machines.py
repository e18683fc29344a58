"""Servers as network namespaces with one small program each, on a bridge of the network in which this process is.

Nothing has a name outside: a namespace, its cable and its program end together, also when whoever started it is killed.
Used by tests and, in another environment, by Nova's driver: the standard library alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

BRIDGE, GATEWAY, PREFIX = "br0", "192.168.1.1", 24
PORT = 8080
APP = Path(__file__).with_name("app.py")


def run(*argv: str) -> None:
    """A command that must do it; its words are in the error."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}")


def bridge() -> None:
    """The bridge of a new network namespace, with the address of its gateway."""
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", BRIDGE, "type", "bridge")
    run("ip", "address", "add", f"{GATEWAY}/{PREFIX}", "dev", BRIDGE)
    run("ip", "link", "set", BRIDGE, "up")


class Machine:
    """One server, from its power on to its power off. user_data: a file with what it was given, for its program."""

    def __init__(self, address: str, user_data: Path, console: IO[bytes] | int, python: str = sys.executable) -> None:
        self.address = address
        self._process = subprocess.Popen(
            ["unshare", "--net", python, APP, address, str(PORT), user_data],
            # It ends when its standard input does.
            stdin=subprocess.PIPE, stdout=console, stderr=console,
        )  # fmt: skip
        try:
            self._plug()
        except BaseException:
            self.power_off()
            raise

    def power_off(self) -> None:
        """As a cloud deletes: its packets vanish, and no connection is closed."""
        subprocess.run(["ip", "link", "delete", self._cable], capture_output=True, timeout=30, check=False)
        self._process.kill()
        self._process.wait(timeout=30)
        assert self._process.stdin
        self._process.stdin.close()

    @property
    def _cable(self) -> str:
        return f"v{self._process.pid}"

    def _plug(self) -> None:
        pid = str(self._process.pid)
        here, deadline = os.readlink("/proc/self/ns/net"), time.monotonic() + 20
        while os.readlink(f"/proc/{pid}/ns/net") == here:
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise RuntimeError("the server's program got no network of its own")
            time.sleep(0.005)
        run("ip", "link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", pid)
        run("ip", "link", "set", self._cable, "master", BRIDGE, "up")
        inside = f"ip address add {self.address}/{PREFIX} dev eth0; ip link set lo up; ip link set eth0 up"
        run("nsenter", "--target", pid, "--net", "sh", "-ec", inside)
