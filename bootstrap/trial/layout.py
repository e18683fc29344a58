"""The lay of a disk: its partition table, and the file system in each partition, by their magic bytes.

Nothing is mounted: the table is read by sfdisk, from a copy of the disk's first bytes where the image is a qcow2.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bootstrap.trial import programs

SECTOR_BYTES = 512
HEAD_BYTES = 1 << 20  # a partition table, and the boot code before it
SUPERBLOCKS_BYTES = 0x10050  # as far as the last of the magic bytes below
# (offset, bytes, name). LVM, LUKS, RAID and swap are in the table since their holder must be told by name.
MAGICS = (
    (0, b"LUKS\xba\xbe", "LUKS"),
    (0x1000, b"\xfc\x4e\x2b\xa9", "RAID"),
    (0x200, b"LABELONE", "LVM"),
    (0, b"XFSB", "xfs"),
    (0x10040, b"_BHRfS_M", "btrfs"),
    (0x400, b"\x10\x20\xf5\xf2", "f2fs"),
    (0x400, b"\xe2\xe1\xf5\xe0", "erofs"),
    (0, b"hsqs", "squashfs"),
    (0x8001, b"CD001", "ISO 9660"),
    (0xFF6, b"SWAPSPACE2", "swap"),
    (3, b"NTFS    ", "NTFS"),
    (0x52, b"FAT32   ", "FAT"),
    (0x36, b"FAT1", "FAT"),
)
EXT = ("ext2", "ext3", "ext4")
# Never the root: what starts a machine, and what it swaps to.
_NO_ROOT = ("", "FAT", "swap", "NTFS", "ISO 9660")
_ROOT_TYPE = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"  # root of x86-64, by the Discoverable Partitions Specification
_BOOT_TYPE = "BC13C2FF-59E6-4262-A352-B275FD6F7172"  # /boot, likewise
_EXTENDED = (0x05, 0x0F, 0x85)  # types of an MBR's partition that only holds others
_MOST_LOGICAL = 60


class Blocks(Protocol):
    """The bytes of a disk, whatever the format of its file is."""

    size_bytes: int

    def read(self, at: int, count: int) -> bytes:
        """Some bytes; fewer where the disk ends."""


@dataclass(frozen=True)
class Partition:
    """One partition. number: as in /dev/vda1. type: a GUID, or the two digits of an MBR. mounted: ext's own note."""

    number: int
    at_bytes: int
    size_bytes: int
    type: str
    file_system: str
    label: str = ""
    mounted: str = ""


@dataclass(frozen=True)
class Layout:
    """A disk. label: of its partition table: gpt, dos, or "" for none; then file_system is the disk's own."""

    label: str
    has_boot_code: bool = False
    partitions: tuple[Partition, ...] = ()
    file_system: str = ""

    @property
    def root(self) -> Partition | None:
        """The partition with the root file system, as far as can be told without reading it.

        The one that says so by its type, then the one that was mounted as /, then the largest that is not /boot.
        """
        able = [partition for partition in self.partitions if partition.file_system not in _NO_ROOT]
        return max(able, key=_likeness, default=None)


def _likeness(partition: Partition) -> tuple[bool, bool, bool, int]:
    is_boot = partition.type.upper() == _BOOT_TYPE or partition.mounted == "/boot" or partition.label.upper() == "BOOT"
    return partition.type.upper() == _ROOT_TYPE, partition.mounted == "/", not is_boot, partition.size_bytes


def read(blocks: Blocks) -> Layout:
    """The lay of a disk. A table that sfdisk cannot read counts as none."""
    head = blocks.read(0, HEAD_BYTES)
    is_gpt = head[SECTOR_BYTES : SECTOR_BYTES + 8] == b"EFI PART" or head[4096:4104] == b"EFI PART"
    file_system = "" if is_gpt else file_system_of(head)
    # A file system may have boot code in its first sector, with the signature of a partition table at its end.
    if file_system or not (is_gpt or head[510:512] == b"\x55\xaa"):
        return Layout("", file_system=file_system)
    table = _table(blocks, head)
    if table is None:
        return Layout("")
    sector = int(table.get("sectorsize", SECTOR_BYTES))
    partitions = tuple(
        _partition(blocks, row, sector) for row in table.get("partitions", ())
        if str(row["type"]) not in [f"{code:x}" for code in _EXTENDED]
    )  # fmt: skip
    return Layout(str(table["label"]), any(head[:440]), partitions)


def _table(blocks: Blocks, head: bytes) -> dict[str, Any] | None:
    with tempfile.TemporaryDirectory(prefix="table-") as folder:
        # As long as the disk itself, all holes behind its head: sfdisk compares the table with the size.
        copy = Path(folder, "disk")
        with copy.open("wb") as file:
            file.write(head)
            for at, sector in _logical(blocks, head):
                file.seek(at)
                file.write(sector)
            file.truncate(max(blocks.size_bytes, len(head)))
        try:
            table: dict[str, Any] = json.loads(programs.run("sfdisk", "--json", str(copy)))["partitiontable"]
        except programs.ProgramError:
            return None
        return table


def _logical(blocks: Blocks, head: bytes) -> Iterator[tuple[int, bytes]]:
    """(byte, content) of the sectors that describe an MBR's logical partitions: each names the next one."""
    entries = [head[at : at + 16] for at in range(446, 510, 16)]
    for extended in (_number(entry) for entry in entries if entry[4] in _EXTENDED):
        at = extended
        for _ in range(_MOST_LOGICAL):
            sector = blocks.read(at * SECTOR_BYTES, SECTOR_BYTES)
            yield at * SECTOR_BYTES, sector
            following = sector[462:478]
            if len(following) < 16 or not _number(following):
                break
            at = extended + _number(following)


def _number(entry: bytes) -> int:
    """The first sector in an entry of an MBR."""
    return int.from_bytes(entry[8:12], "little")


def _partition(blocks: Blocks, row: dict[str, Any], sector: int) -> Partition:
    at = int(row["start"]) * sector
    start = blocks.read(at, SUPERBLOCKS_BYTES)
    number = int(str(row["node"]).removeprefix(str(row["node"]).rstrip("0123456789")))
    file_system = file_system_of(start)
    label, mounted = (_text(start[0x478:0x488]), _text(start[0x488:0x4C8])) if file_system in EXT else ("", "")
    return Partition(number, at, int(row["size"]) * sector, str(row["type"]), file_system, label, mounted)


def _text(field: bytes) -> str:
    return field.split(b"\0")[0].decode(errors="replace")


def file_system_of(start: bytes) -> str:
    """The name of the file system, or of another thing, that begins with these bytes; "" for an unknown one."""
    for at, magic, name in MAGICS:
        if start[at : at + len(magic)] == magic:
            return name
    if start[0x438:0x43A] != b"\x53\xef":
        return ""
    compatible, incompatible = (int.from_bytes(start[at : at + 4], "little") for at in (0x45C, 0x460))
    # Extents, 64 bits and flexible groups are ext4's; a journal alone makes an ext3.
    if incompatible & 0x2C0:
        return "ext4"
    return "ext3" if compatible & 4 else "ext2"
