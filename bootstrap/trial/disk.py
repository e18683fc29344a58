"""The disk of a trial: an overlay or a copy of an image, written to and read while its machine is off.

The image itself is only read. Nothing is mounted, so all but a root folder with foreign owners works without root.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bootstrap.errors import UsageError
from bootstrap.trial import firmware, kernel, layout, programs
from bootstrap.trial.ext import Ext, NotWritten
from bootstrap.trial.firmware import Firmware
from bootstrap.trial.layout import EXT, SECTOR_BYTES, Layout
from bootstrap.trial.machine import Start
from bootstrap.trial.programs import escaped

INJECTED = 0o400  # as Nova leaves injected files: readable by root, executable by nobody
_QCOW2 = b"QFI\xfb"
# Files that hold a disk and are not one. (offset, bytes, what it is); qemu-img converts the first four.
_CONVERTED = (
    (0, b"KDMV", "a VMware disk (VMDK)"),
    (0, b"vhdxfile", "a Hyper-V disk (VHDX)"),
    (0, b"conectix", "a Hyper-V disk (VHD)"),
    (0x40, b"\x7f\x10\xda\xbe", "a VirtualBox disk (VDI)"),
)
_PACKED = (
    (0, b"\x1f\x8b", "gzip", "gunzip"),
    (0, b"\xfd7zXZ\0", "xz", "unxz"),
    (0, b"\x28\xb5\x2f\xfd", "zstd", "unzstd"),
    (0, b"BZh", "bzip2", "bunzip2"),
    (257, b"ustar", "tar", "tar -xf"),
)
# Magic bytes of what holds a root file system that nobody here can look into, as a sentence calls it.
_HOLDERS = {"LVM": "is a volume group of LVM", "LUKS": "is encrypted by LUKS", "RAID": "is part of a RAID"}
NO_WRITING = "--source nocloud and --source config-drive need no writing into the image"


class RawBlocks:
    """The bytes of a raw disk."""

    def __init__(self, path: Path) -> None:
        self._path, self.size_bytes = path, path.stat().st_size

    def read(self, at: int, count: int) -> bytes:
        with self._path.open("rb") as file:
            file.seek(at)
            return file.read(count)


class Qcow2Blocks:
    """The bytes of the disk in a qcow2 file. Raises UsageError for a file that qemu-img cannot open."""

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        try:
            answer = programs.run("qemu-img", "info", "--output=json", "-f", "qcow2", _filename(path))
        except programs.ProgramError as error:
            raise _unusable(path, error) from error
        self.size_bytes = int(json.loads(answer)["virtual-size"])

    def read(self, at: int, count: int) -> bytes:
        if at >= self.size_bytes:
            return b""
        with tempfile.TemporaryDirectory(prefix="blocks-") as folder:
            piece = Path(folder, "piece")
            # Not `qemu-img dd`, whose count= begins at the disk's first byte whatever skip= is (QEMU 7.2).
            size = min(-(-count // SECTOR_BYTES) * SECTOR_BYTES, self.size_bytes - at)
            options = f"driver=raw,offset={at},size={size},file.driver=qcow2,file.file.filename={escaped(self._path)}"
            programs.run("qemu-img", "convert", "--image-opts", options, "-O", "raw", str(piece))
            return piece.read_bytes()[:count]


def opened(image: Path, folder: Path, *, raw: bool = False, size_bytes: int | None = None) -> Start:
    """Make a throwaway disk in the folder from an image: a raw or qcow2 file, or a root folder with a kernel.

    raw: a raw copy, into which inject() can write. size_bytes: of the disk, where it shall be larger than the image.
    Raises UsageError for what no machine could boot.
    """
    try:
        if image.is_dir():
            return kernel.from_folder(image, folder, size_bytes)
        kind = _format(image)
    except OSError as error:
        raise UsageError(
            f"{image} cannot be read: {error.strerror}", hint="IMAGE is a disk image or a folder"
        ) from error
    blocks = Qcow2Blocks(image) if kind == "qcow2" else RawBlocks(image)
    plan = layout.read(blocks)
    wanted = _starter(image, plan)
    if wanted is not Firmware.NONE:
        start = throwaway(image, kind, folder, raw=raw, size_bytes=size_bytes)
        return Start(*start, uefi=wanted is Firmware.UEFI, root_at_bytes=plan.root.at_bytes if plan.root else 0)
    # debugfs reads raw disks only.
    disk = throwaway(image, kind, folder, raw=True, size_bytes=size_bytes)
    return _with_kernel(image, plan, disk, folder)


def _format(image: Path) -> str:
    """The format of an image file by its first bytes, whatever its name is. Raises UsageError, OSError."""
    if not image.is_file():
        image.stat()
        raise UsageError(f"{image} is neither a regular file nor a folder", hint="IMAGE is a disk image or a folder")
    with image.open("rb") as file:
        head = file.read(SECTOR_BYTES)
    if not head:
        raise UsageError(f"{image} is empty", hint="IMAGE is a disk image with a system on it")
    if head.startswith(_QCOW2):
        return "qcow2"
    for at, magic, name in _CONVERTED:
        if head[at : at + len(magic)] == magic:
            raise UsageError(
                f"{image} is {name}, which a trial does not read",
                hint=f"qemu-img convert -O qcow2 {image} image.qcow2",
            )
    for at, magic, name, unpack in _PACKED:
        if head[at : at + len(magic)] == magic:
            raise UsageError(f"{image} is packed by {name}", hint=f"unpack it first: {unpack} {image}")
    return "raw"


def _starter(image: Path, plan: Layout) -> Firmware:
    """The boot loader of a disk. Raises UsageError for a disk that has neither a system nor a boot loader."""
    if plan.label:
        wanted = firmware.wanted(plan)
        if wanted is Firmware.NONE and (plan.root is None or plan.root.file_system not in EXT):
            content = f"its root file system {_holder(plan.root.file_system)}" if plan.root else "it has no file system"
            raise UsageError(
                f"{image} has a partition table, no boot loader, and no kernel that could be taken out: {content}",
                hint="install a boot loader in it, or try the root folder that it is made from",
            )
        return wanted
    if plan.file_system in EXT:
        return Firmware.NONE
    if plan.file_system:
        raise UsageError(
            f"{image} has no partition table and {_holder(plan.file_system)}: a kernel is taken only out of ext2, ext3 "
            "and ext4",
            hint="try a disk image with a boot loader, or the root folder that it is made from",
        )
    raise UsageError(
        f"{image} has neither a partition table nor a file system that is known",
        hint="IMAGE is a raw or qcow2 disk image, or a root folder with a kernel in its /boot",
    )


def _holder(name: str) -> str:
    return _HOLDERS.get(name, f"is {name}")


def throwaway(image: Path, kind: str, folder: Path, *, raw: bool, size_bytes: int | None = None) -> tuple[Path, str]:
    """(path, format) of a disk of one's own in the folder, with what an image of this format holds."""
    try:
        if not raw:
            disk = folder / "disk.qcow2"
            argv = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", kind, "-b", str(image.absolute()), _filename(disk)]
            programs.run(*argv)
        elif kind == "raw":
            disk = folder / "disk.img"
            # Where the file system shares blocks a copy costs nothing, else what the image holds.
            argv = ["cp", "--sparse=always", "--reflink=auto", str(image), str(disk)]
            programs.run(*argv, timeout_s=programs.LONG_S)
        else:
            disk = folder / "disk.img"
            argv = ["qemu-img", "convert", "-f", kind, "-O", "raw", _filename(image), _filename(disk)]
            programs.run(*argv, timeout_s=programs.LONG_S)
        _grow(disk, "raw" if raw else "qcow2", size_bytes)
    except programs.ProgramError as error:
        raise _unusable(image, error) from error
    disk.chmod(0o600)
    return disk, "raw" if raw else "qcow2"


