"""One virtual machine: QEMU with a real kernel, its disk, its buttons, its console and a hand inside it.

    with Guest(image, files={"/etc/rc.local": b"..."}) as guest:
        guest.boot()
        guest.wait_for(lambda: "login:" in guest.console())
        guest.power_cut()
        guest.boot()                                 # the same disk

The guest sees this machine's loopback as 10.0.2.2. Without hardware for KVM it is emulated: a boot takes about 12 s.
Every wait has an end and says what the console said last. Nothing is left after the block.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import TypeVar
from uuid import uuid4

import disks
from images import Image, roomy
from sockets import Agent, NoAnswer, Refused, qmp

T = TypeVar("T")
QEMU = "qemu-system-x86_64"
HOST = "10.0.2.2"  # this machine's loopback, as guests see it
SMALL = 1 << 30  # bytes that a copied disk may come to
NS_EACH = 2  # nanoseconds of a counted instruction, a power of two
# Shortens the boot under emulation and leaves alone what a runner could meet.
KERNEL = (
    "rw console=ttyS0 panic=-1 net.ifnames=0 mitigations=off audit=0 apparmor=0 nowatchdog "
    "tsc=reliable no_timer_check cryptomgr.notests 8250.nr_uarts=1 rcupdate.rcu_expedited=1 random.trust_cpu=on"
)


class GuestError(AssertionError):
    """Something did not come to pass; the message holds the console's end."""


def kvm_works() -> bool:
    """/dev/kvm alone is no proof: without the processor's own support it may be there and crawl."""
    flags = Path("/proc/cpuinfo").read_text()
    return bool(re.search(r"\b(vmx|svm)\b", flags)) and os.access("/dev/kvm", os.R_OK | os.W_OK)


