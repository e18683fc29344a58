"""A disk with a partition table and GRUB, as a cloud's image has them, made of a root without a loop device."""

from __future__ import annotations

import subprocess
from pathlib import Path

from declared import within

GRUB = Path("/usr/lib/grub/i386-pc")
MODULES = ("biosdisk", "part_msdos", "ext2", "normal", "linux")
START = 2048  # sectors; the gap before it is where the loader's own program lies
SECTOR_BYTES = 512
BLOCK_BYTES = 4096
BOOT_CODE_BYTES = 440  # of the first sector, before the partition table
MENU = """\
set timeout=0
menuentry Debian {{
    linux /boot/{kernel} root=/dev/vda1 rw console=ttyS0 {words}
    initrd /boot/{initrd}
}}
"""


def make(root: Path, disk: Path, size_bytes: int, *, initrd: bytes, words: str) -> None:
    """Write the disk. root gets a menu, and this initrd, in its /boot. words: more of the kernel's command line."""
    boot = root / "boot"
    (kernel,) = boot.glob("vmlinuz-*")
    version = kernel.name.removeprefix("vmlinuz-")
    (boot / f"initrd.img-{version}").write_bytes(initrd)
    (boot / "grub").mkdir()
    (boot / "grub/grub.cfg").write_text(MENU.format(kernel=kernel.name, initrd=f"initrd.img-{version}", words=words))

    with disk.open("wb") as file:
        file.truncate(size_bytes)
    table = f"label: dos\nstart={START}, type=83, bootable\n"
    _run("sfdisk", "--quiet", str(disk), data=table.encode())
    at = START * SECTOR_BYTES
    blocks = (size_bytes - at) // BLOCK_BYTES
    options = f"offset={at},lazy_itable_init=1,lazy_journal_init=1,nodiscard"
    _run("mkfs.ext4", "-q", "-F", "-b", str(BLOCK_BYTES), "-E", options, "-d", str(root), str(disk), str(blocks))

    # What grub-install does of this needs a block device: both of its parts find each other by their places.
    core = disk.with_suffix(".core")
    _run("grub-mkimage", "-O", "i386-pc", "-p", "(hd0,msdos1)/boot/grub", "-o", str(core), *MODULES)
    with disk.open("r+b") as file:
        file.write((GRUB / "boot.img").read_bytes()[:BOOT_CODE_BYTES])
        file.seek(SECTOR_BYTES)
        written = file.write(core.read_bytes())
    core.unlink()
    assert SECTOR_BYTES + written <= at, f"the loader has {written} bytes, more than the gap"


def _run(*argv: str, data: bytes = b"") -> None:
    done = subprocess.run(argv, input=data, capture_output=True, timeout=120, check=False, env=within())
    assert done.returncode == 0, f"{argv[0]} ended with {done.returncode}: {(done.stdout + done.stderr).decode()}"
