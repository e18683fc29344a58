"""Debian disk images for the tests in real VMs, built from packages once and kept by the content of their recipe.

    image = images.get(Recipe("bookworm"))          # image.disk, image.kernel, image.initrd

    .venv/bin/python tests/vm/images.py bookworm plain        # builds it, prints its folder

An image is a folder below build/vm/ (or $INITIALRUNNER_VM_IMAGES). It needs root, mmdebstrap and e2fsprogs, no loop
device. What costs boot time and tells a test nothing is masked, and the initrd is a small one of our own: under
emulation these would be most of the boot.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bootstrap.image.root import Root
from bootstrap.trial import initrd, kernel

TOP = Path(__file__).resolve().parents[2]
# As they were when they were loaded.
SOURCE = b"".join(Path(str(path)).read_bytes() for path in (__file__, kernel.__file__, initrd.__file__))
SUITES = ("bookworm", "trixie", "bullseye")
VARIANTS = ("plain", "cloud-init", "no-cron", "no-python", "ssh", "ssh-cloud-init")
MEMORY = Path("/dev/shm")
ROOM_BYTES = 3 << 30  # an unpacked root, its disk, and the copies that guests write to
DISK_BYTES = 2 << 30
BUILD_S = 540
DAY_S = 86_400

PACKAGES = (
    "systemd-sysv",
    "udev",
    "kmod",
    "dbus",
    "iproute2",
    "qemu-guest-agent",
    "busybox-static",
    "linux-image-cloud-amd64",
)
# Its security archive moves packages away while it is listed; the release itself does not change any more.
SOURCES = {"bullseye": ("deb http://deb.debian.org/debian bullseye main",)}
LEFT_OUT = tuple(f"/usr/share/{name}/*" for name in ("doc", "man", "locale", "info"))
# Nothing here belongs to what the tests are about: cron, rc-local, udev, journald and networkd stay.
MASKED = (
    "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer", "e2scrub_reap.service",
    "fstrim.timer", "man-db.timer", "ldconfig.service", "systemd-hwdb-update.service", "systemd-update-done.service",
    "systemd-update-utmp.service", "systemd-journal-catalog-update.service", "systemd-firstboot.service",
    "systemd-pstore.service", "systemd-binfmt.service", "systemd-timesyncd.service",
    "systemd-rfkill.socket", "systemd-ask-password-wall.path", "systemd-logind.service", "getty@tty1.service",
    "sys-kernel-debug.mount", "sys-kernel-tracing.mount", "sys-fs-fuse-connections.mount", "dev-hugepages.mount",
    "dev-mqueue.mount", *(f"modprobe@{name}.service" for name in ("configfs", "dm_mod", "drm", "efi_pstore", "fuse",
    "loop")),
)  # fmt: skip
# tty among them: without it systemd waits 90 s for the console's device.
COLD_PLUG = ("virtio", "virtio-ports", "net", "block", "tty", "pci")
NETWORK = "[Match]\nName=e*\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n"
NETWORK_FILE = "/etc/systemd/network/80-guest.network"
NAMESERVER = "nameserver 10.0.2.3\n"
# `locale` wants a package that a small image lacks, and would leave the boot "degraded".
CLOUD = "datasource_list: [NoCloud, ConfigDrive, None]\nlocale: false\n"


@dataclass(frozen=True)
class Recipe:
    """What an image is made of."""

    suite: str = "bookworm"
    variant: str = "plain"

    @property
    def name(self) -> str:
        return f"{self.suite}-{self.variant}"

    @property
    def key(self) -> str:
        """Changes with whatever may change the image, this module's text included."""
        text = json.dumps(asdict(self), sort_keys=True).encode() + SOURCE
        return hashlib.sha256(text).hexdigest()[:16]

    def wanted(self) -> list[str]:
        """The packages of it."""
        found = [*PACKAGES]
        found += [] if self.variant == "no-cron" else ["cron"]
        found += ["wget"] if self.variant == "no-python" else ["python3"]
        found += ["cloud-init"] if self.variant.endswith("cloud-init") else []
        found += ["openssh-server"] if self.variant.startswith("ssh") else []
        return found


@dataclass(frozen=True)
class Image:
    """A built image; nobody writes to it. disk: raw ext4, no partitions."""

    folder: Path

    @property
    def disk(self) -> Path:
        return self.folder / "disk.img"

    @property
    def kernel(self) -> Path:
        return self.folder / "vmlinuz"

    @property
    def initrd(self) -> Path:
        return self.folder / "initrd"


def unusable() -> str | None:
    """Why no image can be made here; None when it can."""
    if os.geteuid() != 0:
        return "needs root"
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [name for name in ("mmdebstrap", "mkfs.ext4", "debugfs") if not shutil.which(name, path=path)]
    return f"needs {', '.join(missing)}" if missing else None


