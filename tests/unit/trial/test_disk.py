"""A throwaway disk of an image, by what the image is; what no machine could boot is named, with a way out."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
import tiny_images
from tiny_images import MIB

from bootstrap.errors import UsageError
from bootstrap.trial import disk, layout
from bootstrap.trial.machine import Start

pytestmark = tiny_images.needs_disk_programs
GPT = f"label: gpt\nstart=2048,size=2048,type={tiny_images.OWN_LOADER}\nstart=8192,type=linux\n"
UEFI = "label: gpt\nstart=2048,size=2048,type=uefi\nstart=8192,type=linux\n"
NO_LOADER = "label: gpt\nstart=8192,type=linux\n"
AT = 4 * MIB


@pytest.fixture(scope="module")
def inner(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bare ext4 of a root with a kernel."""
    folder = tmp_path_factory.mktemp("inner")
    return tiny_images.ext4(folder / "inner", tiny_images.root(folder / "root"))


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "a folder, of work"
    folder.mkdir()
    return folder


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def message(image: Path, work: Path, *, raw: bool = False) -> tuple[str, str | None]:
    with pytest.raises(UsageError) as error:
        disk.opened(image, work, raw=raw)
    assert list(work.iterdir()) == []
    return error.value.message.replace(str(image), "IMAGE"), error.value.hint


@pytest.mark.parametrize("is_qcow2", [False, True], ids=["raw", "qcow2"])
def test_an_overlay_is_written_to_and_the_image_never(is_qcow2: bool, inner: Path, tmp_path: Path, work: Path) -> None:
    image = tiny_images.partitioned(tmp_path / "an, image", GPT, (AT, inner), sector=b"\xfa")
    # The format is told by the file's own bytes.
    image = tiny_images.qcow2(image).rename(tmp_path / "image.raw") if is_qcow2 else image
    before = digest(image)
    start = disk.opened(image, work)
    assert start == Start(work / "disk.qcow2", "qcow2", root_at_bytes=AT)
    assert disk.root_file_system(start) == "ext4"
    assert disk.read(start, "/etc/hostname") == b"guest\n"
    assert disk.read(start, "/etc/nothing") is None
    assert sorted(path.name for path in work.iterdir()) == ["disk.qcow2"]
    assert start.disk.stat().st_size < MIB
    assert digest(image) == before


@pytest.mark.parametrize("is_qcow2", [False, True], ids=["raw", "qcow2"])
def test_files_are_injected_into_a_raw_copy(is_qcow2: bool, inner: Path, tmp_path: Path, work: Path) -> None:
    image = tiny_images.partitioned(tmp_path / "image", GPT, (AT, inner), sector=b"\xfa")
    image = tiny_images.qcow2(image) if is_qcow2 else image
    before = digest(image)
    start = disk.opened(image, work, raw=True)
    assert start == Start(work / "disk.img", "raw", root_at_bytes=AT)
    disk.inject(start, {"/etc/cron.d/ours": b"* * * * *\n", "/etc/rc.local": b"#!/bin/sh\n"}, {"/etc/rc.local": 0o755})
    assert disk.read(start, "/etc/cron.d/ours") == b"* * * * *\n"
    assert (digest(image), sorted(path.name for path in work.iterdir())) == (before, ["disk.img"])
    with pytest.raises(UsageError) as error:
        disk.inject(start, {"/etc/large": b"0" * 20 * MIB})
    assert error.value.message.startswith("a file cannot be written into the image: /etc/large was not written: write")
    with pytest.raises(ValueError, match="into a raw disk only"):
        disk.inject(disk.opened(image, work), {"/etc/file": b""})


def test_the_disk_of_a_trial_can_be_larger_than_the_image(inner: Path, tmp_path: Path, work: Path) -> None:
    image = tiny_images.partitioned(tmp_path / "image", GPT, (AT, inner), sector=b"\xfa")
    assert disk.opened(image, work, raw=True, size_bytes=MIB).disk.stat().st_size == 64 * MIB
    assert disk.opened(image, work, raw=True, size_bytes=100 * MIB).disk.stat().st_size == 100 * MIB
    start = disk.opened(image, work, size_bytes=100 * MIB)
    assert disk.Qcow2Blocks(start.disk).size_bytes == 100 * MIB


@pytest.mark.parametrize("is_qcow2", [False, True], ids=["raw", "qcow2"])
def test_a_bare_file_system_is_booted_by_its_own_kernel(is_qcow2: bool, inner: Path, work: Path) -> None:
    image = tiny_images.qcow2(inner) if is_qcow2 else inner
    start = disk.opened(image, work)
    assert (start.disk_format, start.uefi, start.root_at_bytes) == ("raw", False, 0)
    assert start.kernel and start.kernel.read_bytes() == tiny_images.kernel()
    assert start.command_line.startswith("root=/dev/vda ")
    disk.inject(start, {"/etc/file": b"content"})
    assert disk.read(start, "/etc/file") == b"content"


def test_a_partitioned_disk_without_a_boot_loader_is_booted_by_its_own_kernel(
    inner: Path, tmp_path: Path, work: Path
) -> None:
    start = disk.opened(tiny_images.partitioned(tmp_path / "image", NO_LOADER, (AT, inner)), work)
    assert start.command_line.startswith("root=/dev/vda1 ") and start.kernel and start.root_at_bytes == AT


