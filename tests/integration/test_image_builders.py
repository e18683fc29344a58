"""Every recipe in examples/images, run by the builder it is for, on one Debian; what comes of it is judged alike.

That Debian is made once, by mmdebstrap. The other builders take it as their base, each in a way of its own, since
installing it anew takes minutes.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import built_images
import pytest
from built_images import EXAMPLES, LEFTOVER, TOP, judge, plant, unpack
from handmade import payload, stage
from release_copy import copied, make
from systemd_box import Machine

from bootstrap.runner.baked.program import BUILDER, TAKEN
from bootstrap.runner.host import BUNDLE

REFUSED = "error[key.private]"


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [name for name in programs if not shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")]
    return pytest.mark.skipif(bool(missing), reason=f"not there: {', '.join(missing)}")


pytestmark = [
    pytest.mark.vm,
    pytest.mark.timeout(900),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    needs("mmdebstrap", "systemctl"),
]
fits_bookworm = pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the zipapp is for bookworm's Python 3.11")
# Thin, with what Packer logs in to. The last hook keeps the root as it is before anything is baked, and in it the
# program for which mmdebstrap has a stand-in meanwhile.
OPTIONS = (
    "--quiet", "--include=openssh-server,sudo",
    "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
    '--customize-hook=tar -c -C "$1" --exclude=./dev/* --exclude=./proc/* --exclude=./sys/* --exclude=./tmp/* '
    "--exclude=./var/cache/apt/archives/*.deb --exclude=./usr/sbin/start-stop-daemon "
    '--transform=s,start-stop-daemon[.]REAL,start-stop-daemon, -f "$BASE" .',
)  # fmt: skip


@dataclass(frozen=True)
class Made:
    """tools: for PATH; base: a tar of the root that was not baked yet; image: a tar of the sealed one."""

    folder: Path
    tools: Path
    base: Path
    image: Path

    def run(
        self, *argv: str | Path, cwd: Path | None = None, timeout_s: float = 280, **variables: str | Path
    ) -> subprocess.CompletedProcess[str]:
        """What a builder says, with this checkout's `bootstrap`."""
        return built_images.run(self.tools, list(argv), cwd=cwd, timeout_s=timeout_s, **variables)

    def root(self, name: str, *, leftover: bool = False) -> Path:
        """A copy of the base, without a mirror: what the recipes install is there, and no test waits for a network."""
        root = unpack(self.base, self.folder / name)
        (root / "etc/apt/sources.list").write_text("")
        if leftover:
            plant(root)
        return root

    def disk(self, name: str, *, leftover: bool = False) -> Path:
        """The same as the file system of a disk."""
        root = self.root(f"{name}.root", leftover=leftover)
        disk = self.folder / name
        with disk.open("wb") as file:
            file.truncate(800 << 20)
        subprocess.run(["/sbin/mkfs.ext4", "-q", "-d", root, disk], check=True, timeout=60)
        shutil.rmtree(root)
        return disk


@pytest.fixture(scope="module")
def made() -> Iterator[Made]:
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="images-", dir=shm if shm.is_dir() else None) as name:
        folder = Path(name)
        # Other users' programs, such as _apt, go through it.
        folder.chmod(0o755)
        one = Made(folder, built_images.command(folder / "bin"), folder / "base.tar", folder / "image.tar")
        done = one.run(EXAMPLES / "chroot/mmdebstrap.sh", one.image, *OPTIONS, BASE=one.base)
        assert done.returncode == 0, done.stdout[-4000:]
        yield one


@pytest.fixture(scope="module")
def zipapp(made: Made) -> Path:
    return make(copied(made.folder / "tree"), "zipapp")


def test_mmdebstrap_makes_an_image_that_takes_a_bundle_once(made: Made) -> None:
    root = unpack(made.image, made.folder / "mmdebstrap")
    judge(made.tools, root, "cron", "systemd-networkd")
    shutil.rmtree(root)
    with Machine(made.image) as machine:
        machine.put(BUNDLE, payload([stage("one", "echo ran >>/srv/oracle")]).bundle, 0o400)
        machine.boot()
        machine.wait_for(lambda: machine.state() == "healthy" and machine.exists(TAKEN), 90)
        assert '"source": "files"' in machine.text(TAKEN)
        machine.power_cut()
        machine.boot()
        assert "files" in machine.sh("initialrunner status")
        assert machine.text("/srv/oracle") == "ran\n"


