"""The small initial file system of a guest: loads the drivers of its disk, and hands over to that disk's own init.

The kernel has NVMe built in and would need none of this, but QEMU's NVMe loses requests when the machine is busy
(shadow doorbells, QEMU 7.2): a guest then stands still for minutes.
"""

from __future__ import annotations

import gzip
import lzma
import stat
from pathlib import Path

DRIVERS = ("virtio_pci", "virtio_blk")
# The disk's own init is process 1 from then on. Written for busybox, which is the only program there is.
INIT = """\
#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for driver in {drivers}; do /bin/busybox insmod /$driver; done
until [ -b /dev/vda ]; do /bin/busybox usleep 10000; done
/bin/busybox mount -t ext4 -o rw /dev/vda /disk
/bin/busybox umount /dev
exec /bin/busybox switch_root /disk /sbin/init
"""


def make(root: Path) -> bytes:
    """The archive for the kernel that is installed below root, which has busybox-static, too."""
    drivers = _drivers(root)
    init = INIT.format(drivers=" ".join(drivers)).encode()
    entries = [(name, stat.S_IFDIR | 0o755, b"", (0, 0)) for name in ("bin", "dev", "disk")]
    entries.append(("dev/console", stat.S_IFCHR | 0o600, b"", (5, 1)))
    entries.append(("bin/busybox", stat.S_IFREG | 0o755, (root / "bin/busybox").read_bytes(), (0, 0)))
    entries += [(name, stat.S_IFREG | 0o644, data, (0, 0)) for name, data in drivers.items()]
    entries += [("init", stat.S_IFREG | 0o755, init, (0, 0)), ("TRAILER!!!", 0, b"", (0, 0))]
    return gzip.compress(b"".join(_entry(at, *entry) for at, entry in enumerate(entries, 1)), mtime=0)


def _drivers(root: Path) -> dict[str, bytes]:
    """{file name: module}, what each needs before it."""
    (modules,) = (path for path in (root / "lib/modules").iterdir() if (path / "modules.dep").exists())
    needs = dict(line.split(":") for line in (modules / "modules.dep").read_text().splitlines())
    found: dict[str, bytes] = {}
    for driver in DRIVERS:
        # None where the kernel has it built in.
        for path in (path for path in needs if Path(path).name.split(".")[0] == driver):
            for one in [*reversed(needs[path].split()), path]:
                data = (modules / one).read_bytes()
                found[Path(one).name.removesuffix(".xz")] = lzma.decompress(data) if one.endswith(".xz") else data
    return found


def _entry(number: int, name: str, mode: int, data: bytes, device: tuple[int, int]) -> bytes:
    """One file as cpio's `newc` has it: thirteen hexadecimal numbers, name, content, each padded to four bytes."""
    fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name) + 1, 0)
    head = b"070701" + b"".join(b"%08X" % value for value in fields) + name.encode() + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)
