"""The reasons why local servers cannot be made on this machine now, as sentences with the numbers that count."""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from bootstrap.deploy.drivers.local_commands import PATH, PROGRAMS, run
from bootstrap.deploy.drivers.local_settings import SERVER_KEYS, Settings, folder_problems
from bootstrap.deploy.drivers.local_store import Store
from bootstrap.deploy.faults import Fault
from bootstrap.deploy.model import ServerRequest
from bootstrap.payload.model import InjectedFile
from bootstrap.targets.table import TREE

# For one idle server with systemd and a small Python service: measured, and rounded up.
MEMORY_BYTES, DISK_BYTES, INOTIFY_INSTANCES = 32 << 20, 64 << 20, 5
MAKE_ROOT = "mmdebstrap --variant=minbase --include=systemd-sysv,python3 bookworm {root}"
# {what a root has to have: places where distributions have it}.
_NEEDED = {
    "systemd": ("lib/systemd/systemd", "usr/lib/systemd/systemd"),
    "/sbin/init": ("sbin/init", "usr/sbin/init"),
    "python3": ("usr/bin/python3",),
    "tar": ("bin/tar", "usr/bin/tar"),
}
_INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
_UNIT_FOLDER, _CRON = "/etc/systemd/system/", "usr/sbin/cron"


def payload_files(request: ServerRequest) -> tuple[InjectedFile, ...]:
    """The files of a server's payload, as target `tree` lays them out. It raises what rendering raises."""
    if request.payload is None:
        return ()
    files: tuple[InjectedFile, ...] = request.payload.rendering.pack(TREE.name).payload.files
    return files


def problems(settings: Settings, store: Store, requests: Sequence[ServerRequest]) -> list[str]:
    """Every reason, those about one server as well as those about all together."""
    reasons = [*_rights(), *_programs(), *_state(settings.state)]
    for root in sorted({settings.root_of(request.settings) for request in requests} or {settings.root}):
        reasons += root_problems(root)
    for request in requests:
        reasons += server_problems(request)
        reasons += _trigger(request, settings.root_of(request.settings))
    if not reasons:
        reasons = [*_network(settings), *_room(settings, store, len(requests))]
    # Servers of one tier have the same problems.
    return list(dict.fromkeys(reasons))


def server_problems(request: ServerRequest) -> list[str]:
    """The problems of the `server:` map of its tier."""
    unknown = [key for key in request.settings if key not in SERVER_KEYS]
    reasons = [
        f"server.{key}: the local driver knows no such key, only {', '.join(SERVER_KEYS)}: remove it" for key in unknown
    ]
    if "root" in request.settings:
        reasons += folder_problems("server.root", str(request.settings["root"]))
    return reasons


def root_problems(root: Path) -> list[str]:
    """The programs that a root lacks. Its links are not followed: they would lead elsewhere on this machine."""
    mend = f"make one with: {MAKE_ROOT.format(root=root)}"
    if not root.is_dir():
        return [f"the root {root} is no folder: {mend}"]
    missing = [name for name, places in _NEEDED.items() if not any(os.path.lexists(root / place) for place in places)]
    return [f"the root {root} has no {' and no '.join(missing)}: {mend}"] if missing else []


def _rights() -> list[str]:
    if os.geteuid() == 0:
        return []
    return ["local servers are containers, and only root can make them: run it with sudo, or use `servers: sim`"]


def _programs() -> list[str]:
    packages = {package for program, package in PROGRAMS.items() if not shutil.which(program, path=PATH)}
    missing = [program for program in PROGRAMS if not shutil.which(program, path=PATH)]
    if not missing:
        return []
    return [f"this machine lacks {', '.join(missing)}: apt-get install {' '.join(sorted(packages))}"]


def _state(state: Path) -> list[str]:
    """The kernel takes no overlay for the upper layer of another one."""
    place = _nearest(state)
    if _filesystem(place) == "overlay":
        return [f"the state folder {state} is on an overlay, which cannot carry another one: choose another folder"]
    if not os.access(place, os.W_OK):
        return [f"the state folder {state} cannot be written to: choose another one by cloud.local.state"]
    return []


