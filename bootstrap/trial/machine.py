"""A virtual machine: QEMU with a disk, a power switch and a console.

    with Machine(start, folder) as machine:
        machine.boot()
        machine.wait_for(lambda: "login:" in machine.console(), 120, "the login prompt")
        machine.power_cut()
        machine.boot()  # the same disk

Nothing is left after the block, and QEMU ends with this program even when that is killed.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from bootstrap.errors import ExitCode, HostError, harmless
from bootstrap.trial import firmware, programs, vga
from bootstrap.trial.programs import escaped
from bootstrap.trial.qmp import Qmp, QmpError

T = TypeVar("T")
# How a guest finds this machine's loopback, by the kind of its network.
COLLECTOR_HOSTS = {"user": "10.0.2.2", "metadata": "169.254.2.2"}
METADATA_HOST = "169.254.169.254"
_END_S = 30.0
_LAST_LINES = 40
_POLL_S = 0.1
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # and other orders to a terminal


class MachineError(HostError):
    """A machine did not do what was waited for. The message ends with the last lines of its console."""

    code = "machine"


class NotInTime(MachineError):
    """The same, because the time ran out."""

    exit_code = ExitCode.TIMEOUT


class NotYet(Exception):
    """Raised by a predicate of Machine.wait_for when there is no answer now: it is asked again."""


@dataclass(frozen=True)
class Start:
    """The disk that a machine is switched on with, and how it boots.

    disk: writable and throwaway, an overlay or a copy, never the image itself. disk_format: qcow2 or raw.
    kernel: None when the disk has its own boot loader, which uefi then says the kind of. root_at_bytes: where the
    root file system begins on the disk.
    """

    disk: Path
    disk_format: str
    kernel: Path | None = None
    initrd: Path | None = None
    command_line: str = ""
    uefi: bool = False
    root_at_bytes: int = 0


def kvm_works() -> bool:
    """Whether KVM can be used. /dev/kvm alone is no proof: without the processor's own support it may crawl."""
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    return bool(re.search(r"\b(vmx|svm)\b", flags)) and os.access("/dev/kvm", os.R_OK | os.W_OK)


