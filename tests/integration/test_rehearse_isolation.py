"""A payload that does its worst, as root in a copy, leaves this machine as it was."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import skips
from box import Box, needs_root
from handmade import payload, stage
from outside import changed, clock_offset_s, snapshot

pytestmark = [pytest.mark.integration, needs_root]

ROUNDS = 3


@dataclass
class Target:
    """Things of this machine that the payload is told to harm."""

    folder: Path
    block_device: str
    sentinel: subprocess.Popen[bytes]
    mark: str
    image_digest: str
    offset_s: float = field(default_factory=clock_offset_s)
    ruled: bool = False  # whether there is a table of the firewall by the name of mark
    said: dict[str, str] = field(default_factory=dict)

    @property
    def image(self) -> Path:
        return self.folder / "disk"


def absent(*folders: str) -> Callable[[Target], bool]:
    return lambda target: not any((Path(folder) / target.mark).exists() for folder in folders)


def sysctl_is_not(name: str, value: str) -> Callable[[Target], bool]:
    return lambda target: Path("/proc/sys/" + name).read_text().split()[0] != value


def refused(name: str, *words: str) -> Callable[[Target], bool]:
    """The attempt itself said that it was refused: what it would have harmed cannot be tried and undone."""
    return lambda target: any(word in target.said[name] for word in words)


def same_disk(target: Target) -> bool:
    return hashlib.sha256(target.image.read_bytes()).hexdigest() == target.image_digest


def same_clock(target: Target) -> bool:
    return abs(clock_offset_s() - target.offset_s) < 5


def sentinel_lives(target: Target) -> bool:
    return target.sentinel.poll() is None


def nothing_escaped(target: Target) -> bool:
    return not (target.folder / "escaped").exists()


PYTHON = "/usr/bin/python3 -c"
# name: (what is tried, as `sh -c` with $BLOCK, $MAJOR, $MINOR, $PID, $FOLDER and $MARK; how it looks from outside)
ATTEMPTS: dict[str, tuple[str, Callable[[Target], bool]]] = {
    "mkfs": ("mkfs.ext4 -F $BLOCK; dd if=/dev/zero of=$BLOCK count=8", same_disk),
    "mknod-block": (
        "for d in /tmp /dev /var /run /dev/shm /root; do mknod $d/$MARK b $MAJOR $MINOR && "
        "dd if=/dev/zero of=$d/$MARK count=8; done",
        same_disk,
    ),
    "mknod-memory": ("mknod /tmp/mem c 1 1 && echo made", lambda t: "made" not in t.said["mknod-memory"]),
    "date": ("date -s '2001-01-01 00:00:00'; hwclock --systohc", same_clock),
    "clock-settime": (f"{PYTHON} 'import time; time.clock_settime(time.CLOCK_REALTIME, 9e8)'", same_clock),
    "sysctl": ("sysctl -w vm.swappiness=37", sysctl_is_not("vm/swappiness", "37")),
    "proc-sys": ("echo 38 >/proc/sys/vm/swappiness", sysctl_is_not("vm/swappiness", "38")),
    "core-pattern": (
        "echo '|/bin/evil' >/proc/sys/kernel/core_pattern",
        lambda t: "evil" not in Path("/proc/sys/kernel/core_pattern").read_text(),
    ),
    "modprobe": ("modprobe dummy; insmod /x.ko", lambda t: not Path("/sys/class/net/dummy0").exists()),
    "iptables": ("iptables -F; iptables -P INPUT DROP; iptables -X", lambda t: True),
    "nft": ("nft flush ruleset", lambda t: not t.ruled or t.mark in subprocess.getoutput("nft list ruleset")),
    "write-etc": ("echo x >/etc/$MARK; echo x >>/etc/passwd; rm -f /etc/hostname", absent("/etc")),
    "write-usr": ("echo x >/usr/$MARK; echo x >/usr/bin/$MARK; rm -f /usr/bin/env", absent("/usr", "/usr/bin")),
    "write-var": ("echo x >/var/$MARK; rm -rf /var/lib/dpkg", absent("/var")),
    "write-boot": ("echo x >/boot/$MARK; rm -rf /boot/*", absent("/boot")),
    "write-root": ("echo x >/root/$MARK; rm -rf /root/.??*", absent("/root")),
    "write-home": ("echo x >/home/$MARK; for h in /home/*; do echo x >$h/$MARK; done", absent("/home")),
    "write-tmp": ("echo x >/tmp/$MARK; mkdir -p $FOLDER && echo x >$FOLDER/escaped", nothing_escaped),
    "write-run": ("echo x >/run/$MARK; echo x >/dev/shm/$MARK", absent("/run", "/dev/shm")),
    "chattr": ("chattr +i /etc/passwd", lambda t: True),
    "remount-rw": (
        "for m in / /sys /proc /proc/sys /dev; do mount -o remount,rw $m && echo done; done; "
        "mount -o remount,bind,rw /proc/sys && echo done",
        lambda t: "done" not in t.said["remount-rw"],
    ),
    "umount": ("umount -l /proc/sys; umount -l /sys; umount -l /; echo 39 >/proc/sys/vm/swappiness",
               sysctl_is_not("vm/swappiness", "39")),
    "mount-devtmpfs": (
        "mkdir -p /tmp/d && mount -t devtmpfs none /tmp/d && dd if=/dev/zero of=/tmp/d/${BLOCK##*/} count=8", same_disk
    ),
    "user-namespace": (
        "unshare -Urmp --fork sh -c 'echo 40 >/proc/sys/vm/swappiness; mount -o remount,rw /sys; "
        "mkdir -p /tmp/e; mount -t proc proc /tmp/e && echo 40 >/tmp/e/sys/vm/swappiness; "
        "mount -t devtmpfs none /tmp/e && dd if=/dev/zero of=/tmp/e/${BLOCK##*/} count=8; "
        "mknod /tmp/e/b b $MAJOR $MINOR && dd if=/dev/zero of=/tmp/e/b count=8'",
        lambda t: same_disk(t) and sysctl_is_not("vm/swappiness", "40")(t),
    ),
    # `h` only prints help to the kernel's log; `b` would end this machine, were it let through.
    "sysrq": ("echo h >/proc/sysrq-trigger && echo done", lambda t: "done" not in t.said["sysrq"]),
    "kill": ("kill -9 $PID; kill -9 -$PID", sentinel_lives),
    "reboot": (
        f"{PYTHON} 'import ctypes; print(ctypes.CDLL(None, use_errno=True).reboot(0x1234567), ctypes.get_errno())'",
        refused("reboot", "-1 "),
    ),
    "kexec": ("kexec -l /boot/vmlinuz; echo mem >/sys/power/state", lambda t: True),
    "sys-write": (
        "find /sys -xdev -type f -perm -200 2>/dev/null | "
        "while read f; do (: >>$f) 2>/dev/null && echo open $f; done; :",
        lambda t: "open" not in t.said["sys-write"],
    ),
    "proc-write": (
        "find /proc -path '/proc/[0-9]*' -prune -o -path '/proc/*self' -prune -o -type f -perm -200 -print "
        "2>/dev/null | while read f; do (: >>$f) 2>/dev/null && echo open $f; done; :",
        lambda t: "open" not in t.said["proc-write"],
    ),
    "chroot": (
        f"""{PYTHON} 'import os
