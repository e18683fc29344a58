"""Builds the tree of a copy and moves into it. Runs as process 1 of its namespaces, before anything of a payload.

What a payload could use to reach out is not there, or read-only: no block devices, no file system of the machine
except as the lower side of an overlay, /sys and /proc/sys read-only, and no capability to change that.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.rehearse import layout, units
from bootstrap.rehearse.overlays import Overlays, make_readonly
from bootstrap.rehearse.syscalls import (
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_RDONLY,
    MS_REMOUNT,
    bind,
    mount,
    pivot_root,
)
from bootstrap.rehearse.treefiles import give, inside, write_new
from bootstrap.runner.host import BUNDLE, COMMAND, STATE, TRIGGER

_DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
# runc's list. A file that is masked reads as empty.
_PROC_MASKED = ("kcore", "keys", "kmsg", "latency_stats", "timer_list", "sched_debug", "scsi", "acpi")
_SYS_MASKED = ("fs/cgroup", "firmware", "kernel/debug", "kernel/security", "devices/virtual/powercap")
_CRON_D, _BUNDLES = os.path.dirname(TRIGGER), os.path.dirname(BUNDLE)
# Files of this machine's own bootstrap, and other people's cron entries: none of them may run in a copy.
EARLIER = (
    _CRON_D, "/etc/crontab", "/var/spool/cron", "/etc/anacrontab", "/etc/rc.local", "/etc/rc.d/rc.local",
    _BUNDLES, STATE, COMMAND,
)  # fmt: skip
_BOOT_ID = "proc/sys/kernel/random/boot_id"
_SHIM = """#!/bin/sh
# A copy of a machine has no power switch: its first process is asked instead.
case "${0##*/} $*" in
  shutdown*-c*|shutdown*-k*) exit 0 ;;
  poweroff*|halt*|shutdown*-[hP]*|shutdown*--poweroff*|shutdown*--halt*) kill -38 1 ;;
  *) kill -39 1 ;;
esac
"""
# For a copy without the stand-in. Debian's /sbin/reboot is a link to systemctl, whose own verbs this must pass on.
_SYSTEMCTL_SHIM = """#!/bin/sh
case " $* " in
  *" reboot "*) exec /usr/sbin/reboot ;;
  *" poweroff "*|*" halt "*) exec /usr/sbin/poweroff ;;
esac
exec /usr/bin/systemctl.machine "$@"
"""


@dataclass(frozen=True)
class Tree:
    """A built copy. scratch: descriptor of the folder with upper/, dmi/ and boot_id; all of it goes with the copy.

    has_units: whether the stand-in for systemd is in it.
    """

    scratch: int
    has_units: bool = False


def build(work: str, options: dict[str, Any]) -> Tree:
    """Mount the copy under `work` (an empty folder) and make it the root. options: see Copy."""
    privileged = bool(options["privileged"])
    # All that is written in the copy goes to this tmpfs, so its size is a limit, and its end removes everything.
    mount("tmpfs", work, "tmpfs", MS_NOSUID, f"mode=0700,size={options['size']}")
    for name in ("root", "upper", "work", "dmi"):
        os.mkdir(f"{work}/{name}")
    root = f"{work}/root"
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        machine = layout.layers(layout.parse_mountinfo(file.read()), without=work)
    disk = str(options["disk"])
    chosen = (layout.Layer("/", "overlay"),) if disk else machine
    overlays = Overlays(work, root, EARLIER)
    if privileged:
        overlays.mount_all(chosen, disk)
    else:
        overlays.mount_ours(chosen)
    _kernel_trees(work, root)
    _devices(root, privileged)
    _fresh_folders(root, disk)
    if privileged:
        _forget(root)
    _cron_folder(root)
    _identity(work, root, options)
    _network_files(root, str(options["server"]))
    _power_switch(root)
    has_units = bool(options["units"]) and units.put_in(root)
    # Only now, since the files above had to be written: a mount that is read-only on the machine is so in the copy.
    for layer in chosen:
        if "ro" in layer.options and layer.path != "/":
            mount("none", root + layer.path, flags=MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NODEV)
    make_readonly(machine)
    # Held so that a test can change the identity and `--keep` can read the upper folders. Only this tmpfs is beneath.
    scratch = os.open(work, os.O_RDONLY | os.O_DIRECTORY)
    pivot_root(root)
    return Tree(scratch, has_units)


def _kernel_trees(work: str, root: str) -> None:
    """/proc of the copy's processes and /sys of its network, neither of which can change the machine."""
    safe = MS_NOSUID | MS_NODEV | MS_NOEXEC
    mount("proc", f"{root}/proc", "proc", safe)
    for name in os.listdir(f"{root}/proc"):
        path = f"{root}/proc/{name}"
        # Only the files of processes and of this network may be written: sys, sysrq-trigger, mtrr, irq and whatever
        # else a kernel offers in /proc belong to the machine.
        if name.isdigit() or os.path.islink(path):
            continue
        if os.path.isdir(path) or os.stat(path).st_mode & 0o222:
            bind(path, path, readonly=True)
    for name in _PROC_MASKED:
        _mask(f"{root}/proc/{name}")
    # A check for a process must not take the first one, which is Python, for what it looks for.
    write_new(f"{work}/cmdline", b"init\0", 0o444)
    bind(f"{work}/cmdline", f"{root}/proc/1/cmdline", readonly=True)
    mount("sysfs", f"{root}/sys", "sysfs", safe | MS_RDONLY)
    for name in _SYS_MASKED:
        _mask(f"{root}/sys/{name}")