def test_a_disk_for_uefi_is_booted_by_it(inner: Path, tmp_path: Path, work: Path) -> None:
    start = disk.opened(tiny_images.partitioned(tmp_path / "image", UEFI, (AT, inner)), work)
    assert start == Start(work / "disk.qcow2", "qcow2", uefi=True, root_at_bytes=AT)


# What lies in the partition of a disk that its own boot loader starts, and the sentence about it.
FOREIGN = {
    b"XFSB": "its root file system is xfs",
    b"LUKS\xba\xbe": "its root file system is encrypted by LUKS",
    bytes(0x200) + b"LABELONE": "its root file system is a volume group of LVM",
    bytes(0x10040) + b"_BHRfS_M": "its root file system is btrfs",
    b"": "no root file system is known in it",
}


@pytest.mark.parametrize("content", FOREIGN, ids=["xfs", "LUKS", "LVM", "btrfs", "none"])
def test_a_foreign_file_system_boots_and_takes_no_files(content: bytes, tmp_path: Path, work: Path) -> None:
    image = tiny_images.partitioned(tmp_path / "image", GPT, (AT, content), sector=b"\xfa")
    start = disk.opened(image, work, raw=True)
    with pytest.raises(UsageError) as error:
        disk.inject(start, {"/etc/file": b""})
    assert error.value.message == (
        f"no file can be written into the image: {FOREIGN[content]}, and only ext2, ext3 and ext4 are written"
    )
    assert error.value.hint == "--source nocloud and --source config-drive need no writing into the image"
    disk.inject(start, {})
    with pytest.raises(UsageError) as error:
        disk.read(start, "/etc/file")
    assert error.value.message == (
        f"no file can be read from the image: {FOREIGN[content]}, and only ext2, ext3 and ext4 are read"
    )


# The first bytes of a file that is no disk, and the whole message.
NO_DISK = [
    (b"", "IMAGE is empty"),
    (b"garbage" * 1000, "IMAGE has neither a partition table nor a file system that is known"),
    (b"KDMV", "IMAGE is a VMware disk (VMDK), which a trial does not read"),
    (b"vhdxfile", "IMAGE is a Hyper-V disk (VHDX), which a trial does not read"),
    (bytes(0x40) + b"\x7f\x10\xda\xbe", "IMAGE is a VirtualBox disk (VDI), which a trial does not read"),
    (b"\x1f\x8b", "IMAGE is packed by gzip"),
    (b"\xfd7zXZ\0", "IMAGE is packed by xz"),
    (bytes(257) + b"ustar", "IMAGE is packed by tar"),
    (
        b"XFSB".ljust(MIB, b"\0"),
        "IMAGE has no partition table and is xfs: a kernel is taken only out of ext2, ext3 and ext4",
    ),
    (
        (bytes(0x8001) + b"CD001").ljust(MIB, b"\0"),
        "IMAGE has no partition table and is ISO 9660: a kernel is taken only out of ext2, ext3 and ext4",
    ),
    (b"QFI\xfb\0\0\0\x09", "IMAGE cannot be used: qemu-img ended with 1: "),
]


@pytest.mark.parametrize(("content", "text"), NO_DISK, ids=[text[6:40] for _, text in NO_DISK])
def test_a_file_that_is_no_disk_is_named_for_what_it_is(content: bytes, text: str, tmp_path: Path, work: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(content)
    answer, hint = message(image, work)
    assert answer.startswith(text) if text.endswith(" ") else answer == text
    assert hint or text.endswith(" ")


def test_what_is_not_there_or_may_not_be_read_is_told(tmp_path: Path, work: Path) -> None:
    assert message(tmp_path / "nothing", work)[0] == "IMAGE cannot be read: No such file or directory"
    os.mkfifo(tmp_path / "pipe")
    assert message(tmp_path / "pipe", work)[0] == "IMAGE is neither a regular file nor a folder"
    assert message(tmp_path, work)[0] == "IMAGE has no kernel: there is no /boot/vmlinuz-* in it"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user for a moment")
def test_a_file_without_rights_is_told(tmp_path: Path, work: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(b"x")
    image.chmod(0)
    os.seteuid(65534)
    try:
        with pytest.raises(UsageError, match=r"cannot be read: Permission denied$"):
            disk.opened(image, work)
    finally:
        os.seteuid(0)


def test_a_disk_without_a_boot_loader_and_a_kernel_that_could_be_taken_is_refused(tmp_path: Path, work: Path) -> None:
    image = tiny_images.partitioned(tmp_path / "image", NO_LOADER, (AT, b"XFSB"))
    answer, hint = message(image, work)
    first, _, reason = answer.partition(": ")
    assert first == "IMAGE has a partition table, no boot loader, and no kernel that could be taken out"
    assert reason == "its root file system is xfs"
    assert hint == "install a boot loader in it, or try the root folder that it is made from"


def test_the_bytes_of_a_qcow2_are_those_of_its_disk(tmp_path: Path) -> None:
    content = bytes(range(256)) * 4096
    (tmp_path / "image").write_bytes(content)
    blocks = disk.Qcow2Blocks(tiny_images.qcow2(tmp_path / "image"))
    assert blocks.size_bytes == MIB
    assert blocks.read(512, 1000) == content[512:1512]
    assert blocks.read(MIB - 512, layout.SUPERBLOCKS_BYTES) == content[-512:]
    assert blocks.read(MIB, 512) == b""