def folder() -> Path:
    """Where images are kept."""
    return Path(os.environ.get("INITIALRUNNER_VM_IMAGES", TOP / "build" / "vm"))


def roomy(need_bytes: int = ROOM_BYTES) -> Path | None:
    """A folder in memory for what is large and passes, None (the usual one) when there is not that much of it."""
    return MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > need_bytes else None


def get(recipe: Recipe) -> Image:
    """The image of a recipe, built unless it is there. Whoever comes second waits for the first."""
    kept = folder()
    kept.mkdir(parents=True, exist_ok=True)
    image = Image(kept / f"{recipe.name}-{recipe.key}")
    with (kept / f"{recipe.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not image.folder.exists():
            # Older ones of the same name only take up room; one of today may be in use by another checkout.
            for old in kept.glob(f"{recipe.name}-*"):
                if time.time() - old.stat().st_mtime > DAY_S:
                    shutil.rmtree(old)
            begun = time.monotonic()
            _build(recipe, image.folder)
            print(f"image {image.folder.name}: built in {time.monotonic() - begun:.0f} s", file=sys.stderr)
    return image


def from_root(root: Path, target: Path, like: Image) -> Image:
    """An image in the folder target: what is below root, with the kernel of another one."""
    made = Image(target)
    target.mkdir()
    made.kernel.symlink_to(like.kernel)
    made.initrd.symlink_to(like.initrd)
    kernel.make_disk(root, made.disk, DISK_BYTES)
    return made


@contextmanager
def unpacked(recipe: Recipe) -> Iterator[Path]:
    """The recipe's root file system as a folder, for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix="image-", dir=roomy()) as work:
        root = Path(work) / "root"
        include = "--include=" + ",".join(recipe.wanted())
        thin = [f"--dpkgopt=path-exclude={path}" for path in LEFT_OUT]
        argv = ["mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", '--aptopt=Acquire::Languages "none"']
        # INITRD=No: the kernel package's own word for "no initrd", which would be half of the time.
        argv += [*thin, include, recipe.suite, str(root), *SOURCES.get(recipe.suite, ())]
        _run(argv, env={**os.environ, "INITRD": "No"})
        _settle(root, recipe)
        yield root


def _build(recipe: Recipe, target: Path) -> None:
    part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        part.chmod(0o755)
        with unpacked(recipe) as root:
            kernel.extracted(kernel.Folder(Root(root)), str(root), part)
            kernel.make_disk(root, part / "disk.img", DISK_BYTES)
        (part / "recipe.json").write_text(json.dumps(asdict(recipe), indent=1) + "\n")
        part.rename(target)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _settle(root: Path, recipe: Recipe) -> None:
    """Make a bootable guest of a fresh root: a name, a network, no password, nothing that only takes time."""

    def put(path: str, text: str) -> None:
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_text(text)

    put("/etc/hostname", "guest\n")
    put("/etc/hosts", "127.0.0.1 localhost guest\n")
    put("/etc/fstab", "")
    put("/etc/resolv.conf", NAMESERVER)
    put("/etc/machine-id", "uninitialized\n")
    (root / "var/lib/dbus/machine-id").unlink(missing_ok=True)
    # For whoever wants to look around: root logs in on the console.
    _run(["chroot", str(root), "/usr/bin/passwd", "--delete", "root"])
    _run(["chroot", str(root), "/usr/bin/systemctl", "--quiet", "enable", "systemd-networkd.service"])
    triggers = " ".join(f"--subsystem-match={name}" for name in COLD_PLUG)
    put(
        "/etc/systemd/system/systemd-udev-trigger.service.d/guest.conf",
        f"[Service]\nExecStart=\nExecStart=-udevadm trigger --action=add {triggers}\n",
    )
    masked = set(MASKED)
    if recipe.variant.endswith("cloud-init"):
        put("/etc/cloud/cloud.cfg.d/90-guest.cfg", CLOUD)
    # Where both are there, a clone has a network whether or not cloud-init finds anything to do.
    if recipe.variant != "cloud-init":
        put(NETWORK_FILE, NETWORK)
        masked.add("systemd-networkd-wait-online.service")
    for unit in masked:
        path = root / "etc/systemd/system" / unit
        path.unlink(missing_ok=True)
        path.symlink_to("/dev/null")
    for name in ("var/cache/apt", "var/lib/apt/lists"):
        for entry in (root / name).iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _run(argv: list[str], **more: object) -> None:
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=BUILD_S, **more)  # type: ignore[call-overload]
    if done.returncode != 0:
        raise RuntimeError(f"{argv[0]} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}")


def main() -> None:
    """Build one, print its folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suite", choices=SUITES, nargs="?", default="bookworm")
    parser.add_argument("variant", choices=VARIANTS, nargs="?", default="plain")
    options = parser.parse_args()
    print(get(Recipe(options.suite, options.variant)).folder)


if __name__ == "__main__":
    main()