class Guest:
    """A virtual machine with a disk of its own, which stays between boots.

    files: injected before the first boot with mode 0400, as Nova does, or those of modes. drive: an image for a second
    disk, read-only. clock_second: at power on the guest's clock stands at this second of the present minute, so that
    cron's next minute comes when a test wants it; None: the time of this machine. append: more words for the kernel.
    uuid: of the machine, as its firmware says it: drawn when not given, as clouds do; "" for firmware that has none.
    interactive: its console is on this terminal, too. counted: its clock counts the instructions
    that it runs, NS_EACH each, and goes with ours while it has nothing to do: a boot takes as long on a busy machine.
    network: cleared, it has no network device.
    """

    def __init__(
        self,
        image: Image,
        *,
        files: Mapping[str, bytes] | None = None,
        modes: Mapping[str, int] | None = None,
        drive: bytes | None = None,
        clock_second: int | None = None,
        uuid: str | None = None,
        append: str = "",
        memory_mib: int = 512,
        interactive: bool = False,
        counted: bool = False,
        network: bool = True,
    ) -> None:
        self.image, self.clock_second, self.append = image, clock_second, append
        self.uuid = str(uuid4()) if uuid is None else uuid
        self.memory_mib, self.interactive, self.counted = memory_mib, interactive, counted
        self.network = network
        self._files, self._modes, self._drive = dict(files or {}), dict(modes or {}), drive
        self.process: subprocess.Popen[bytes] | None = None
        self.powered_on = 0.0  # monotonic seconds of the last boot() or reset()
        self._heard = 0  # bytes of the console before that

    def __enter__(self) -> Guest:
        # A short path: a socket's may have a hundred characters.
        self.work = Path(tempfile.mkdtemp(prefix="guest-", dir=roomy(SMALL)))
        try:
            self.disk = self.work / "disk.img"
            disks.copy(self.image.disk, self.disk)
            disks.inject(self.disk, self._files, self._modes)
            if self._drive is not None:
                (self.work / "drive.img").write_bytes(self._drive)
            (self.work / "console").touch()
        except BaseException:
            shutil.rmtree(self.work, ignore_errors=True)
            raise
        self.agent = Agent(self.work / "agent")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.power_cut()
            keep = os.environ.get("INITIALRUNNER_VM_KEEP")
            if keep and kind is not None:
                # For looking at afterwards: disk.img, console, and what QEMU said.
                left_out = shutil.ignore_patterns("agent", "qmp")
                shutil.copytree(self.work, Path(keep) / self.work.name, ignore=left_out)
        finally:
            shutil.rmtree(self.work, ignore_errors=True)

    # --- power ------------------------------------------------------------------------------------------------------

    def boot(self) -> None:
        """Switch it on, and return at once."""
        assert self.process is None, "it is on"
        for name in ("agent", "qmp"):
            (self.work / name).unlink(missing_ok=True)
        self._mark()
        with (self.work / "qemu").open("ab") as said:
            self.process = subprocess.Popen(
                # Ended with us, even if we are killed.
                ["setpriv", "--pdeathsig", "KILL", *self._command()],
                stdin=None if self.interactive else subprocess.DEVNULL,
                stdout=None if self.interactive else said, stderr=said,
            )  # fmt: skip

    def power_cut(self) -> None:
        """QEMU killed: gone is all that the guest had in memory, unwritten pages too."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)
            self.process = None

    def reset(self) -> None:
        """The reset button."""
        self._mark()
        qmp(self.work / "qmp", "system_reset")

    def reboot(self) -> None:
        """The guest's own way down and up again."""
        self._mark()
        self.agent.start("/bin/systemctl", "reboot")

    def shut_down(self, timeout_s: float = 120) -> None:
        """The guest's own way to off: all that it wrote is on its disk."""
        assert self.process is not None, "it is off"
        self.agent.start("/bin/systemctl", "poweroff")
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise GuestError(f"it is still on after {timeout_s:.0f} s:\n{self.console()[-3000:]}") from None
        self.process = None

    def since(self) -> float:
        """Seconds since it was last switched on, reset or told to reboot."""
        return time.monotonic() - self.powered_on

    def _mark(self) -> None:
        self.powered_on = time.monotonic()
        self._heard = (self.work / "console").stat().st_size

    def _command(self) -> list[str]:
        kvm, said = kvm_works() and not self.counted, self.work / "console"
        line = (
            f"stdio,mux=on,signal=off,logfile={said},logappend=on"
            if self.interactive
            else f"file,path={said},append=on"
        )
        emulated = "tcg,thread=single" if self.counted else "tcg,thread=multi"
        argv = [
            QEMU, "-accel", "kvm" if kvm else emulated, "-M", "q35", "-smp", "1", "-m", str(self.memory_mib),
            "-cpu", "host" if kvm else "qemu64,-svm,+rdrand", "-nodefaults", "-no-user-config", "-display", "none",
            "-kernel", str(self.image.kernel), "-initrd", str(self.image.initrd),
            "-append", f"{KERNEL} {self.append}".strip(),
            "-chardev", f"{line},id=console", "-serial", "chardev:console",
            "-qmp", f"unix:{self.work}/qmp,server=on,wait=off",
            "-drive", f"file={self.disk},format=raw,if=none,id=disk,discard=unmap",
            "-device", "virtio-blk-pci,drive=disk",
            *(["-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="] if self.network else []),
            "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
            "-chardev", f"socket,id=agent,path={self.work}/agent,server=on,wait=off",
            "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
        ]  # fmt: skip
        if (self.work / "drive.img").exists():
            argv += ["-drive", f"file={self.work}/drive.img,format=raw,if=none,id=second,readonly=on"]
            argv += ["-device", "virtio-blk-pci,drive=second"]
        if self.counted:
            argv += ["-icount", f"shift={NS_EACH.bit_length() - 1},sleep=on", "-rtc", "clock=vm"]
        if self.uuid:
            argv += ["-uuid", self.uuid]
        if self.clock_second is not None:
            now = datetime.now(UTC)
            base = now.replace(second=self.clock_second)
            # Never behind this machine's clock: systemd would set it to a later one by itself.
            base += timedelta(minutes=1) if base < now else timedelta()
            argv += ["-rtc", f"base={base:%Y-%m-%dT%H:%M:%S}"]
        return argv

    # --- looking ----------------------------------------------------------------------------------------------------

    def console(self, *, all_boots: bool = False) -> str:
        """What it said on its console since it was last switched on."""
        with (self.work / "console").open("rb") as file:
            file.seek(0 if all_boots else self._heard)
            return file.read().decode(errors="replace").replace("\r", "")

    def sh(self, script: str, timeout_s: float = 60) -> str:
        """What a script says in the guest, both outputs, through its agent; it must end well. Waits for the agent."""
        self.wait_for(self.agent.answers, 120, "the guest agent answers")
        code, said = self.agent.run("/bin/sh", "-c", script, timeout_s=timeout_s)
        if code != 0:
            raise GuestError(f"{script} ended with {code}:\n{said}")
        return said

    def text(self, path: str) -> str:
        """A file of the running guest; "" when it is not there."""
        return self.sh(f"cat '{path}' 2>/dev/null || :")

    def wait_for(self, predicate: Callable[[], T], timeout_s: float, what: str) -> T:
        """Poll until predicate() is true and give what it returned; GuestError when it is not so after timeout_s."""
        end = time.monotonic() + timeout_s
        while True:
            try:
                found = predicate()
            except (NoAnswer, Refused) as error:
                # The guest may be on its way down or up: asked again.
                found, said = None, str(error)
            else:
                said = ""
            if found:
                return found
            if self.process is not None and self.process.poll() is not None:
                qemu = (self.work / "qemu").read_text(errors="replace")[-2000:]
                raise GuestError(f"QEMU has ended with {self.process.returncode} before {what}: {qemu}")
            if time.monotonic() > end:
                tail = "\n".join(self.console(all_boots=True).splitlines()[-40:])
                raise GuestError(f"not in {timeout_s:.0f} s: {what} {said}\nthe console's end:\n{tail}")
            time.sleep(0.1)

    def wait_console(self, pattern: str, timeout_s: float = 120) -> re.Match[str]:
        """Until this expression is on the console of the present boot."""
        return self.wait_for(lambda: re.search(pattern, self.console()), timeout_s, f"{pattern!r} on the console")