class Machine:
    """One virtual machine. Its disk stays between boots.

    folder: for the console's text and what QEMU itself says; it belongs to the caller, who removes it.
    drives: images of more disks, which the guest can only read. uuid: of the machine, as its firmware names it.
    network: "user", "metadata" (169.254.0.0/16, with a server at 169.254.169.254:80, which is metadata_port of this
    machine's loopback) or "none". forward: (port here, port of the guest), on the loopback. options: more words for
    QEMU.
    """

    def __init__(
        self,
        start: Start,
        folder: Path,
        *,
        drives: Sequence[Path] = (),
        uuid: str | None = None,
        memory_mib: int = 1024,
        processors: int = 1,
        network: str = "user",
        metadata_port: int | None = None,
        forward: Sequence[tuple[int, int]] = (),
        options: Sequence[str] = (),
    ) -> None:
        if (network == "metadata") != (metadata_port is not None):
            raise ValueError("a metadata_port belongs to the network 'metadata'")
        self.start, self.folder, self.drives, self.uuid = start, folder, tuple(drives), uuid
        self.memory_mib, self.processors = memory_mib, processors
        self.network, self.metadata_port = network, metadata_port
        self.forward, self.options = tuple(forward), tuple(options)
        self.process: subprocess.Popen[bytes] | None = None
        self.powered_on = 0.0  # monotonic seconds of the last boot() or reset()
        self._line: Qmp | None = None
        self._console, self._messages = folder / "console", folder / "qemu"
        self._before = 0  # bytes of the console before the present boot

    def __enter__(self) -> Self:
        self._console.touch()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.power_cut()

    # --- power ------------------------------------------------------------------------------------------------------

    @property
    def is_on(self) -> bool:
        """Whether QEMU runs. A guest that has switched itself off is off."""
        return self.process is not None and self.process.poll() is None

    def boot(self) -> None:
        """Switch it on, and return at once. The thread that does this must live on: QEMU ends with it.

        Raises UsageError when QEMU is missing.
        """
        if self.is_on:
            raise ValueError("the machine is on")
        programs.need([programs.QEMU, "setpriv"])
        self._forget()
        self.note_boot()
        self._line = Qmp()
        theirs = self._line.theirs
        # A session of its own keeps ^C at the terminal from QEMU: this program ends it, and says why.
        with self._messages.open("ab") as messages:
            self.process = subprocess.Popen(
                [programs.path_of("setpriv") or "", "--pdeathsig", "KILL", *self.arguments(theirs.fileno())],
                pass_fds=[theirs.fileno()], start_new_session=not self.is_interactive,
                stdin=None if self.is_interactive else subprocess.DEVNULL,
                stdout=None if self.is_interactive else messages, stderr=messages,
            )  # fmt: skip
        theirs.close()

    def power_cut(self) -> None:
        """Switch it off at once: what the guest had in memory is gone, pages that it had not written too.

        What it had written and not flushed stays: QEMU (cache=writeback) had passed it to this machine's kernel, which
        lives on. A real machine may lose that as well, so a power cut here is a little kinder than a real one.
        """
        if self.process is not None:
            self.process.kill()
            self.process.wait(_END_S)
        self._forget()

    def reset(self) -> None:
        """Press the reset button. Raises MachineError when QEMU does not take it."""
        self.note_boot()
        try:
            self._control().call("system_reset")
        except QmpError as error:
            raise MachineError(f"the machine was not reset: {error}") from error

    def since(self) -> float:
        """Seconds since it was last switched on or reset."""
        return time.monotonic() - self.powered_on

    def note_boot(self) -> None:
        """Count seconds and the console's text from now on: a boot begins."""
        self.powered_on = time.monotonic()
        self._before = self._console.stat().st_size if self._console.exists() else 0

    def _forget(self) -> None:
        if self._line is not None:
            self._line.close()
        self.process = self._line = None

    def _control(self) -> Qmp:
        if self._line is None or not self.is_on:
            raise QmpError("the machine is off")
        return self._line

    # --- the words for QEMU -----------------------------------------------------------------------------------------

    # Whether the console is this program's own terminal, too.
    is_interactive = False

    def arguments(self, control: int) -> list[str]:
        """QEMU with all its options. control: the descriptor of its control line."""
        return [
            programs.path_of(programs.QEMU) or programs.QEMU, *self._processor(), "-M", "q35,smm=off",
            "-smp", str(self.processors), "-m", str(self.memory_mib),
            "-nodefaults", "-no-user-config", "-display", "none", *self._loader(),
            "-chardev", f"{self.console_device()},id=console", "-serial", "chardev:console",
            "-chardev", f"socket,id=control,fd={control}", "-mon", "chardev=control,mode=control",
            *self._disks(), *self._network(), "-device", "virtio-rng-pci",
            *(["-uuid", self.uuid] if self.uuid else []), *self.options,
        ]  # fmt: skip

    def accelerator(self) -> str:
        """QEMU's word for whether the guest runs on this processor, or is emulated."""
        return "kvm" if kvm_works() else "tcg,thread=multi"

    def _processor(self) -> list[str]:
        accelerator = self.accelerator()
        # Some distributions refuse to start below x86-64-v2. `max` boots far more slowly, and svm loads kvm_amd.
        emulated = "qemu64,-svm,+rdrand,+ssse3,+sse4.1,+sse4.2,+popcnt"
        return ["-accel", accelerator, "-cpu", "host" if accelerator == "kvm" else emulated]

    def console_device(self) -> str:
        """The chardev of the console."""
        return f"file,path={escaped(self._console)},append=on"

    def _loader(self) -> list[str]:
        if self.start.kernel is not None:
            initrd = ["-initrd", str(self.start.initrd)] if self.start.initrd else []
            return ["-kernel", str(self.start.kernel), *initrd, "-append", self.start.command_line]
        if not self.start.uefi:
            # A screen for BIOS and boot loader. It is no PCI device, so the guest's kernel has no driver that would
            # leave its text mode, which screen() reads. With smm=on SeaBIOS stands still at it (1.16.2 on q35).
            return ["-device", "isa-vga"]
        code, template = firmware.ovmf()
        variables = self.folder / "uefi-variables"
        if not variables.exists():
            shutil.copyfile(template, variables)
        # Without a screen OVMF talks to the console.
        return [
            "-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={escaped(code)}",
            "-drive", f"if=pflash,unit=1,format=raw,file={escaped(variables)}",
        ]  # fmt: skip

    def _disks(self) -> list[str]:
        disk = f"file={escaped(self.start.disk)},format={self.start.disk_format},if=none,id=disk,discard=unmap"
        argv = ["-drive", disk, "-device", "virtio-blk-pci,drive=disk,bootindex=1"]
        for number, drive in enumerate(self.drives):
            argv += ["-drive", f"file={escaped(drive)},format=raw,if=none,id=drive{number},readonly=on"]
            argv += ["-device", f"virtio-blk-pci,drive=drive{number}"]
        return argv

    def _network(self) -> list[str]:
        if self.network == "none":
            return []
        words = ["user", "id=net", *(f"hostfwd=tcp:127.0.0.1:{here}-:{there}" for here, there in self.forward)]
        if self.network == "metadata":
            relay = self.folder / "relay.py"
            relay.write_bytes(resources.files("bootstrap.trial").joinpath("relay.py").read_bytes())
            # A program for each connection: a forward to a port would serve one in the machine's whole life.
            command = " ".join(_word(word) for word in (sys.executable, "-I", "-S", relay, self.metadata_port))
            words += [
                "net=169.254.0.0/16", f"host={COLLECTOR_HOSTS['metadata']}", "dns=169.254.2.3",
                "dhcpstart=169.254.2.15", f"guestfwd=tcp:{METADATA_HOST}:80-cmd:{command}".replace(",", ",,"),
            ]  # fmt: skip
        # Without romfile= it would offer to boot from the network.
        return ["-netdev", ",".join(words), "-device", "virtio-net-pci,netdev=net,romfile="]

    # --- looking ----------------------------------------------------------------------------------------------------

    @property
    def collector_host(self) -> str:
        """The address at which the guest finds this machine's loopback."""
        return COLLECTOR_HOSTS[self.network]

    def console(self, *, all_boots: bool = False) -> str:
        """The text on its console (ttyS0) since it was last switched on or reset."""
        with self._console.open("rb") as file:
            file.seek(0 if all_boots else self._before)
            return file.read().decode(errors="replace").replace("\r", "")

    def screen(self) -> str:
        """The text on its screen; "" when it is off, has none, or shows graphics."""
        if self.start.kernel is not None or self.start.uefi:
            return ""
        with contextlib.suppress(QmpError):
            return vga.text(self._control(), self.folder / "screen")
        return ""

    def last_lines(self) -> str:
        """The end of the console's text for a message; of the screen's when the console is silent."""
        lines = harmless(_COLOURS.sub("", self.console(all_boots=True))).rstrip().splitlines()[-_LAST_LINES:]
        if lines:
            return "\n".join(["The last lines of the console:", *lines])
        silent = "The console (ttyS0) was silent."
        if self.start.kernel is None:
            silent += " The image's own boot loader decides what appears there: console=ttyS0 on the kernel's line."
        screen = harmless(self.screen())
        return f"{silent} The screen:\n{screen}" if screen else silent

    def wait_for(self, predicate: Callable[[], T], timeout_s: float, purpose: str) -> T:
        """Poll until the predicate returns something true, which is returned. purpose: what is waited for, a noun.

        Raises NotInTime after timeout_s, and MachineError when QEMU has ended.
        """
        end = time.monotonic() + timeout_s
        while True:
            reason = ""
            try:
                if answer := predicate():
                    return answer
            except NotYet as error:
                reason = f" ({error})"
            if self.process is not None and self.process.poll() is not None:
                raise MachineError(f"{self._ended()}, while this was waited for: {purpose}\n{self.last_lines()}")
            if time.monotonic() > end:
                raise NotInTime(f"not in {timeout_s:.0f} s: {purpose}{reason}\n{self.last_lines()}")
            time.sleep(_POLL_S)

    def _ended(self) -> str:
        code = self.process.returncode if self.process is not None else None
        if code == 0:
            return "the machine has switched itself off"
        messages = self._messages.read_text(errors="replace").strip()[-2000:] if self._messages.exists() else ""
        return f"QEMU has ended with {code} ({messages or 'it said nothing'})"


def _word(word: object) -> str:
    """One word of a command that QEMU takes apart like a shell."""
    return "'" + str(word).replace("'", "'\\''") + "'"