def _mask(path: str) -> None:
    if os.path.isdir(path):
        mount("tmpfs", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755,size=4k")
    elif os.path.exists(path):
        bind("/dev/null", path, readonly=True)


def _devices(root: str, privileged: bool) -> None:
    dev = f"{root}/dev"
    mount("tmpfs", dev, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755,size=64m")
    for name, (major, minor) in _DEVICES.items():
        path = f"{dev}/{name}"
        if privileged:
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(major, minor))
            os.chmod(path, 0o666)  # noqa: S103 - as everywhere
        else:
            # Without root no node can be made; the machine's own is bound to the place instead.
            write_new(path, b"", 0o666)
            bind(f"/dev/{name}", path)
    for name in ("pts", "shm"):
        os.mkdir(f"{dev}/{name}")
    group = ",gid=5" if privileged else ""
    mount("devpts", f"{dev}/pts", "devpts", MS_NOSUID | MS_NOEXEC, f"newinstance,ptmxmode=0666,mode=0620{group}")
    mount("tmpfs", f"{dev}/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777,size=50%")
    links = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
    for name, target in links.items():
        os.symlink(target if target.startswith(("/", "pts")) else f"/proc/self/{target}", f"{dev}/{name}")
    # The console is a file: messages to it can be read afterwards, and never reach the machine's own console.
    write_new(f"{dev}/console", b"", 0o600)


def _fresh_folders(root: str, disk: str) -> None:
    """Make /run, /tmp and the home folders, all of them empty."""
    homes = []
    for name in os.listdir(f"{disk}/home") if os.path.isdir(f"{disk}/home") else []:
        info = os.lstat(f"{disk}/home/{name}")
        if stat.S_ISDIR(info.st_mode):
            homes.append((name, info))
    for path, mode in (("/run", 0o755), ("/tmp", 0o1777), ("/root", 0o700), ("/home", 0o755)):  # noqa: S108
        target = inside(root, path)
        if os.path.isdir(target):
            mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, f"mode={mode:o},size=50%")
    os.makedirs(inside(root, "/run") + "/lock", mode=0o1777, exist_ok=True)
    for name, info in homes:
        home = f"{inside(root, '/home')}/{name}"
        os.mkdir(home)
        os.chmod(home, stat.S_IMODE(info.st_mode))
        give(home, info.st_uid, info.st_gid)


def _forget(root: str) -> None:
    """Remove the files of an earlier bootstrap and every cron entry. The folders that cron wants stay."""
    for name in EARLIER:
        path = inside(root, name)
        try:
            is_folder = stat.S_ISDIR(os.lstat(path).st_mode)
        except OSError:
            continue
        if not is_folder:
            os.unlink(path)
        elif name in {_CRON_D, "/var/spool/cron"}:
            for entry in os.listdir(path):
                _remove(f"{path}/{entry}")
        else:
            _remove(path)


