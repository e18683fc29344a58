"""The lay of a disk is read from its bytes: table, file systems, and the partition with the root file system."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny_images
from tiny_images import MIB

from bootstrap.trial import layout
from bootstrap.trial.disk import Qcow2Blocks, RawBlocks
from bootstrap.trial.layout import Layout, Partition

MAGICS = [
    (0, b"XFSB", "xfs"),
    (0x10040, b"_BHRfS_M", "btrfs"),
    (0x200, b"LABELONE", "LVM"),
    (0, b"LUKS\xba\xbe\0\2", "LUKS"),
    (0x1000, b"\xfc\x4e\x2b\xa9", "RAID"),
    (0x8001, b"CD001", "ISO 9660"),
    (0, b"hsqs", "squashfs"),
    (0x52, b"FAT32   ", "FAT"),
    (0x36, b"FAT16   ", "FAT"),
    (0, b"nothing", ""),
]
GPT = (
    f"label: gpt\nstart=2048,size=2048,type={tiny_images.OWN_LOADER}\n"
    "start=4096,size=4096,type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B\nstart=8192,type=linux\n"
)


def part(number: int, file_system: str, size: int = 1, **more: str) -> Partition:
    return Partition(number, number * MIB, size * MIB, more.pop("type", "83"), file_system, **more)


@pytest.mark.parametrize(("at", "magic", "name"), MAGICS, ids=[name or "unknown" for _, _, name in MAGICS])
def test_a_file_system_is_known_by_its_magic_bytes(at: int, magic: bytes, name: str) -> None:
    start = bytearray(layout.SUPERBLOCKS_BYTES)
    start[at : at + len(magic)] = magic
    assert layout.file_system_of(bytes(start)) == name


@tiny_images.needs_disk_programs
@pytest.mark.parametrize("kind", layout.EXT)
def test_the_three_ext_file_systems_are_told_apart(kind: str, tmp_path: Path) -> None:
    image = tiny_images.ext4(tmp_path / "image", kind=kind)
    assert layout.read(RawBlocks(image)) == Layout("", file_system=kind)


@tiny_images.needs_disk_programs
@pytest.mark.parametrize("is_qcow2", [False, True], ids=["raw", "qcow2"])
def test_a_gpt_disk_is_read_whatever_its_file_is(is_qcow2: bool, tmp_path: Path) -> None:
    inner = tiny_images.ext4(tmp_path / "inner", label="system")
    fat = bytes(0x36) + b"FAT16   "
    image = tiny_images.partitioned(tmp_path / "image", GPT, (2 * MIB, fat), (4 * MIB, inner), sector=b"\xfa")
    plan = layout.read(Qcow2Blocks(tiny_images.qcow2(image)) if is_qcow2 else RawBlocks(image))
    assert (plan.label, plan.has_boot_code) == ("gpt", True)
    numbers = [(p.number, p.at_bytes, p.file_system, p.label) for p in plan.partitions]
    assert numbers == [(1, MIB, "", ""), (2, 2 * MIB, "FAT", ""), (3, 4 * MIB, "ext4", "system")]
    assert plan.root == plan.partitions[2]


@tiny_images.needs_disk_programs
def test_an_mbr_disk_is_read_with_its_logical_partition_and_not_the_one_that_holds_it(tmp_path: Path) -> None:
    inner = tiny_images.ext4(tmp_path / "inner", mib=8)
    table = "label: dos\nstart=2048,size=8192,type=82\nstart=12288,type=5\nstart=14336,type=83\n"
    image = tiny_images.partitioned(tmp_path / "image", table, (7 * MIB, inner))
    plan = layout.read(RawBlocks(image))
    assert (plan.label, plan.has_boot_code) == ("dos", False)
    assert [(p.number, p.at_bytes, p.file_system) for p in plan.partitions] == [(1, MIB, ""), (5, 7 * MIB, "ext4")]


@tiny_images.needs_disk_programs
def test_a_file_system_with_boot_code_is_no_partition_table(tmp_path: Path) -> None:
    image = tiny_images.ext4(tmp_path / "image")
    with image.open("r+b") as file:
        file.seek(510)
        file.write(b"\x55\xaa")
    assert layout.read(RawBlocks(image)) == Layout("", file_system="ext4")


@tiny_images.needs_disk_programs
def test_a_table_that_nobody_can_read_counts_as_none(tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes((bytes(512) + b"EFI PART" + b"\xff" * 100).ljust(MIB, b"\0"))
    assert layout.read(RawBlocks(image)) == Layout("")


ROOTS = [
    ([part(1, "ext4", 9), part(2, "ext4", type="4f68bce3-e8cd-4db1-96e7-fbcaf984b709")], 2),
    ([part(1, "ext4", 9), part(2, "ext4", mounted="/")], 2),
    ([part(1, "ext4", 9, label="BOOT"), part(2, "xfs", 5)], 2),
    ([part(1, "ext4", 9, mounted="/boot"), part(2, "LVM", 5)], 2),
    ([part(1, "FAT", 9), part(2, "swap", 9), part(3, "btrfs")], 3),
    ([part(1, "FAT", 9), part(2, "", 9)], None),
]


@pytest.mark.parametrize(("partitions", "number"), ROOTS)
def test_the_root_file_system_is_found(partitions: list[Partition], number: int | None) -> None:
    root = Layout("gpt", partitions=tuple(partitions)).root
    assert (root.number if root else None) == number