@needs("unshare", "mkfs.ext4")
def test_a_mounted_disk_gets_the_runner_and_is_left_unmounted(made: Made) -> None:
    disk = made.disk("mounted.img")
    done = made.run(EXAMPLES / "chroot/mounted.sh", disk)
    assert done.returncode == 0, done.stdout[-4000:]
    assert str(disk) not in made.run("losetup", "--all").stdout
    root = made.folder / "mounted"
    root.mkdir()
    subprocess.run(["mount", "-o", "loop,ro", disk, root], check=True)
    try:
        judge(made.tools, root, "cron")
    finally:
        subprocess.run(["umount", root], check=True)


@needs("unshare", "mkfs.ext4")
def test_a_mounted_disk_with_a_leftover_is_refused_and_left_unmounted(made: Made) -> None:
    disk = made.disk("mounted-leftover.img", leftover=True)
    done = made.run(EXAMPLES / "chroot/mounted.sh", disk)
    assert done.returncode == 4
    assert REFUSED in done.stdout and LEFTOVER in done.stdout
    assert str(disk) not in made.run("losetup", "--all").stdout


# --- mkosi ---


def mkosi_version() -> int:
    """Of the program that is there; 0 when none is."""
    if not shutil.which("mkosi"):
        return 0
    said = subprocess.run(["mkosi", "--version"], capture_output=True, text=True, timeout=60, check=False).stdout
    found = re.search(r"\d+", said)
    return int(found[0]) if found else 0


# nspawn, which mkosi starts, tidies a folder of this machine unless that is a tmpfs: see systemd_box.
MKOSI = "mkdir -p /run/systemd/nspawn && mount -t tmpfs tmpfs /run/systemd/nspawn && exec mkosi --nspawn-keep-unit"


@needs("mkosi", "systemd-nspawn")
@pytest.mark.skipif(mkosi_version() != 14, reason="the cache that this fills is that of mkosi 14")
@pytest.mark.parametrize("leftover", [False, True])
def test_mkosi_builds_with_the_runner_and_stops_at_a_leftover(made: Made, leftover: bool) -> None:
    folder = made.folder / f"mkosi-{leftover}"
    shutil.copytree(EXAMPLES / "mkosi", folder)
    # Both of its caches are there, so it takes the packages as installed; all later steps are done.
    (folder / "image.cache-pre-dev").mkdir()
    made.root(f"{folder.name}/image.cache-pre-inst", leftover=leftover)
    done = made.run("unshare", "--mount", "sh", "-c", f"{MKOSI} --incremental build", cwd=folder)
    if leftover:
        assert done.returncode != 0
        assert REFUSED in done.stdout and LEFTOVER in done.stdout
        assert not (folder / "image").exists()
    else:
        assert done.returncode == 0, done.stdout[-4000:]
        judge(made.tools, folder / "image", "cron", "systemd-networkd")
    shutil.rmtree(folder)


# --- diskimage-builder ---


@needs("disk-image-create", "sudo", "qemu-img")
@pytest.mark.parametrize("leftover", [False, True])
def test_disk_image_create_takes_the_element_and_stops_at_a_leftover(made: Made, leftover: bool) -> None:
    folder = made.folder / f"dib-{leftover}"
    folder.mkdir()
    root = made.root(f"dib-{leftover}/root", leftover=leftover)
    tar = folder / "base.tar"
    subprocess.run(["tar", "-c", "-C", root, "-f", tar, "."], check=True)
    done = made.run(
        "disk-image-create", "-n", "-t", "tar", "-o", folder / "image", "--image-cache", folder / "cache",
        "unpacked", "initialrunner", cwd=folder, UNPACKED_TAR=tar, TMPDIR=folder, DIB_NO_TMPFS="1",
        ELEMENTS_PATH=f"{EXAMPLES / 'diskimage-builder'}:{TOP / 'tests/elements'}",
    )  # fmt: skip
    if leftover:
        assert done.returncode != 0
        assert REFUSED in done.stdout and LEFTOVER in done.stdout
        assert not (folder / "image.tar").exists()
    else:
        assert done.returncode == 0, done.stdout[-4000:]
        judge(made.tools, unpack(folder / "image.tar", folder / "image"), "cron")
    shutil.rmtree(folder)


