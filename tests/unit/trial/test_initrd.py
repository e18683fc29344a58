"""An image's own initial file system is taken when it has the drivers; the small one has those that are needed."""

from __future__ import annotations

import bz2
import gzip
import lzma
import subprocess
from pathlib import Path

import pytest

from bootstrap.errors import UsageError
from bootstrap.trial import initrd, programs

DRIVERS = ("lib/virtio_pci.ko.xz", "lib/virtio_blk.ko", "lib/ext4.ko.zst")
BUILT_IN = "kernel/drivers/virtio/virtio_pci.ko\nkernel/fs/ext4/ext4.ko\n"


def archive(*names: str) -> bytes:
    entries = [*((name, 0o100644, b"content" * len(name), (0, 0)) for name in names), ("TRAILER!!!", 0, b"", (0, 0))]
    return b"".join(initrd._entry(at, *entry) for at, entry in enumerate(entries))


# Debian's begin with the microcode of a processor, padded with zeros.
MICROCODE = archive("kernel/x86/microcode/AuthenticAMD.bin").ljust(1536, b"\0")
FORMS = {
    "plain": lambda data: data,
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
    "gzip behind microcode": lambda data: MICROCODE + gzip.compress(data),
}


@pytest.mark.parametrize("form", FORMS)
def test_drivers_are_found_in_every_form_of_an_archive(form: str) -> None:
    assert initrd.finds_the_disk(FORMS[form](archive(*DRIVERS)), "")
    assert not initrd.finds_the_disk(FORMS[form](archive(*DRIVERS[:2])), "")
    assert not initrd.finds_the_disk(FORMS[form](archive("bin/sh")), BUILT_IN)
    assert initrd.finds_the_disk(FORMS[form](archive("lib/virtio_blk.ko")), BUILT_IN)


@pytest.mark.parametrize(
    "data",
    [b"", b"garbage", gzip.compress(b"garbage"), gzip.compress(archive(*DRIVERS))[:-40]],
    ids=["empty", "garbage", "packed garbage", "cut off"],
)
def test_what_cannot_be_read_does_not_count(data: bytes) -> None:
    assert not initrd.finds_the_disk(data, "")


@pytest.mark.parametrize(("program", "form"), [("zstd", "zst"), ("lz4", "lz4")])
def test_a_form_that_a_program_unpacks_does_not_count_without_it(
    program: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "path_of", lambda _: None)
    magic = {"zst": b"\x28\xb5\x2f\xfd", "lz4": b"\x02\x21\x4c\x18"}[form]
    assert not initrd.finds_the_disk(magic + b"whatever", BUILT_IN)
    with pytest.raises(UsageError, match=f"^{program} is missing on this machine$"):
        initrd.unpacked(magic)


FILES = {
    "/lib/modules/6.1/modules.dep": (
        b"kernel/virtio_blk.ko.xz: kernel/ring.ko kernel/virtio.ko\nkernel/ring.ko: kernel/virtio.ko\n"
        b"kernel/virtio.ko:\nkernel/fs/ext4.ko: kernel/fs/jbd2.ko\nkernel/fs/jbd2.ko:\nkernel/other.ko:\n"
    ),
    "/lib/modules/6.1/kernel/virtio_blk.ko.xz": lzma.compress(b"virtio_blk"),
    "/lib/modules/6.1/kernel/ring.ko": b"ring",
    "/lib/modules/6.1/kernel/virtio.ko": b"virtio",
    "/lib/modules/6.1/kernel/fs/ext4.ko": b"ext4",
    "/lib/modules/6.1/kernel/fs/jbd2.ko": b"jbd2",
}


def test_the_small_one_has_each_driver_after_what_it_needs(tmp_path: Path) -> None:
    busybox = {"bin/busybox": b"busybox", "lib/x86/libc.so.6": b"libc"}
    made = gzip.decompress(initrd.make(FILES.get, "/lib/modules/6.1", busybox, root="/dev/vda3", file_system="ext3"))
    subprocess.run(["busybox", "cpio", "-id", "--quiet"], input=made, cwd=tmp_path, check=True, capture_output=True)
    init = (tmp_path / "init").read_text()
    assert "for driver in virtio.ko ring.ko virtio_blk.ko jbd2.ko ext4.ko; do" in init
    assert "mount -t ext3 -o rw /dev/vda3 /disk" in init
    assert (tmp_path / "virtio_blk.ko").read_bytes() == b"virtio_blk"
    assert (tmp_path / "lib/x86/libc.so.6").read_bytes() == b"libc"
    assert not (tmp_path / "other.ko").exists()
    subprocess.run(["sh", "-n", str(tmp_path / "init")], check=True)


def test_a_kernel_without_modules_needs_none(tmp_path: Path) -> None:
    made = gzip.decompress(initrd.make({}.get, "", {"bin/busybox": b""}))
    assert b"for driver in ''; do" in made
