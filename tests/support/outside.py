"""The state of this machine that a rehearsal must not change, read so that two moments can be compared."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

# These change by themselves on any running machine.
RESTLESS_SYSCTLS = (
    "fs/dentry-state", "fs/file-nr", "fs/inode-", "fs/quota", "fs/binfmt_misc", "kernel/random", "kernel/ns_last_pid",
    "kernel/pty/nr", "kernel/perf_event_max_sample_rate", "net/netfilter/nf_conntrack_count",
    "net/ipv4/tcp_fastopen_key",
    "fs/aio-nr", "kernel/sched_domain", "kernel/cad_pid", "vm/stat_refresh", "kernel/keys", "net/ipv4/route/flush",
    "net/ipv6/route/flush", "vm/compact_memory", "vm/drop_caches", "fs/epoll",
)  # fmt: skip


def files(top: str, *, contents: bool) -> Iterator[tuple[str, str]]:
    """(path, all about it) below top, on its own file system: mode, owner, size, times, link; contents: SHA-256 too."""
    device = os.lstat(top).st_dev
    folders = [top]
    while folders:
        folder = folders.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda one: one.name)
        except OSError:
            continue
        for entry in [*entries, None]:
            path = folder if entry is None else entry.path
            try:
                status = os.lstat(path)
            except FileNotFoundError:
                continue
            if status.st_dev != device:
                continue
            if entry is not None and stat.S_ISDIR(status.st_mode):
                folders.append(path)
                continue
            owner = [status.st_mode, status.st_uid, status.st_gid]
            about = [*owner, status.st_size, status.st_mtime_ns, status.st_ctime_ns]
            text = " ".join(map(str, about))
            if stat.S_ISLNK(status.st_mode):
                text += " -> " + os.readlink(path)
            elif contents and stat.S_ISREG(status.st_mode):
                text += " " + hashlib.sha256(Path(path).read_bytes()).hexdigest()
            yield path, text


def sysctls() -> Iterator[tuple[str, str]]:
    """Every value below /proc/sys that can be read and does not move by itself."""
    for folder, _, names in os.walk("/proc/sys"):
        for name in names:
            path = os.path.join(folder, name)
            if path.removeprefix("/proc/sys/").startswith(RESTLESS_SYSCTLS) or not os.stat(path).st_mode & 0o444:
                continue
            try:
                yield path, Path(path).read_bytes().decode(errors="replace")
            except OSError:
                continue


def listeners() -> Iterator[tuple[str, str]]:
    """Every listening socket of this machine's network."""
    for name in ("tcp", "tcp6", "udp", "udp6"):
        for line in Path(f"/proc/self/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] in ("0A", "07"):
                yield f"{name} {fields[1]}", "listens"


def said_by(*argv: str) -> str:
    """The output of a tool; the reason, when it is missing or fails."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except OSError as error:
        return str(error)
    # Counters and the time of the listing are no rules.
    return "\n".join(line for line in (done.stdout + done.stderr).splitlines() if not line.startswith("#"))


def snapshot() -> dict[str, str]:
    """Everything, as name -> value."""
    texts: dict[str, str] = {}
    for top, contents in (("/etc", True), ("/usr", False), ("/var", False), ("/boot", False)):
        texts.update(files(top, contents=contents))
    texts.update(sysctls())
    texts.update(listeners())
    texts["mounts"] = Path("/proc/self/mountinfo").read_text()
    modules = Path("/proc/modules")
    texts["modules"] = "\n".join(sorted(line.split()[0] for line in modules.open())) if modules.exists() else ""
    texts["nft"] = said_by("nft", "list", "ruleset")
    texts["iptables"] = said_by("iptables-save")
    texts["links"] = said_by("ip", "-o", "link")
    texts["hostname"] = os.uname().nodename
    texts["boot"] = Path("/proc/sys/kernel/random/boot_id").read_text()
    for name in sorted(os.listdir("/dev")):
        node = os.lstat(f"/dev/{name}")
        if stat.S_ISBLK(node.st_mode) or stat.S_ISCHR(node.st_mode):
            texts[f"/dev/{name}"] = f"{node.st_mode:o} {node.st_uid} {node.st_rdev:x}"
    for folder in ("/root", "/home", "/tmp"):
        for name in os.listdir(folder):
            texts[f"{folder}/{name}"] = "there"
    return texts


def clock_offset_s() -> float:
    """Wall clock less time since boot: it moves only when somebody sets the clock."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """Names whose value differs, is new, or is gone."""
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