def _trigger(request: ServerRequest, root: Path) -> list[str]:
    """A server starts its payload by systemd; a root of ours has no cron."""
    paths = [file.path for file in payload_files(request)]
    if not paths or any(path.startswith(_UNIT_FOLDER) for path in paths) or os.path.lexists(root / _CRON):
        return []
    return [f"its spec has `trigger: cron`, and the root {root} has no cron: write `trigger: systemd` or `both`"]


def _network(settings: Settings) -> list[str]:
    """The bridge has to be ours, and no other interface may be in its network."""
    try:
        links = json.loads(run("ip", "-json", "address", "show") or "[]")
    except Fault as fault:
        return [f"the interfaces of this machine cannot be listed: {fault.message}"]
    addresses_of = {link["ifname"]: _inet(link) for link in links if "ifname" in link}
    reasons = []
    bridge = addresses_of.pop(settings.bridge, None)
    if bridge is not None and settings.gateway not in bridge:
        reasons.append(
            f"the interface {settings.bridge} exists without the address {settings.gateway}: "
            "name another one by cloud.local.bridge"
        )
    for name, addresses in addresses_of.items():
        reasons += [
            f"the interface {name} has {address}, which is in {settings.network}: choose another cloud.local.network"
            for address in addresses if address in settings.network
        ]  # fmt: skip
    return reasons


def _inet(link: dict[str, object]) -> list[ipaddress.IPv4Address]:
    rows = link.get("addr_info")
    return [ipaddress.IPv4Address(row["local"]) for row in rows if row.get("family") == "inet"] if rows else []  # type: ignore[attr-defined]


def _room(settings: Settings, store: Store, count: int) -> list[str]:
    """Addresses, memory, disk and inotify instances, for so many servers more."""
    free_addresses = len(store.free_addresses()) if settings.state.exists() else len(settings.addresses())
    disk = shutil.disk_usage(_nearest(settings.state)).free
    limit = int(_INOTIFY.read_text(encoding="ascii"))
    rows = [
        ("free addresses in " + str(settings.network), free_addresses, count, "choose a larger cloud.local.network"),
        ("MiB of memory", _available() >> 20, count * MEMORY_BYTES >> 20, "make room, or fewer servers"),
        (f"MiB free at {settings.state}", disk >> 20, count * DISK_BYTES >> 20, "make room, or choose another disk"),
    ]
    reasons = [
        f"{count} servers need {want} {name}, and there are {have}: {mend}"
        for name, have, want, mend in rows if have < want
    ]  # fmt: skip
    used, want = _inotify_used(), count * INOTIFY_INSTANCES
    if limit - used < want:
        reasons.append(
            f"{count} servers need {want} inotify instances, and {used} of {limit} are in use: "
            f"sysctl fs.inotify.max_user_instances={used + 2 * want}"
        )
    return reasons


def _available() -> int:
    """The bytes of memory that programs could have without swapping."""
    rows = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    return next(int(row.split()[1]) << 10 for row in rows if row.startswith("MemAvailable:"))


def _inotify_used() -> int:
    """The inotify instances of root's processes: the limit is one of a user, and containers are root's."""
    used = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.stat().st_uid == 0:
                used += sum(_leads_to_inotify(entry) for entry in (process / "fd").iterdir())
        except OSError:
            continue  # it has ended
    return used


def _leads_to_inotify(entry: Path) -> bool:
    try:
        return str(entry.readlink()) == "anon_inode:inotify"
    except OSError:
        return False


def _nearest(path: Path) -> Path:
    """The deepest of its folders that exists."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _filesystem(path: Path) -> str:
    """The type of the file system that a folder is on."""
    return _deepest(path.resolve(), (row.split() for row in _mounts()))


def _mounts() -> Iterable[str]:
    return Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()


def _deepest(path: Path, rows: Iterable[list[str]]) -> str:
    """The type of the last mount that is on the longest part of a path."""
    best, kind = -1, ""
    for _, point, name, *_ in rows:
        place = Path(point.replace("\\040", " "))
        if path.is_relative_to(place) and len(place.parts) >= best:
            best, kind = len(place.parts), name
    return kind