# --- virt-customize ---


def emulation() -> dict[str, str]:
    """For machines whose /dev/kvm is there and no use."""
    flags = Path("/proc/cpuinfo").read_text().split()
    return {} if {"vmx", "svm"} & set(flags) else {"LIBGUESTFS_BACKEND_SETTINGS": "force_tcg"}


@fits_bookworm
@needs("virt-customize", "mkfs.ext4", "strip")
@pytest.mark.skipif(not list(Path("/boot").glob("vmlinuz-*")), reason="libguestfs needs a kernel in /boot")
def test_virt_customize_bakes_and_seals_a_disk(made: Made, zipapp: Path) -> None:
    disk = made.disk("customized.img")
    script = EXAMPLES / "virt-customize/virt-customize.sh"
    # Emulated, it takes a minute when the machine has nothing else to do.
    done = made.run(script, disk, zipapp, timeout_s=600, LIBGUESTFS_BACKEND="direct", TMPDIR=made.folder, **emulation())
    assert done.returncode == 0, done.stdout[-4000:]
    root = made.folder / "customized"
    root.mkdir()
    subprocess.run(["mount", "-o", "loop,ro", disk, root], check=True)
    try:
        judge(made.tools, root, "cron")
        assert not (root / "opt/initialrunner-image").exists()
    finally:
        subprocess.run(["umount", root], check=True)


# --- Packer ---


@fits_bookworm
@needs("packer", "ssh-keygen", "systemd-nspawn", "nsenter", "strip")
def test_packer_bakes_and_seals_a_running_machine(made: Made, zipapp: Path) -> None:
    """A machine with systemd and sshd in a container, reached from within its network, which has no other way in."""
    key = made.folder / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    work = made.folder / "packer"
    work.mkdir()
    with Machine(made.base) as machine:
        machine.put("/etc/apt/sources.list", "")
        machine.put("/etc/sudoers.d/debian", "debian ALL=(ALL) NOPASSWD: ALL\n", 0o440)
        subprocess.run(["chroot", machine.root, "useradd", "-m", "-s", "/bin/sh", "debian"], check=True)
        machine.boot()

        def build() -> subprocess.CompletedProcess[str]:
            # A seal that refuses has cleaned all the same: the key that lets in, and those that sshd needs.
            machine.sh("ssh-keygen -A")
            login = "install -d -m 700 -o debian ~debian/.ssh && cat >~debian/.ssh/authorized_keys"
            machine.sh(f"{login} <<'END'\n{key.with_suffix('.pub').read_text()}END\nchown -R debian ~debian/.ssh")
            (template,) = (EXAMPLES / "packer").glob("*.pkr.hcl")
            return made.run(
                "nsenter", "--net", "--target", str(machine._first()), "packer", "build", "-color=false",
                "-only=null.machine", "-var", f"key={key}", "-var", f"zipapp={zipapp}", template,
                cwd=work, CHECKPOINT_DISABLE="1", HOME=work, TMPDIR=work,
            )  # fmt: skip

        plant(machine.root)
        done = build()
        assert done.returncode != 0
        assert REFUSED in done.stdout and LEFTOVER in done.stdout
        machine.sh(f"rm {LEFTOVER}")
        done = build()
        assert done.returncode == 0, done.stdout[-4000:]
        assert machine.sh("initialrunner why").startswith("this machine is the builder of the image")
        # As the cloud does before it takes the disk. Nothing of it may show there.
        machine.sh("systemctl poweroff")
        assert machine.process is not None
        machine.process.wait(60)
        judge(made.tools, machine.root, "cron")
        assert "product_uuid" not in machine.text(BUILDER)
