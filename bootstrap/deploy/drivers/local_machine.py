"""One local server as processes, a network and mounts: a systemd-nspawn container with an address of its own.

Each step looks at the world first, so that one which was cut short is done again. The container is in a session of its
own and holds nothing of the deployer's: it lives on when the deployer is killed.
"""

from __future__ import annotations

import io
import json
import os
import re
import secrets
import signal
import socket
import tarfile
import time
from collections.abc import Iterable
from pathlib import Path

from bootstrap.deploy.drivers.local_commands import launch, run
from bootstrap.deploy.drivers.local_settings import Settings, link_name
from bootstrap.deploy.drivers.local_store import Body
from bootstrap.deploy.faults import Broken
from bootstrap.payload.model import InjectedFile

_START_S, _KILL_S, _POLL_S = 10.0, 10.0, 0.01
# The shell says who it is and becomes the container. An end that begins meanwhile sees the pid, or is seen here.
_LAUNCH = """
umask 022
echo $$ >.pid.new && mv .pid.new pid && ! test -e deleting && exec "$@"
"""
_OPTIONS = (
    "--quiet", "--register=no", "--resolv-conf=off", "--timezone=off", "--link-journal=no", "--console=read-only",
    "--boot",
)  # fmt: skip
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_HOSTS = "127.0.0.1 localhost\n127.0.1.1 {name}\n::1 localhost\n"


class Machine:
    """One server of this machine. folder: its own, below the state folder."""

    def __init__(self, settings: Settings, body: Body, folder: Path) -> None:
        self._settings, self._body, self._folder = settings, body, folder
        self._root = folder / "root"
        self._link = link_name(body.address)

    # --- the beginning ----------------------------------------------------------------------------------------------

    def plug(self) -> None:
        """Make the bridge if it is not there, and the server's link to it."""
        self._make_bridge()
        run("ip", "netns", "add", self._body.name)
        address = self._body.address
        # The address decides the name and the hardware address: who has it next is not sought at the one before.
        mac = "02:00:" + ":".join(f"{int(part):02x}" for part in address.split("."))
        outer = f"link add {self._link} type veth peer name host0 netns {self._body.name}\n"
        outer += f"link set {self._link} master {self._settings.bridge} up\n"
        run("ip", "-batch", "-", stdin=outer.encode())
        inner = f"link set host0 address {mac} up\nlink set lo up\n"
        inner += f"addr add {address}/{self._settings.network.prefixlen} dev host0\n"
        inner += f"route add default via {self._settings.gateway}\n"
        run("ip", "-netns", self._body.name, "-batch", "-", stdin=inner.encode())

    def mount(self) -> None:
        """Mount its file system: what it changes lies in its own folder, the root is shared."""
        for name in ("root", "upper", "work"):
            (self._folder / name).mkdir(mode=0o755, exist_ok=True)
        layers = f"lowerdir={self._body.root},upperdir={self._folder}/upper,workdir={self._folder}/work"
        run("mount", "-t", "overlay", "-o", layers, "overlay", str(self._root))

    def put(self, files: Iterable[InjectedFile]) -> None:
        """Write its identity and the payload's files, as the cloud's own agent would, before it is powered on."""
        name = self._body.name
        identity = {
            "/etc/hostname": f"{name}\n",
            "/etc/hosts": _HOSTS.format(name=name),
            # Without one, systemd takes this for a first boot and asks the console.
            "/etc/machine-id": f"{secrets.token_hex(16)}\n",
        }
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for path, text in identity.items():
                _add(tar, path, text.encode(), 0o644)
            for file in files:
                _add(tar, file.path, file.content, file.mode)
        # In its root: there a link such as /var/run leads to the server's own folder, and not to this machine's.
        run("chroot", str(self._root), "tar", "-x", "--keep-directory-symlink", "-C", "/", stdin=content.getvalue())

    def power_on(self) -> None:
        """Start it; its first process is on its way when this returns."""
        name = self._body.name
        # With a systemd here it gets a scope of its own, since the deployer's may be ended with all that is in it.
        keep = () if Path("/run/systemd/system").is_dir() else ("--keep-unit",)
        identity = (f"--machine={name}", f"--directory={self._root}", f"--network-namespace-path=/run/netns/{name}")
        command = ["setsid", "--fork", "sh", "-c", _LAUNCH, "sh", "systemd-nspawn", *_OPTIONS, *keep, *identity]
        launch(command, self._folder, self._console)
        end = time.monotonic() + _START_S
        while not self._pid_file.exists():
            if time.monotonic() > end:
                raise Broken(f"{name} was not started: {' '.join(self.console(3).splitlines())}")
            time.sleep(_POLL_S)

    def _make_bridge(self) -> None:
        settings = self._settings
        links = json.loads(run("ip", "-json", "address", "show") or "[]")
        if all(link.get("ifname") != settings.bridge for link in links):
            run("ip", "link", "add", settings.bridge, "type", "bridge")
            run("ip", "address", "add", f"{settings.gateway}/{settings.network.prefixlen}", "dev", settings.bridge)
        run("ip", "link", "set", settings.bridge, "up")

    # --- the end ----------------------------------------------------------------------------------------------------

    def take_down(self) -> None:
        """Power it off as by pulling the plug, and remove its link and its mount. It may be done in part already."""
        self._power_off()
        # Not /sys/class/net: it shows the network in which it was mounted.
        if self._link in (name for _, name in socket.if_nameindex()):
            run("ip", "link", "delete", self._link)
        if Path("/run/netns", self._body.name).exists():
            run("ip", "netns", "delete", self._body.name)
        while str(self._root) in _mount_points():
            run("umount", str(self._root))

    def _power_off(self) -> None:
        """Kill its first process, and so all others. nspawn then ends by itself, or is killed after a while."""
        pid = self.pid
        if pid is None:
            return
        start = time.monotonic()
        while self.is_running:
            waited_s = time.monotonic() - start
            if waited_s > _KILL_S:
                raise Broken(f"{self._body.name}: its process {pid} does not end, {_KILL_S:.0f} s after it was killed")
            for victim in _children(pid) or [pid]:
                _kill(victim)
            if waited_s > _KILL_S / 2:
                _kill(pid)
            time.sleep(_POLL_S)

    # --- how it is ----------------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int | None:
        """The process id of its nspawn, None when it was never started."""
        try:
            return int(self._pid_file.read_text(encoding="ascii"))
        except (FileNotFoundError, ValueError):
            return None

    @property
    def is_running(self) -> bool:
        """Whether that process is there, and is its nspawn: numbers of processes are used again."""
        pid = self.pid
        return pid is not None and f"--directory={self._root}" in _arguments(pid)

    def console(self, lines: int = 60) -> str:
        """The last lines of its console."""
        try:
            with self._console.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - lines * 400))
                text = file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""
        rows = ("".join(c for c in row if c.isprintable()).strip() for row in _COLOURS.sub("", text).splitlines())
        return "\n".join([row for row in rows if row][-lines:])

    @property
    def _pid_file(self) -> Path:
        return self._folder / "pid"

    @property
    def _console(self) -> Path:
        return self._folder / "console"


def _add(tar: tarfile.TarFile, path: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(path.lstrip("/"))
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def _mount_points() -> list[str]:
    rows = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    return [row.split()[4].replace("\\040", " ") for row in rows]


def _arguments(pid: int) -> list[str]:
    """The command line of a process; empty when there is none, or when it has ended and nobody has asked how."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
    except OSError:
        return []


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except OSError:
        return []


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
