"""`bake --host-keys` on a Debian with its own systemd: sshd starts with keys it did not have, and keeps what it has."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from debian_root import make_root
from declared import within
from systemd_box import Machine, needs_systemd

from bootstrap.image import bake
from bootstrap.image.bake import Settings
from bootstrap.image.seal import seal

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), needs_systemd]
KINDS = ["ecdsa", "ed25519", "rsa"]


@pytest.fixture(scope="module")
def tar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_root(tmp_path_factory.mktemp("root") / "bookworm.tar", "openssh-server", "cloud-init")


@pytest.fixture
def machine(tar: Path) -> Iterator[Machine]:
    with Machine(tar) as one:
        for key in (one.root / "etc/ssh").glob("ssh_host_*"):
            key.unlink()
        # Its generator takes a container without a datasource for none of its own.
        one.put("/etc/cloud/cloud-init.disabled", "")
        bake.bake(one.root, Settings(host_keys=True))
        yield one


def keys(machine: Machine) -> dict[str, str]:
    """Kind -> the public key that sshd shows to whoever connects."""
    lines = machine.sh("ssh-keyscan 127.0.0.1 2>/dev/null").splitlines()
    return {line.split()[1].removeprefix("ssh-").partition("-sha2")[0]: line.split()[2] for line in lines}


def files(machine: Machine) -> list[str]:
    return sorted(key.name.split("_")[2] for key in (machine.root / "etc/ssh").glob("ssh_host_*_key"))


def fault(machine: Machine) -> str:
    """What went wrong in the boot: failed units, and the starts that systemd left out to break a circle."""
    return machine.sh("systemctl --failed --plain --no-legend; journalctl -b | grep -i 'ordering cycle'")


def test_sshd_starts_with_keys_that_the_image_did_not_have_and_keeps_them(machine: Machine) -> None:
    machine.boot()
    assert machine.sh("systemctl is-active ssh initialrunner-host-keys").split() == ["active", "active"]
    first = keys(machine)
    assert sorted(first) == files(machine) == KINDS
    assert machine.sh("stat -c %a /etc/ssh/ssh_host_rsa_key /etc/ssh/ssh_host_rsa_key.pub").split() == ["600", "644"]
    assert fault(machine) == ""
    machine.power_cut()
    # A power cut leaves an empty file where a key was not synced; another is missing.
    (machine.root / "etc/ssh/ssh_host_ecdsa_key").write_bytes(b"")
    (machine.root / "etc/ssh/ssh_host_rsa_key").unlink()
    machine.boot()
    again = keys(machine)
    assert sorted(again) == KINDS
    assert {kind for kind in KINDS if again[kind] == first[kind]} == {"ed25519"}
    machine.power_cut()
    machine.boot()
    assert keys(machine) == again


def test_a_socket_that_waits_for_logins_has_keys_too(machine: Machine) -> None:
    wants = machine.root / "etc/systemd/system"
    (wants / "multi-user.target.wants/ssh.service").unlink()
    (wants / "sockets.target.wants").mkdir(exist_ok=True)
    (wants / "sockets.target.wants/ssh.socket").symlink_to("/lib/systemd/system/ssh.socket")
    machine.boot()
    assert machine.sh("systemctl is-active ssh.socket").strip() == "active"
    assert sorted(keys(machine)) == KINDS
    assert fault(machine) == ""


def test_a_cloud_init_that_does_run_has_the_last_word(machine: Machine) -> None:
    (machine.root / "etc/cloud/cloud-init.disabled").unlink()
    machine.put("/var/lib/cloud/seed/nocloud/meta-data", "instance-id: i-1\n")
    machine.put("/var/lib/cloud/seed/nocloud/user-data", "#cloud-config\nssh_genkeytypes: [ed25519]\n")
    machine.boot()
    assert machine.sh("systemctl is-active ssh initialrunner-host-keys").split() == ["active", "active"]
    assert "status: " in machine.sh("cloud-init status --wait", 120)
    assert list(keys(machine)) == files(machine) == ["ed25519"]
    assert "ordering cycle" not in fault(machine)


def test_the_gate_passes_it_and_nothing_is_left_when_it_is_removed(machine: Machine) -> None:
    assert [one.code for one in seal(machine.root).findings if one.code == "need.host-keys"] == []
    bake.bake(machine.root, Settings())
    assert [one.severity.value for one in seal(machine.root).findings if one.code == "need.host-keys"] == ["error"]
    assert not list(machine.root.glob("etc/systemd/system/**/*host-keys*"))


def test_without_systemd_cron_makes_them_and_starts_sshd_again(tar: Path) -> None:
    """The program as the entry of cron starts it, in a root in which sshd could not start."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        root = Path(folder)
        subprocess.run(["tar", "-x", "-C", root, "--exclude=./dev/*", "-f", tar], check=True)
        for key in (root / "etc/ssh").glob("ssh_host_*"):
            key.unlink()
        for path in ("usr/lib/systemd/systemd", "usr/sbin/cron"):
            (root / path).unlink(missing_ok=True)
        shutil.copy(root / "usr/bin/true", root / "usr/sbin/cron")
        (root / "etc/init.d/ssh").write_text('#!/bin/sh\n/usr/sbin/sshd -t && echo "$1" >>/restarts\n')
        (root / "etc/init.d/ssh").chmod(0o755)
        (root / "run/sshd").mkdir(parents=True, exist_ok=True)
        changes = bake.bake(root, Settings(host_keys=True)).changes
        entry = root / "etc/cron.d/initialrunner-host-keys"
        assert {change.path for change in changes if "host-keys" in change.path} == {
            "/usr/local/lib/initialrunner/host-keys", "/etc/cron.d/initialrunner-host-keys",
        }  # fmt: skip
        (line,) = (row for row in entry.read_text().splitlines() if row.startswith("@reboot root "))
        script = line.removeprefix("@reboot root ").partition(" 2>&1 |")[0]
        dev = "mount --bind /dev dev && exec chroot . /bin/sh -c"
        for _ in range(2):
            argv = ["unshare", "--mount", "sh", "-c", f'{dev} "$1"', "sh", script]
            subprocess.run(argv, cwd=root, env=within(), check=True, capture_output=True, timeout=120)
        assert sorted(key.name.split("_")[2] for key in (root / "etc/ssh").glob("ssh_host_*_key")) == KINDS
        # The second time there was nothing to make, and sshd was left alone.
        assert (root / "restarts").read_text() == "restart\n"
        bake.remove(root)
        assert not entry.exists()
