"""The gate on a real Debian: what a build leaves is found and cleaned, and systemctl agrees about what is on."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from box import needs_root
from declared import within
from image_root import bake, put

from bootstrap.image.bake import Settings
from bootstrap.image.bake import bake as real_bake
from bootstrap.image.finding import Severity
from bootstrap.image.seal import Sealed, seal
from bootstrap.image.tree import Tree
from bootstrap.image.units import Units

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    needs_root,
    pytest.mark.skipif(shutil.which("mmdebstrap") is None, reason="needs mmdebstrap"),
    pytest.mark.skipif(shutil.which("systemctl") is None, reason="needs systemctl"),
]
PACKAGES = ("cron", "python3", "systemd-sysv", "openssh-server", "ssl-cert", "ifupdown")


@pytest.fixture(scope="module")
def built() -> Iterator[Path]:
    """A root as debootstrap and apt leave it: nothing is cleaned up after them."""
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="seal-", dir=shm if shm.is_dir() else None) as folder:
        root = Path(folder) / "root"
        thin = ["--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*"]
        command = ["mmdebstrap", "--quiet", "--variant=minbase", "--skip=cleanup", f"--include={','.join(PACKAGES)}"]
        subprocess.run([*command, *thin, "trixie", root], check=True, timeout=800, stdout=subprocess.DEVNULL)
        yield root


@pytest.fixture
def root(built: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy of its own."""
    with tempfile.TemporaryDirectory(prefix="seal-", dir=built.parent.parent) as folder:
        copy = Path(folder) / "root"
        subprocess.run(["cp", "-a", "--reflink=auto", built, copy], check=True)
        yield copy


def systemctl(root: Path, *words: str) -> str:
    argv = ["systemctl", f"--root={root}", *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()


def refused(sealed: Sealed) -> set[str]:
    return {one.code for one in sealed.of(Severity.ERROR)}


def test_what_a_build_leaves_is_found_and_cleaned(root: Path) -> None:
    bake(root)
    left = {
        "ssh.host-key",
        "key.snakeoil",
        "identity.machine-id",
        "log.file",
        "cache.apt",
        "cache.apt-lists",
        "cache.debconf",
        "cache.system",
    }
    before = seal(root, require=("cron", "ssh"))
    assert left <= refused(before)
    assert refused(before) <= {*left, "tmp.file", "builder.policy", "run.file", "net.dhcp"}
    # By its nature the key of ssl-cert is for a person to decide.
    (root / "etc/ssl/private/ssl-cert-snakeoil.key").unlink()
    after = seal(root, require=("cron", "ssh"), clean=True)
    # A unit of this release makes new host keys at a first boot; that an empty machine id makes no such boot is said.
    assert refused(after) == {"need.host-keys"}
    assert after.failed == ()
    assert (root / "etc/machine-id").read_bytes() == b""
    assert not list((root / "etc/ssh").glob("ssh_host_*"))
    (root / "etc/machine-id").write_text("uninitialized\n")
    assert refused(seal(root)) == set()
    systemctl(root, "mask", "sshd-keygen.service")
    assert refused(seal(root)) == {"need.host-keys"}
    real_bake(root, Settings(host_keys=True))
    assert refused(seal(root)) == set()
    assert systemctl(root, "is-enabled", "initialrunner-host-keys.service") == "enabled"
    # The image still works: its package manager, and each program that a boot starts.
    for command in (["dpkg", "--audit"], ["apt-get", "check"], ["python3", "-c", "import json"], ["cron", "-V"]):
        done = subprocess.run(["chroot", root, *command], env=within(), capture_output=True, text=True, check=False)
        assert done.returncode == 0 or command[0] == "cron", done.stderr


def test_systemctl_agrees_about_what_is_on(root: Path) -> None:
    """Each unit is turned on, off and masked by the real systemctl, and judged after each."""

    def on(name: str) -> tuple[bool, str]:
        tree = Tree(root)
        try:
            start = Units(tree).start(name)
        finally:
            tree.close()
        return start.on, start.how

    for name in ("cron.service", "ssh.service", "systemd-networkd.service", "getty@tty3.service"):
        systemctl(root, "enable", name)
        assert (systemctl(root, "is-enabled", name), on(name)[0]) == ("enabled", True), on(name)
        systemctl(root, "disable", name)
        systemctl(root, "disable", name.replace(".service", ".socket"))
        assert (systemctl(root, "is-enabled", name) in ("disabled", "indirect"), on(name)[0]) == (True, False), on(name)
        systemctl(root, "mask", name)
        assert (systemctl(root, "is-enabled", name), on(name)[1]) == ("masked", "is masked")
        systemctl(root, "unmask", name)
    # By its alias, and by its socket.
    systemctl(root, "enable", "ssh.service")
    assert on("sshd") == (True, on("ssh")[1])
    systemctl(root, "disable", "ssh.service")
    systemctl(root, "enable", "ssh.socket")
    assert on("ssh") == (True, "by ssh.socket")


def test_every_unit_that_is_enabled_is_on(root: Path) -> None:
    """Over all units of the image: what systemctl calls enabled, and hangs below a target of the boot, is on."""
    tree = Tree(root)
    units = Units(tree)
    lines = systemctl(root, "list-unit-files", "--state=enabled", "--no-legend").splitlines()
    names = [line.split()[0] for line in lines]
    off = {name: units.start(name).how for name in names if not name.partition(".")[0].endswith("@")}
    off = {name: how for name, how in off.items() if not units.start(name).on}
    tree.close()
    assert len(names) > 3
    # Aliases alone (a default target, the reboot keys) start nothing by themselves.
    assert {name for name in off if name.endswith((".service", ".timer", ".socket"))} == set()


def test_a_tool_of_the_image_that_made_a_user_is_caught(root: Path) -> None:
    hashed = "$6$rounds=1000$saltsalt$" + "a" * 86
    argv = ["chroot", root, "useradd", "--create-home", "--password", hashed, "packer"]
    subprocess.run(argv, env=within(), check=True)
    put(root, "/home/packer/.ssh/authorized_keys", "ssh-ed25519 AAAA packer\n")
    found = refused(seal(root, runner=False))
    assert {"account.password.packer", "ssh.authorized-keys"} <= found