def _grow(disk: Path, kind: str, size_bytes: int | None) -> None:
    blocks = RawBlocks(disk) if kind == "raw" else Qcow2Blocks(disk)
    if size_bytes is not None and size_bytes > blocks.size_bytes:
        programs.run("qemu-img", "resize", "-q", "-f", kind, _filename(disk), str(size_bytes))


def _with_kernel(image: Path, plan: Layout, disk: tuple[Path, str], folder: Path) -> Start:
    """A disk that no boot loader starts, with the kernel out of its root file system."""
    partition = plan.root
    at, device = (partition.at_bytes, f"/dev/vda{partition.number}") if partition else (0, "/dev/vda")
    kind = partition.file_system if partition else plan.file_system
    parts = kernel.extracted(Ext(disk[0], at), str(image), folder, device, kind)
    return Start(*disk, *parts, kernel.command_line(device), root_at_bytes=at)


def inject(start: Start, files: Mapping[str, bytes], modes: Mapping[str, int] | None = None) -> None:
    """Write files of root, 0400 unless modes names another, into a raw disk that is off; folders are made.

    Raises UsageError for a file system other than ext2, ext3 and ext4.
    """
    if not files:
        return
    if start.disk_format != "raw":
        raise ValueError("files are written into a raw disk only: opened(raw=True)")
    file_system = root_file_system(start)
    if file_system not in EXT:
        raise UsageError(
            f"no file can be written into the image: {_content(file_system)}, and only ext2, ext3 and ext4 are written",
            hint=NO_WRITING,
        )
    try:
        Ext(start.disk, start.root_at_bytes).write(files, {path: (modes or {}).get(path, INJECTED) for path in files})
    except (NotWritten, programs.ProgramError) as error:
        raise UsageError(f"a file cannot be written into the image: {error}", hint=NO_WRITING) from error


def read(start: Start, path: str) -> bytes | None:
    """A file of a disk that is off; None when it is not there. Raises UsageError where it cannot be read."""
    file_system = root_file_system(start)
    if file_system not in EXT:
        raise UsageError(
            f"no file can be read from the image: {_content(file_system)}, and only ext2, ext3 and ext4 are read"
        )
    try:
        if start.disk_format == "raw":
            return Ext(start.disk, start.root_at_bytes).content(path)
        with tempfile.TemporaryDirectory(prefix="read-", dir=start.disk.parent) as folder:
            copy, _ = throwaway(start.disk, "qcow2", Path(folder), raw=True)
            return Ext(copy, start.root_at_bytes).content(path)
    except programs.ProgramError as error:
        raise UsageError(f"{path} cannot be read from the image: {error}") from error


def root_file_system(start: Start) -> str:
    """The type of the root file system: "ext4", "xfs", "btrfs" and so on; "" when there is none that is known."""
    blocks = RawBlocks(start.disk) if start.disk_format == "raw" else Qcow2Blocks(start.disk)
    return layout.file_system_of(blocks.read(start.root_at_bytes, layout.SUPERBLOCKS_BYTES))


def _content(file_system: str) -> str:
    return f"its root file system {_holder(file_system)}" if file_system else "no root file system is known in it"


def _filename(path: Path) -> str:
    """A path as qemu-img takes it: a name with a colon before its first slash would be a protocol."""
    return str(path.absolute())


def _unusable(image: Path, error: programs.ProgramError) -> UsageError:
    if "lock" in error.text:
        return UsageError(f"{image} is in use by a virtual machine", hint="switch that machine off first")
    return UsageError(f"{image} cannot be used: {error}")
