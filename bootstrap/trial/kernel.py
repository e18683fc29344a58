"""The kernel of an image that no boot loader starts: the image's own, with an initial file system that finds its disk.

From a root folder, whose disk is made here, or out of a file system in a disk.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bootstrap.errors import UsageError
from bootstrap.image.root import Root
from bootstrap.trial import initrd, programs
from bootstrap.trial.machine import Start

# Where distributions put it: most; Fedora and ostree; the newest release last in each. Arch has its name there only.
_PLACES = ("/boot", "/usr/lib/modules", "/lib/modules")
_KERNEL = re.compile(r"(vmlinuz|vmlinux|bzImage|kernel)\b(?!.*(\.old|rescue|\.hmac|\.sig|\.p7s))")
_MODULES = ("/usr/lib/modules", "/lib/modules")
_BUSYBOXES = ("/bin/busybox", "/usr/bin/busybox", "/sbin/busybox")
# The names of the initial file systems of Debian, of Fedora, and of openSUSE and Arch.
_INITRDS = ("initrd.img-{0}", "initramfs-{0}.img", "initrd-{0}", "initramfs-linux.img")
_MOST_BYTES = 1 << 30
_SPARE_BYTES = 1 << 30  # room on the disk of a folder, beside what the folder holds
_LEAST_BYTES = 2 << 30
# Shortens a boot under emulation, and leaves an image's own settings alone. A panic stays on the console.
COMMAND_LINE = (
    "rw console=ttyS0 mitigations=off nowatchdog tsc=reliable no_timer_check cryptomgr.notests "
    "8250.nr_uarts=1 rcupdate.rcu_expedited=1 random.trust_cpu=on"
)
# What every kernel of the last ten years mounts, whatever this machine's mkfs.ext4 would choose.
_FEATURES = (
    "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,"
    "huge_file,dir_nlink,extra_isize,metadata_csum"
)


class Files(Protocol):
    """The files of a root file system, wherever it lies. Links are followed, and none leads out."""

    def names(self, path: str) -> list[str]:
        """The names in a folder; none when there is no folder."""

    def content(self, path: str) -> bytes | None:
        """A regular file; None when there is none."""


class Folder:
    """The files of a root that is a folder of this machine."""

    def __init__(self, root: Root) -> None:
        self._root = root

    def names(self, path: str) -> list[str]:
        return self._root.names(path)

    def content(self, path: str) -> bytes | None:
        entry = self._root.look(path, follow=True)
        return self._root.read(entry.path, _MOST_BYTES) if entry is not None else None


@dataclass(frozen=True)
class _Kernel:
    path: str
    content: bytes
    release: str


def from_folder(root: Path, folder: Path, size_bytes: int | None = None) -> Start:
    """Make a raw disk of a root folder, and take its kernel. Raises UsageError for a folder that could not boot."""
    tree = Root(root)
    try:
        kernel, initial = extracted(Folder(tree), str(root), folder)
    finally:
        tree.close()
    disk = folder / "disk.img"
    make_disk(root, disk, size_bytes)
    return Start(disk, "raw", kernel, initial, command_line())


def command_line(root: str = "/dev/vda") -> str:
    return f"root={root} {COMMAND_LINE}"


def extracted(files: Files, image: str, folder: Path, root: str = "/dev/vda", kind: str = "ext4") -> tuple[Path, Path]:
    """Put kernel and initial file system into the folder, and return their paths. image: its name for messages.

    root, kind: the device of the root file system, and its type.
    """
    kernel = _newest(files, image)
    (folder / "vmlinuz").write_bytes(kernel.content)
    (folder / "initrd").write_bytes(_own_initrd(files, kernel) or _small_initrd(files, image, kernel, root, kind))
    return folder / "vmlinuz", folder / "initrd"


def make_disk(root: Path, disk: Path, size_bytes: int | None = None) -> None:
    """Make a raw ext4 file system with what is below root, owners and modes kept. Sparse."""
    size = max(size_bytes or 0, _LEAST_BYTES, _used(root) * 5 // 4 + _SPARE_BYTES)
    with disk.open("wb") as file:
        file.truncate(size)
    # Inode tables are zeroed by the guest's kernel, at leisure.
    options = "lazy_itable_init=1,lazy_journal_init=1,nodiscard"
    argv = ["mkfs.ext4", "-q", "-F", "-L", "root", "-O", _FEATURES, "-E", options, "-d", str(root), str(disk)]
    try:
        programs.run(*argv, timeout_s=programs.LONG_S)
    except programs.ProgramError as error:
        raise UsageError(
            f"no disk could be made of {root}: {error}", hint="it needs a user who may read all files of it: root"
        ) from error


def _used(root: Path) -> int:
    """Bytes that the files below a folder take, in blocks of 4 KiB."""
    total = 0
    for at, folders, names in os.walk(root):
        for name in (*folders, *names):
            total += (os.lstat(os.path.join(at, name)).st_size + 4095) // 4096 * 4096  # noqa: PTH118 - 100,000 files
    return total


def _newest(files: Files, image: str) -> _Kernel:
    """The kernel of the highest release."""
    kernels, foreign = list[_Kernel](), list[str]()
    for path in _paths(files):
        content = files.content(path)
        release = _release(content or b"")
        if content and release:
            kernels.append(_Kernel(path, content, release))
        elif content:
            foreign.append(path)
    if kernels:
        return max(kernels, key=lambda kernel: _ordered(kernel.release))
    if foreign:
        raise UsageError(
            f"{image} has no kernel for x86-64: {foreign[0]} is another kind of file",
            hint="bootstrap try boots images for x86-64 only",
        )
    raise UsageError(
        f"{image} has no kernel: there is no /boot/vmlinuz-* in it",
        hint="install one in it (Debian: linux-image-cloud-amd64), or try the disk image that is made from it",
    )


def _paths(files: Files) -> list[str]:
    paths = []
    for place in _PLACES:
        for name in files.names(place):
            if place == "/boot" and _KERNEL.match(name):
                paths.append(f"{place}/{name}")
            elif place != "/boot":
                paths += [f"{place}/{name}/{file}" for file in files.names(f"{place}/{name}") if file == "vmlinuz"]
    return paths


def _release(kernel: bytes) -> str:
    """The release in the head of a kernel for x86; "" when it is none."""
    # Offsets of the kernel's own boot protocol (Documentation/arch/x86/boot.rst).
    if kernel[0x202:0x206] != b"HdrS":
        return ""
    at = int.from_bytes(kernel[0x20E:0x210], "little") + 0x200
    return kernel[at : at + 200].split(b"\0")[0].split(b" ")[0].decode(errors="replace")


def _ordered(release: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.findall(r"\d+|\D+", release)]


def _modules(files: Files, release: str) -> str:
    """The folder of a kernel's modules; "" when it has none."""
    for place in _MODULES:
        if release in files.names(place):
            return f"{place}/{release}"
    return ""