os.makedirs("/tmp/j", exist_ok=True)
fd = os.open("/", os.O_RDONLY)
os.chroot("/tmp/j")
os.fchdir(fd)
for _ in range(64): os.chdir("..")
os.chroot(".")
open(os.environ["FOLDER"] + "/escaped", "w")'""",
        nothing_escaped,
    ),
    "proc-root": (
        "for p in /proc/[0-9]*; do echo x >$p/root$FOLDER/escaped; echo x >$p/cwd$FOLDER/escaped; "
        "for f in $p/fd/*; do echo x >$f$FOLDER/escaped; done; done",
        nothing_escaped,
    ),
    "proc-exe": (
        "chmod 0777 /proc/1/exe && echo done; chown 1:1 /proc/1/exe && echo done; "
        "cat /bin/true >/proc/1/exe && echo done",
        lambda t: "done" not in t.said["proc-exe"],
    ),
    "map-files": (
        "for f in /proc/1/map_files/*; do chmod 0777 $f && echo done; done", lambda t: "done" not in t.said["map-files"]
    ),
    "file-handle": (
        f"""{PYTHON} 'import ctypes, os, struct
libc = ctypes.CDLL(None, use_errno=True)
for path in "/dev/null", "/", "/etc", "/proc/1/exe":
    fd = os.open(path, os.O_RDONLY)
    # The root folder of an ext4 or xfs: inode 2 or 128, generation 0. What leads there leads everywhere.
    for inode in 2, 128:
        handle = ctypes.create_string_buffer(struct.pack("IiII", 8, 1, inode, 0))
        got = libc.open_by_handle_at(fd, handle, 0)
        if got >= 0: print("opened", os.listdir(got))'""",
        lambda t: "opened" not in t.said["file-handle"],
    ),
    "trace-init": (
        f"""{PYTHON} 'import ctypes; libc = ctypes.CDLL(None, use_errno=True)
import os
for ns in "mnt", "net", "pid", "uts":
    fd = os.open("/proc/1/ns/" + ns, os.O_RDONLY)
    if libc.setns(fd, 0) == 0 and os.path.exists(os.environ["FOLDER"]): print("entered", ns)'""",
        lambda t: "entered" not in t.said["trace-init"],
    ),
    "hostname": ("hostname $MARK; echo $MARK >/proc/sys/kernel/hostname", lambda t: os.uname().nodename != t.mark),
    "dmesg": ("dmesg -C; dmesg -n 1", lambda t: True),
    "link-down": ("ip link set eth0 down; ip link set lo down; ip link add zz0 type dummy", lambda t: True),
    "cgroup": (
        "mkdir /sys/fs/cgroup/$MARK /sys/fs/cgroup/*/$MARK",
        lambda t: not list(Path("/sys/fs/cgroup").glob(f"**/{t.mark}")),
    ),
    "swapoff": ("swapoff -a; swapon $BLOCK", lambda t: True),
    "listen": (f"{PYTHON} 'import socket; socket.create_server((\"0.0.0.0\", 45678))'", lambda t: True),
    # Last: they end the payload, too.
    "kill-all": ("kill -9 -1; sleep 5", sentinel_lives),
    "shutdown": ("shutdown -h now; sleep 5", sentinel_lives),
}
ENDING = {"kill-all", "shutdown"}


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    """The things to harm, harmed: each round tries all attempts, as stages of a real payload."""
    # Not tmp_path: its folder is root's own only, and the name has to be known inside.
    with tempfile.TemporaryDirectory(prefix="isolation-") as name:
        folder = Path(name)
        image = folder / "disk"
        image.write_bytes(os.urandom(1 << 20))
        device = loop_device(image)
        sentinel = subprocess.Popen(["sleep", "600"])
        digest = hashlib.sha256(image.read_bytes()).hexdigest()
        found = Target(folder, device or "/dev/loop0", sentinel, f"mark{os.getpid()}", digest)
        if shutil.which("nft") or skips.IS_CI:
            table = ["nft", "add", "table", "inet", found.mark]
            found.ruled = subprocess.run(table, capture_output=True, check=False).returncode == 0
        try:
            yield found
        finally:
            if found.ruled:
                subprocess.run(["nft", "delete", "table", "inet", found.mark], check=False)
            sentinel.kill()
            sentinel.wait()
            if device:
                subprocess.run(["losetup", "-d", device], check=False)


