"""A virtual machine: QEMU with a disk, a power switch and a console.

    with Machine(start, folder) as machine:
        machine.boot()
        machine.wait_for(lambda: "login:" in machine.console(), 120, "the login prompt")
        machine.power_cut()
        machine.boot()                                   # the same disk
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from bootstrap.errors import ExitCode, HostError

T = TypeVar("T")


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


class Machine:
    """One virtual machine. Its disk stays between boots; QEMU ends with the block, and with this program.

    folder: for the console's text and what QEMU itself says; it belongs to the caller.
    drives: images of more disks, which the guest can only read. uuid: of the machine, as its firmware names it.
    network: "user", "metadata" (there are 169.254.0.0/16 and a server at 169.254.169.254:80, which is the port
    metadata_port of this machine's loopback) or "none". forward: (port here, port of the guest), on the loopback.
    options: more words for QEMU.
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
        self.start, self.folder, self.drives, self.uuid = start, folder, drives, uuid
        self.memory_mib, self.processors = memory_mib, processors
        self.network, self.metadata_port, self.forward, self.options = network, metadata_port, forward, options

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.power_cut()

    @property
    def collector_host(self) -> str:
        """The address at which the guest finds this machine's loopback."""
        raise NotImplementedError

    @property
    def is_on(self) -> bool:
        """Whether QEMU runs. A guest that has switched itself off is off."""
        raise NotImplementedError

    def boot(self) -> None:
        """Switch it on, and return at once."""

    def power_cut(self) -> None:
        """Switch it off at once: what the guest had not written is gone."""

    def reset(self) -> None:
        """Press the reset button."""

    def since(self) -> float:
        """Seconds since it was last switched on or reset."""
        raise NotImplementedError

    def console(self, *, all_boots: bool = False) -> str:
        """The text on its console (ttyS0) since it was last switched on or reset."""
        raise NotImplementedError

    def screen(self) -> str:
        """The text on its screen; "" when it is off, or shows graphics."""
        raise NotImplementedError

    def wait_for(self, predicate: Callable[[], T], timeout_s: float, purpose: str) -> T:
        """Poll until the predicate returns something true, which is returned.

        Raises NotInTime after timeout_s, and MachineError when QEMU has ended.
        """
        raise NotImplementedError
