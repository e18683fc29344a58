"""Images of some MiB for the tests of trials: real partition tables and file systems, and kernels that are only a head.

A boot sector is a real one: it prints its text on the serial line and on the screen, and stands still.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from bootstrap.trial import programs

MIB = 1 << 20
OWN_LOADER = "21686148-6449-6E6F-744E-656564454649"
ROOT_TYPE = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"
RELEASE = "6.1.0-9-cloud-amd64"
# cli; ds = 0; si = text; each byte by the BIOS to the screen and by port 0x3f8 to the serial line; then hlt for good.
SECTOR = bytes.fromhex("fa31c08ed8be407cac84c0740c50b40ecd1058baf803eeebeff4ebfd").ljust(64, b"\0")
HELLO = "hello from the boot sector"

needs_disk_programs = pytest.mark.skipif(
    any(programs.path_of(name) is None for name in ("qemu-img", "sfdisk", "debugfs", "mkfs.ext4")),
    reason="needs qemu-img, sfdisk, debugfs and mkfs.ext4",
)


def kernel(release: str = RELEASE) -> bytes:
    """What a kernel for x86 is told by: the magic of its boot protocol, and the place of its release."""
    head = bytearray(0x400)
    head[0x202:0x206] = b"HdrS"
    head[0x20E:0x210] = (0x100).to_bytes(2, "little")
    text = f"{release} (builder@host) #1 SMP\0".encode()
    head[0x300 : 0x300 + len(text)] = text
    return bytes(head)


def busybox(*, is_static: bool = True) -> bytes:
    """The head of a program, with one segment: of code, or the name of its loader."""
    head = bytearray(64 + 56)
    head[:5] = b"\x7fELF\x02"
    head[32:40], head[54:56], head[56:58] = b"\x40" + bytes(7), b"\x38\0", b"\x01\0"
    head[64:68] = b"\x01\0\0\0" if is_static else b"\x03\0\0\0"
    return bytes(head)


def root(folder: Path, files: Mapping[str, bytes] | None = None) -> Path:
    """A root that could be booted, as far as a trial looks at it."""
    modules = f"usr/lib/modules/{RELEASE}"
    content = {
        f"boot/vmlinuz-{RELEASE}": kernel(),
        f"{modules}/modules.dep": b"kernel/virtio_blk.ko: kernel/virtio.ko\nkernel/virtio.ko:\n",
        f"{modules}/modules.builtin": b"kernel/drivers/virtio/virtio_pci.ko\nkernel/fs/ext4/ext4.ko\n",
        f"{modules}/kernel/virtio_blk.ko": b"virtio_blk",
        f"{modules}/kernel/virtio.ko": b"virtio",
        "bin/busybox": busybox(),
        "etc/hostname": b"guest\n",
    }
    for path, data in {**content, **(files or {})}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def ext4(path: Path, tree: Path | None = None, *, mib: int = 16, kind: str = "ext4", label: str = "") -> Path:
    """A bare file system with what is in a folder."""
    path.touch()
    with path.open("r+b") as file:
        file.truncate(mib * MIB)
    argv = [
        "mkfs.ext4",
        "-q",
        "-F",
        "-t",
        kind,
        *(["-L", label] if label else []),
        *(["-d", str(tree)] if tree else []),
    ]
    programs.run(*argv, str(path))
    return path


def partitioned(path: Path, table: str, *parts: tuple[int, bytes | Path], mib: int = 64, sector: bytes = b"") -> Path:
    """A disk with a table, as sfdisk reads it. parts: (byte, content) of partitions. sector: boot code."""
    path.touch()
    with path.open("r+b") as file:
        file.truncate(mib * MIB)
    programs.run("sfdisk", "--quiet", str(path), data=table.encode())
    with path.open("r+b") as file:
        file.write(sector)
        for at, content in parts:
            file.seek(at)
            file.write(content if isinstance(content, bytes) else content.read_bytes())
    return path


def boot_sector(path: Path, text: str = HELLO) -> Path:
    """A disk that boots by BIOS, and says this text."""
    return partitioned(path, "label: dos\nstart=2048,type=83\n", mib=4, sector=SECTOR + text.encode() + b"\r\n\0")


def qcow2(image: Path) -> Path:
    """The same disk as a qcow2 file."""
    made = image.with_suffix(".qcow2")
    programs.run("qemu-img", "convert", "-O", "qcow2", str(image), str(made))
    return made
