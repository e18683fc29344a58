"""Initial file systems: whether an image's own one can find the disk of a trial, and a small one of ours that does.

The small one loads the drivers of the disk and hands over to the image's own init. The kernel may have NVMe built in
and would then need none of this, but QEMU's NVMe loses requests when the machine is busy (shadow doorbells, QEMU 7.2):
a guest then stands still for minutes.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import stat
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Protocol

from bootstrap.errors import UsageError
from bootstrap.trial import programs

# The disk, and its file system. ext4 asks for crc32c by that name, which modules.dep does not say.
DRIVERS = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4")
NEEDED = ("virtio_pci", "virtio_blk", "ext4")
# The image's own init is process 1 from then on. Written for busybox, which is the only program there is.
INIT = """\
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for driver in {drivers}; do /bin/busybox insmod /$driver; done
until [ -b {root} ]; do /bin/busybox usleep 10000; done
/bin/busybox mount -t {file_system} -o rw {root} /disk || exec /bin/busybox sleep 1000000
/bin/busybox umount /dev
for init in /sbin/init /lib/systemd/systemd /usr/lib/systemd/systemd /bin/init; do
    [ -L /disk$init ] || [ -x /disk$init ] && exec /bin/busybox switch_root /disk $init
done
echo "the root file system has no init"
exec /bin/busybox sleep 1000000
"""
_MAGIC = b"070701"
_HEAD_BYTES = 110
# {first bytes: what unpacks the rest}; the last two by programs, since Python 3.11 cannot.
_UNPACK: tuple[tuple[bytes, Callable[[bytes], bytes]], ...] = (
    (b"\x1f\x8b", lambda data: _whole(zlib.decompressobj(31), data)),
    (b"\xfd7zXZ\0", lambda data: _whole(lzma.LZMADecompressor(), data)),
    (b"BZh", lambda data: _whole(bz2.BZ2Decompressor(), data)),
    (b"\x28\xb5\x2f\xfd", lambda data: programs.run("zstd", "-q", "-d", "-c", data=data)),
    (b"\x02\x21\x4c\x18", lambda data: programs.run("lz4", "-q", "-d", "-c", data=data)),
)


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    def decompress(self, data: bytes, /) -> bytes: ...


def _whole(decompressor: _Decompressor, data: bytes) -> bytes:
    """What one stream holds. Bytes after its end are left: an archive may be padded."""
    content = decompressor.decompress(data)
    if not decompressor.eof:
        raise ValueError("its end is missing")
    return content


def unpacked(data: bytes) -> bytes:
    """The content of a compressed file; the same bytes when they have no known head. Raises UsageError, ValueError."""
    for magic, unpack in _UNPACK:
        if data.startswith(magic):
            try:
                return unpack(data)
            except (OSError, EOFError, zlib.error, lzma.LZMAError, programs.ProgramError) as error:
                raise ValueError(str(error)) from error
    return data


def finds_the_disk(archive: bytes, built_in: str) -> bool:
    """Whether an initial file system has the drivers of a trial's disk. built_in: the kernel's own modules.builtin.

    One that nobody can read here does not count.
    """
    try:
        names = {_stem(name) for name in _names(archive)}
    except (ValueError, UsageError):
        return False
    names |= {_stem(line) for line in built_in.splitlines()}
    return bool(names) and set(NEEDED) <= names


def _names(archive: bytes) -> Iterator[str]:
    """The names in it. A processor's microcode comes first, in an archive of its own that is not compressed."""
    at = 0
    while at < len(archive):
        if archive[at : at + 1] == b"\0":
            at += 1
        elif archive[at : at + 6] == _MAGIC:
            size, length = (int(archive[at + place : at + place + 8], 16) for place in (54, 94))
            yield archive[at + _HEAD_BYTES : at + _HEAD_BYTES + length - 1].decode(errors="replace")
            at = _padded(_padded(at + _HEAD_BYTES + length) + size)
        else:
            rest = unpacked(archive[at:])
            if rest[:6] != _MAGIC:
                raise ValueError("no archive")
            yield from _names(rest)
            return


def make(
    read: Callable[[str], bytes | None], modules: str, busybox: Mapping[str, bytes], *, root: str = "/dev/vda",
    file_system: str = "ext4",
) -> bytes:  # fmt: skip
    """The small one. read: the content of a file of the image; modules: the folder of its kernel's modules in it.

    busybox: {path: content} of bin/busybox, and of the libraries that it needs.
    """
    drivers = _drivers(read, modules)
    init = INIT.format(drivers=" ".join(drivers) or "''", root=root, file_system=file_system).encode()
    folders = {str(parent): None for name in busybox for parent in reversed(PurePosixPath(name).parents)}
    names = [name for name in (*folders, "dev", "disk") if name != "."]
    entries = [(name, stat.S_IFDIR | 0o755, b"", (0, 0)) for name in names]
    entries.append(("dev/console", stat.S_IFCHR | 0o600, b"", (5, 1)))
    entries += [(name, stat.S_IFREG | 0o755, data, (0, 0)) for name, data in busybox.items()]
    entries += [(name, stat.S_IFREG | 0o644, data, (0, 0)) for name, data in drivers.items()]
    entries += [("init", stat.S_IFREG | 0o755, init, (0, 0)), ("TRAILER!!!", 0, b"", (0, 0))]
    return gzip.compress(b"".join(_entry(at, *entry) for at, entry in enumerate(entries, 1)), mtime=0)


def _drivers(read: Callable[[str], bytes | None], modules: str) -> dict[str, bytes]:
    """{file name: module}, what each needs before it. A driver that the kernel has built in is not among them."""
    text = (read(f"{modules}/modules.dep") or b"").decode(errors="replace")
    needs = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    drivers: dict[str, bytes] = {}
    for driver in DRIVERS:
        for path in (path for path in needs if _stem(path) == driver):
            for name in [*reversed(needs[path].split()), path]:
                content = read(f"{modules}/{name}")
                if content is not None:
                    drivers.setdefault(f"{_stem(name)}.ko", unpacked(content))
    return drivers


def _stem(path: str) -> str:
    return path.rpartition("/")[2].split(".")[0].replace("-", "_")


def _padded(count: int) -> int:
    return count + -count % 4


def _entry(number: int, name: str, mode: int, data: bytes, device: tuple[int, int]) -> bytes:
    """One file as cpio's `newc` has it: thirteen hexadecimal numbers, name, content, each padded to four bytes."""
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0)
    head = _MAGIC + b"".join(b"%08X" % value for value in fields) + name.encode() + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)