def _own_initrd(files: Files, kernel: _Kernel) -> bytes | None:
    """The initial file system that the image has for a kernel, when it would find a trial's disk."""
    boot, modules = files.names("/boot"), _modules(files, kernel.release)
    names = [name for form in _INITRDS if (name := form.format(kernel.release)) in boot]
    paths = [f"/boot/{name}" for name in names] + [f"{modules}/initramfs.img"]
    built_in = (files.content(f"{modules}/modules.builtin") or b"").decode(errors="replace")
    for path in paths:
        content = files.content(path)
        if content and initrd.finds_the_disk(content, built_in):
            return content
    return None


def _small_initrd(files: Files, image: str, kernel: _Kernel, root: str, kind: str) -> bytes:
    modules = _modules(files, kernel.release)
    try:
        return initrd.make(files.content, modules, _busybox(files, image), root=root, file_system=kind)
    except ValueError as error:
        raise UsageError(f"a module of the kernel {kernel.release} in {image} cannot be unpacked: {error}") from error


def _busybox(files: Files, image: str) -> dict[str, bytes]:
    """{path: content} of a busybox: the image's own when it needs no library, else this machine's, with its libraries.

    Only the latter may be asked for its libraries: that runs it.
    """
    for path in _BUSYBOXES:
        content = files.content(path)
        if content and _is_static(content):
            return {"bin/busybox": content}
    path = programs.path_of("busybox") or ""
    if not path:
        raise UsageError(
            f"the disk of {image} needs a small initial file system, and busybox is neither on this machine nor in it",
            hint="apt-get install busybox-static, or give the image an initrd with all drivers (MODULES=most)",
        )
    content = Path(path).read_bytes()
    libraries = [] if _is_static(content) else re.findall(r"(/\S+) \(0x", programs.run("ldd", path).decode())
    return {"bin/busybox": content} | {library.strip("/"): Path(library).read_bytes() for library in libraries}


def _is_static(program: bytes) -> bool:
    """Whether a program needs no loader and no library: an ELF file without a PT_INTERP segment."""
    if program[:5] != b"\x7fELF\x02":
        return False
    at, size, count = (int.from_bytes(program[a:b], "little") for a, b in ((32, 40), (54, 56), (56, 58)))
    return all(program[at + n * size : at + n * size + 4] != b"\x03\0\0\0" for n in range(count))