def _cron_folder(root: str) -> None:
    os.makedirs(inside(root, _CRON_D), exist_ok=True)
    # cron itself expects this file.
    write_new(inside(root, "/etc/crontab"), b"", 0o644)


def _remove(path: str) -> None:
    """A file, or what is in a folder. cron wants its spool folder, whose mode and group matter, so folders stay."""
    if not os.path.isdir(path) or os.path.islink(path):
        os.unlink(path)
    elif path.endswith(("/crontabs", "/atjobs")):
        for entry in os.listdir(path):
            _remove(f"{path}/{entry}")
    else:
        shutil.rmtree(path)


def _identity(work: str, root: str, options: dict[str, Any]) -> None:
    machine_id = str(options["machine_id"] or secrets.token_hex(16)) + "\n"
    for name in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        path = root + name
        if name == "/etc/machine-id" or (os.path.isfile(path) and not os.path.islink(path)):
            if os.path.lexists(path):
                os.unlink(path)
            write_new(path, machine_id.encode(), 0o444)
    # The kernel's boot id is the machine's. A file over it can change at each reboot of the copy.
    write_new(f"{work}/boot_id", b"", 0o444)
    bind(f"{work}/boot_id", f"{root}/{_BOOT_ID}", readonly=True)
    # The machine's serial numbers are not the copy's: its folder is empty, or has the files that the caller names.
    for name, value in options["dmi"].items():
        write_new(f"{work}/dmi/{name}", value.encode(), 0o400)
    for name in ("/sys/devices/virtual/dmi/id", "/sys/class/dmi/id"):
        if os.path.isdir(root + name):
            bind(f"{work}/dmi", root + name, readonly=True)
            return
    if options["dmi"]:
        # A machine without DMI: its class folder gives way, since /sys takes no new names.
        mount("tmpfs", f"{root}/sys/class", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755,size=64k")
        os.makedirs(f"{root}/sys/class/dmi/id")
        bind(f"{work}/dmi", f"{root}/sys/class/dmi/id", readonly=True)


def _network_files(root: str, server: str) -> None:
    """The copy's own name, and a resolv.conf that still leads somewhere now that /run is empty."""
    if not os.path.isdir(f"{root}/etc"):
        return
    write_new(f"{root}/etc/hostname", f"{server}\n".encode(), 0o644)
    try:
        hosts = Path(f"{root}/etc/hosts").read_text(encoding="utf-8")
    except OSError:
        hosts = "127.0.0.1 localhost\n"
    write_new(f"{root}/etc/hosts", f"{hosts.rstrip()}\n127.0.1.1 {server}\n".encode(), 0o644)
    if os.path.islink(f"{root}/etc/resolv.conf") and os.path.isfile("/etc/resolv.conf"):
        # It leads into /run, which is emptied at every boot of the copy.
        write_new(f"{root}/etc/resolv.conf", Path("/etc/resolv.conf").read_bytes(), 0o644)


def _power_switch(root: str) -> None:
    """Let reboot, shutdown and the like ask the copy's first process. The real ones are links to systemctl."""
    if not os.path.isdir(f"{root}/usr/sbin"):
        return
    real = f"{root}/usr/bin/systemctl"
    if os.path.isfile(real) and not os.path.islink(real):
        # A copy, not a rename: without root the overlay cannot carry up a file of another user.
        write_new(f"{real}.machine", Path(real).read_bytes(), 0o755)
        write_new(real, _SYSTEMCTL_SHIM.encode(), 0o755)
    # On a merged /usr the second folder is a link to the first.
    folders = ["usr/sbin"] if os.path.islink(f"{root}/sbin") else ["usr/sbin", "sbin"]
    for folder in folders:
        for name in ("reboot", "shutdown", "poweroff", "halt"):
            path = f"{root}/{folder}/{name}"
            if os.path.lexists(path):
                os.unlink(path)
            write_new(path, _SHIM.encode(), 0o755)
