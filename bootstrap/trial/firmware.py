"""The firmware of a machine: BIOS or UEFI, as the partition table asks for it, and where UEFI lies on this machine."""

from __future__ import annotations

import enum
from pathlib import Path

from bootstrap.errors import UsageError
from bootstrap.trial.layout import Layout

BIOS_BOOT = "21686148-6449-6E6F-744E-656564454649"
EFI_SYSTEM = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
EFI_SYSTEM_MBR = "ef"
# (code, variables): as Debian and Ubuntu, Fedora, Arch, and openSUSE install OVMF, in this order. 4 MB ones come first,
# since newer images need the room. None of them enforces Secure Boot, whose keys an image need not have.
OVMF = (
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
    ("/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/qemu/ovmf-x86_64-vars.bin"),
)


class Firmware(enum.Enum):
    """What starts a disk. NONE: the disk has no boot loader, and needs a kernel from outside."""

    BIOS = "BIOS"
    UEFI = "UEFI"
    NONE = "none"


def wanted(layout: Layout) -> Firmware:
    """The firmware that a disk is made for.

    BIOS where it can be started by both, as the images of clouds: it needs no OVMF, and is faster under emulation.
    """
    types = {partition.type.upper() for partition in layout.partitions}
    if layout.has_boot_code and (layout.label == "dos" or BIOS_BOOT in types):
        return Firmware.BIOS
    if EFI_SYSTEM in types or EFI_SYSTEM_MBR.upper() in types:
        return Firmware.UEFI
    return Firmware.BIOS if layout.has_boot_code else Firmware.NONE


def ovmf() -> tuple[Path, Path]:
    """The files of UEFI: its code, and the template of its variables. Raises UsageError when there are none."""
    for code, variables in OVMF:
        if Path(code).is_file() and Path(variables).is_file():
            return Path(code), Path(variables)
    raise UsageError(
        "the image boots by UEFI, and OVMF is missing on this machine",
        hint="apt-get install ovmf",
    )
