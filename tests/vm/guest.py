"""One virtual machine of a test: a machine of a trial, with a hand inside it, and a clock that a test sets.

    with Guest(image, files={"/etc/rc.local": b"..."}) as guest:
        guest.boot()
        guest.wait_for(lambda: "login:" in guest.console(), 120, "the login prompt")
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
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from uuid import uuid4

from images import Image, roomy
from sockets import Agent

from bootstrap.trial import disk, kernel
from bootstrap.trial.machine import COLLECTOR_HOSTS, Machine, MachineError, Start

HOST = COLLECTOR_HOSTS["user"]  # this machine's loopback, as guests see it
SMALL = 1 << 30  # bytes that a copied disk may come to
NS_EACH = 2  # nanoseconds of a counted instruction, a power of two
# Shortens the boot under emulation, too, and leaves alone what a runner could meet.
KERNEL = f"{kernel.command_line()} panic=-1 net.ifnames=0 audit=0 apparmor=0"


class Guest(Machine):
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
        # A short path: a socket's may have a hundred characters.
        folder = Path(tempfile.mkdtemp(prefix="guest-", dir=roomy(SMALL)))
        self.is_interactive, self.counted, self.clock_second = interactive, counted, clock_second
        try:
            kind = disk.throwaway(image.disk, "raw", folder, raw=True)
            start = Start(*kind, image.kernel, image.initrd, f"{KERNEL} {append}".strip())
            disk.inject(start, files or {}, modes)
            drives = [] if drive is None else [folder / "drive.img"]
            for path in drives:
                path.write_bytes(drive or b"")
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        self.agent = Agent(folder / "agent")
        super().__init__(
            start, folder, drives=drives, uuid=str(uuid4()) if uuid is None else uuid, memory_mib=memory_mib,
            network="user" if network else "none",
        )  # fmt: skip

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
            keep = os.environ.get("INITIALRUNNER_VM_KEEP")
            if keep and kind is not None:
                # For looking at afterwards: disk.img, console, and what QEMU said.
                shutil.copytree(self.folder, Path(keep) / self.folder.name, ignore=shutil.ignore_patterns("agent"))
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def disk(self) -> Path:
        return self.start.disk

    # --- power ------------------------------------------------------------------------------------------------------

    def boot(self) -> None:
        self.agent.path.unlink(missing_ok=True)
        super().boot()

    def reboot(self) -> None:
        """The guest's own way down and up again."""
        self.note_boot()
        self.agent.start("/bin/systemctl", "reboot")

    def shut_down(self, timeout_s: float = 120) -> None:
        """The guest's own way to off: all that it wrote is on its disk."""
        assert self.process is not None, "it is off"
        self.agent.start("/bin/systemctl", "poweroff")
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise MachineError(f"it is still on after {timeout_s:.0f} s\n{self.last_lines()}") from None
        self.power_cut()

    # --- the words for QEMU -----------------------------------------------------------------------------------------

    def arguments(self, control: int) -> list[str]:
        argv = [
            *super().arguments(control), "-device", "virtio-serial-pci",
            "-chardev", f"socket,id=agent,path={self.agent.path},server=on,wait=off",
            "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
        ]  # fmt: skip
        if self.counted:
            argv += ["-icount", f"shift={NS_EACH.bit_length() - 1},sleep=on", "-rtc", "clock=vm"]
        if self.clock_second is not None:
            now = datetime.now(UTC)
            base = now.replace(second=self.clock_second)
            # Never behind this machine's clock: systemd would set it to a later one by itself.
            base += timedelta(minutes=1) if base < now else timedelta()
            argv += ["-rtc", f"base={base:%Y-%m-%dT%H:%M:%S}"]
        return argv

    def accelerator(self) -> str:
        return "tcg,thread=single" if self.counted else super().accelerator()

    def console_device(self) -> str:
        if not self.is_interactive:
            return super().console_device()
        return f"stdio,mux=on,signal=off,logfile={self.folder / 'console'},logappend=on"

    # --- looking ----------------------------------------------------------------------------------------------------

    def sh(self, script: str, timeout_s: float = 60) -> str:
        """What a script says in the guest, both outputs, through its agent; it must end well. Waits for the agent."""
        self.wait_for(self.agent.answers, 120, "the guest agent answers")
        code, said = self.agent.run("/bin/sh", "-c", script, timeout_s=timeout_s)
        if code != 0:
            raise MachineError(f"{script} ended with {code}:\n{said}")
        return said

    def text(self, path: str) -> str:
        """A file of the running guest; "" when it is not there."""
        return self.sh(f"cat '{path}' 2>/dev/null || :")

    def wait_console(self, pattern: str, timeout_s: float = 120) -> re.Match[str]:
        """Until this expression is on the console of the present boot."""
        match = self.wait_for(lambda: re.search(pattern, self.console()), timeout_s, f"{pattern!r} on the console")
        assert match
        return match