def loop_device(image: Path) -> str | None:
    done = subprocess.run(["losetup", "--show", "-f", str(image)], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


@pytest.fixture(scope="module")
def differences(target: Target) -> set[str]:
    """What of this machine was different after the attempts.

    Other things happen on a machine meanwhile, so what counts is what differs in every round: each round's payload
    writes other bytes, so whatever it reaches differs each time.
    """
    always: set[str] = set()
    for number in range(ROUNDS):
        before = snapshot()
        attempt_all(target, number)
        found = changed(before, snapshot())
        always = found if number == 0 else always & found
        if not always:
            break
    return always


def attempt_all(target: Target, number: int) -> None:
    there = os.stat(target.block_device) if os.path.exists(target.block_device) else None
    environment = {
        "BLOCK": target.block_device, "MAJOR": str(os.major(there.st_rdev) if there else 7), "MARK": target.mark,
        "MINOR": str(os.minor(there.st_rdev) if there else 0), "PID": str(target.sentinel.pid),
        "FOLDER": str(target.folder), "ROUND": f"{number} {time.time()}",
    }  # fmt: skip
    stages = [
        stage(name, f"( {script}\n) 2>&1 || true\n", environment=environment)
        for name, (script, _) in ATTEMPTS.items()
        if name not in ENDING
    ]
    # What they wrote must differ from round to round, see above.
    again = 'for d in /etc /usr /var /boot; do echo "$ROUND" >$d/$MARK || true; done\n'
    stages.append(stage("again", again, environment=environment))
    target.said.clear()
    with Box(payload(stages).files, cron="fast") as box:
        # A payload that gets through may well break the copy: what it did is then judged by what is here.
        deadline = time.monotonic() + 60
        while box.state() not in ("healthy", "failed") and time.monotonic() < deadline:
            time.sleep(0.05)
        ended = {event["stage"] for event in box.events("stage.ended")}
        target.said.update({name: box.log(name) for name in ended})
        for name in ENDING:
            box.sh(ATTEMPTS[name][0])
            target.said[name] = "tried"


@pytest.mark.alone
@pytest.mark.parametrize("name", ATTEMPTS)
def test_the_attempt_harms_nothing_outside(differences: set[str], target: Target, name: str) -> None:
    assert name in target.said, "the attempt did not come to its end"
    assert ATTEMPTS[name][1](target), target.said[name]


@pytest.mark.alone
def test_nothing_outside_differs(differences: set[str]) -> None:
    assert differences == set()


def test_the_attempts_could_do_harm_where_they_may(target: Target) -> None:
    """Inside the copy the same writes do work: the tests above do not pass because nothing was tried."""
    with Box() as box:
        done = box.sh(f"rm -rf /etc/passwd /boot /usr/share/doc; echo x >/usr/{target.mark}; ls -a / /usr /etc")
    assert target.mark in done.stdout
    assert "passwd\n" not in done.stdout
    assert os.path.exists("/etc/passwd")


def test_the_snapshot_sees_what_it_should(target: Target) -> None:
    """The comparison would notice: a new file, a changed one, and a changed mode."""
    before = snapshot()
    path = Path("/var/tmp") / target.mark
    path.write_text("x")
    try:
        assert str(path) in changed(before, snapshot())
        before = snapshot()
        path.chmod(0o600)
        assert str(path) in changed(before, snapshot())
    finally:
        path.unlink()


def test_no_process_namespace_or_folder_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with Box() as box:
        box.sh("setsid sleep 1000 >/dev/null 2>&1 & setsid sh -c 'trap : TERM HUP INT; sleep 1000' >/dev/null 2>&1 &")
        assert box.collector.get("/v1/servers") == {"servers": []}
        spaces = {os.readlink(f"/proc/{box.copy.pid}/ns/{name}") for name in ("pid", "mnt", "net", "ipc", "uts")}
        spaces -= {os.readlink(f"/proc/self/ns/{name}") for name in ("pid", "mnt", "net", "ipc", "uts")}
        assert len(spaces) == 5
        assert len(processes_in(spaces)) >= 4
    # What was killed is listed until the kernel has put it away.
    deadline = time.monotonic() + 30
    while (left := processes_in(spaces)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []
    assert os.listdir(tmp_path) == []


def processes_in(spaces: set[str]) -> list[int]:
    """Processes that are in any of these namespaces."""
    found = []
    for pid in (name for name in os.listdir("/proc") if name.isdigit()):
        try:
            if spaces & {os.readlink(f"/proc/{pid}/ns/{name}") for name in ("pid", "mnt", "net", "ipc", "uts")}:
                found.append(int(pid))
        except OSError:
            continue
    return found


def test_a_killed_rehearsal_takes_everything_along(tmp_path: Path) -> None:
    """SIGKILL to the program itself, which cannot clean up: no process of the copy or of its collector lives on."""
    script = (
        "import sys, time; sys.path[:0] = sys.argv[1:]\n"
        "from box import Box\n"
        "box = Box(); box.__enter__()\n"
        "box.sh('setsid sleep 1000 >/dev/null 2>&1 &'); box.collector\n"
        "print(box.copy.pid, flush=True); time.sleep(1000)\n"
    )
    here = Path(__file__).resolve().parents[2]
    argv = [sys.executable, "-c", script, str(here), str(here / "tests/support")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)}) as program:
        assert program.stdout is not None
        pid = int(program.stdout.readline())
        spaces = {os.readlink(f"/proc/{pid}/ns/{name}") for name in ("pid", "net")}
        assert len(processes_in(spaces)) >= 3
        program.kill()
    deadline = time.monotonic() + 10
    while processes_in(spaces) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert processes_in(spaces) == []
