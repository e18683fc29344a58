"""Kernel command lines that hold for the builder alone: its disks, its volumes, its addresses, its ids."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bootstrap.image import fstab
from bootstrap.image.finding import Finding, Severity
from bootstrap.image.fstab import Mount, id_of
from bootstrap.image.judges.disks import HARDWARE, is_foreign_swap
from bootstrap.image.kernel_lines import KernelLine, kernel_lines
from bootstrap.image.packages import Packaged
from bootstrap.image.settings_files import read_all
from bootstrap.image.tree import Tree

CODES = {
    "kernel.hardware": "a kernel command line with a disk by the name of its hardware",
    "kernel.root": "a kernel command line with another root file system than fstab has",
    "kernel.volume": "a kernel command line with a volume group, an array or an encrypted disk that the image's own"
    " files do not name; a warning where the root file system may be on it",
    "kernel.resume": "a kernel command line with a swap space to resume from that fstab does not have (a warning)",
    "kernel.address": "a kernel command line with a fixed address, or a card by its MAC address",
    "kernel.identity": "a kernel command line with a machine id, a host name (a warning) or an initiator's name",
}

_FIX = "take it out, and make the boot loader's files anew: update-grub, grub2-mkconfig, kernel-install"


def find(tree: Tree, packaged: Packaged) -> Iterator[Finding]:
    """The findings of a root."""
    lines = kernel_lines(tree)
    if not lines:
        return
    mounts = fstab.mounts(tree)
    own = _ids_of_settings(tree)
    for line in lines:
        yield from _disks(line, mounts)
        yield from _volumes(line, mounts, own)
        yield from _addresses(line)
        yield from _identities(line)


def _finding(code: str, line: KernelLine, subject: str, reason: str, *, warning: bool = False) -> Finding:
    severity = Severity.WARNING if warning else Severity.ERROR
    return Finding(f"kernel.{code}", line.path, subject, reason, _FIX, severity=severity)


def _disks(line: KernelLine, mounts: list[Mount]) -> Iterator[Finding]:
    sources = line.values("root", "resume", "usr", "systemd.verity_root_data", "rd.luks.data", "cryptdevice")
    by_hardware = [source for source in sources if HARDWARE.match(source)]
    if by_hardware:
        subject = f"a disk by the name of its hardware ({', '.join(by_hardware)})"
        yield _finding("hardware", line, subject, "a clone's disk has another name: it would not start")
    root = next((mount for mount in mounts if mount.place == "/"), None)
    for source in line.values("root"):
        if root is not None and _contradicts(id_of(source), root.id):
            subject = f"another root file system ({source}) than fstab has ({root.source})"
            yield _finding("root", line, subject, "one of the two is the builder's: a clone would not start")
            break
    resumes = [source for source in line.values("resume") if source not in by_hardware]
    resumes = [source for source in resumes if is_foreign_swap(source, mounts)]
    if resumes:
        subject = f"a swap space to resume from ({', '.join(resumes)}) that fstab does not have"
        yield _finding("resume", line, subject, "the initrd of a clone may wait for it", warning=True)


def _contradicts(named: tuple[str, str], own: tuple[str, str]) -> bool:
    """Whether two names of a root cannot be the same disk's. Names of different kinds cannot be compared."""
    return named[0] == own[0] and named[0] != "" and named[1] != own[1]


def _volumes(line: KernelLine, mounts: list[Mount], own: str) -> Iterator[Finding]:
    groups = {volume.split("/")[0] for volume in line.values("rd.lvm.lv", "rd.lvm.vg", "rd_LVM_LV")}
    groups |= {group for source in line.values("root", "resume") if (group := _group(source))}
    named = {group for mount in mounts if (group := _group(mount.source))}
    # A link by the ids of device mapper names no group that could be compared.
    foreign = set() if any("/dm-uuid-LVM" in mount.source for mount in mounts) else groups - named
    ids = line.values(
        "rd.luks.uuid", "rd.luks.name", "luks.uuid", "luks.name", "rd.md.uuid", "rd_MD_UUID", "rd_LUKS_UUID"
    )
    plain = {value.split("=")[0].removeprefix("luks-") for value in ids}
    unknown = sorted(foreign) + sorted(value for value in plain if _letters(value) not in own)
    if unknown:
        root = next((mount.id[0] for mount in mounts if mount.place == "/"), None)
        yield _finding(
            "volume", line, f"volumes that nothing else in the image names ({', '.join(unknown)})",
            "a clone without them waits, and may not start", warning=root in ("UUID", "LABEL"),
        )  # fmt: skip


def _group(source: str) -> str:
    """The volume group of a logical volume's path, "" for another. A dash in a name is doubled in /dev/mapper."""
    mapped = re.fullmatch(r"/dev/mapper/((?:[^-/]|--)+)-(?:[^-/]|--)+", source)
    if mapped:
        return mapped[1].replace("--", "-")
    plain = re.fullmatch(r"/dev/((?!disk/|mapper/|md/|vx/|block/|zvol/)[^/]+)/[^/]+", source)
    return plain[1] if plain else ""


def _ids_of_settings(tree: Tree) -> str:
    """The letters of the files that name arrays and encrypted disks, to look for an id in."""
    files = read_all(tree, "/etc/crypttab", "/etc/mdadm/mdadm.conf", "/etc/mdadm.conf", "/etc/mdadm.conf.d/*")
    return _letters("".join(file.text for file in files))


def _letters(text: str) -> str:
    # One and the same id of an array is written with colons in one file, with dashes in another.
    return re.sub(r"[:-]", "", text).lower()


def _addresses(line: KernelLine) -> Iterator[Finding]:
    # ip=ADDRESS:SERVER:GATEWAY:MASK:HOST:CARD:METHOD, ip=dhcp or ip=CARD:dhcp; an IPv6 address is in brackets.
    fixed = [f"ip={value}" for value in line.values("ip") if re.match(r"\d+\.\d+\.\d+\.\d+|\[[0-9a-fA-F:]+\]", value)]
    fixed += [f"ifname={value}" for value in line.values("ifname")]
    fixed += [f"BOOTIF={value}" for value in line.values("BOOTIF")]
    if fixed:
        subject = f"the builder's network ({', '.join(fixed)})"
        yield _finding(
            "address", line, subject, "clones would share one address, or wait for a card"
        )


def _identities(line: KernelLine) -> Iterator[Finding]:
    ids = [f"systemd.machine_id={value}" for value in line.values("systemd.machine_id") if value != "firmware"]
    ids += [f"rd.iscsi.initiator={value}" for value in line.values("rd.iscsi.initiator", "iscsi_initiator")]
    names = [f"systemd.hostname={value}" for value in line.values("systemd.hostname")]
    names = [name for name in names if not name.endswith("=localhost")]
    if ids or names:
        subject = f"an identity ({', '.join([*ids, *names])})"
        yield _finding("identity", line, subject, "clones would share it", warning=not ids)
