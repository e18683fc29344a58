"""Disks that a clone has not: fstab, crypttab, RAID arrays, the swap space to resume from."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import findings, told

from bootstrap.image.judges import disks

ROOT = "UUID=0a1b / ext4 rw 0 1\n"
BY_ID = "/dev/disk/by-id/ata-QEMU_HARDDISK_QM00001-part2"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"{BY_ID} /srv ext4 rw 0 2", ("disk.hardware", "error")),
        (f"{BY_ID} /srv ext4 rw,nofail 0 2", ("disk.hardware", "warning")),
        ("/dev/disk/by-path/pci-0000:00:05.0-part1 none swap sw 0 0", ("disk.hardware", "error")),
        ("/dev/disk/by-id/dm-uuid-LVM-abc /home ext4 rw 0 2", None),
        ("/dev/disk/by-id/md-uuid-1:2 /home ext4 rw 0 2", None),
        ("10.0.0.9:/srv /srv nfs defaults 0 0", ("disk.missing", "warning")),
        ("//10.0.0.9/srv /srv cifs credentials=/root/c 0 0", ("disk.missing", "warning")),
        ("vagrant /vagrant vboxsf uid=1000,_netdev 0 0", ("disk.missing", "warning")),
        ("10.0.0.9:/srv /srv nfs noauto 0 0", None),
        ("/dev/sdb1 /srv ext4 rw 0 2", ("disk.missing", "warning")),
        ("/dev/nvme1n1 /srv xfs rw 0 2", ("disk.missing", "warning")),
        ("/dev/vda2 none swap sw 0 0", None),
        ("UUID=ffff /data ext4 rw 0 2", ("disk.missing", "warning")),
        ("UUID=0a1b /.snapshots btrfs subvol=s 0 0", None),
        ("UUID=ffff /var/log ext4 rw 0 2", None),
        ("LABEL=UEFI /boot/efi vfat umask=077 0 1", None),
        ("# /dev/sdb1 /srv ext4 rw 0 2", None),
        ("/dev/sr0 /media/cdrom0 udf,iso9660 user,noauto 0 0", None),
        ("tmpfs /tmp tmpfs defaults 0 0", None),
        ("overlay /srv overlay lowerdir=/a 0 0", None),
    ],
)
def test_a_line_of_fstab(tmp_path: Path, line: str, expected: tuple[str, str] | None) -> None:
    wanted = [(*expected, "/etc/fstab")] if expected else []
    assert told(disks, tmp_path, {"/etc/fstab": f"{ROOT}{line}\n"}) == wanted


def test_a_finding_names_every_mount_and_the_real_file(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/fstab").symlink_to("/usr/etc/fstab")
    lines = f"{ROOT}10.0.0.9:/a /srv/a\\040b nfs defaults 0 0\n/dev/sdb2 none swap sw 0 0\n"
    (finding,) = findings(disks, tmp_path, {"/usr/etc/fstab": lines})
    assert (finding.path, finding.subject) == (
        "/usr/etc/fstab", "mounts that a clone may not have (/srv/a b, /dev/sdb2)",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("root UUID=1 /etc/keys/root.key luks", ["disk.key-file", "disk.encrypted"]),
        ("data UUID=1 none luks", ["disk.encrypted"]),
        (f"data {BY_ID} none luks", ["disk.hardware"]),
        ("auto LABEL=a none luks", ["disk.key-file"]),
        ("swap UUID=1 /dev/urandom swap", []),
        ("swap /dev/vda3 /dev/urandom swap", []),
        ("data LABEL=a /nowhere.key luks", []),
    ],
)
def test_a_line_of_crypttab(tmp_path: Path, line: str, expected: list[str]) -> None:
    files = {"/etc/keys/root.key": "x", "/etc/cryptsetup-keys.d/auto.key": "x", "/etc/crypttab": f"# name\n{line}\n"}
    assert [code for code, _, _ in told(disks, tmp_path, files)] == expected


@pytest.mark.parametrize(
    ("text", "mounts", "expected"),
    [
        ("ARRAY /dev/md0 metadata=1.2 name=builder:0 UUID=1:2\n", ROOT, [("disk.array", "error")]),
        ("ARRAY /dev/md0 metadata=1.2 UUID=1:2\n", "/dev/md0 / ext4 rw 0 1\n", [("disk.array", "warning")]),
        ("ARRAY <ignore> UUID=1:2\n", ROOT, [("disk.array", "error")]),
        ("HOMEHOST builder\n", ROOT, [("disk.array-host", "warning")]),
        ("HOMEHOST <system>\n# ARRAY /dev/md0 UUID=1:2\n", ROOT, []),
    ],
)
@pytest.mark.parametrize("path", ["/etc/mdadm/mdadm.conf", "/etc/mdadm.conf", "/etc/mdadm.conf.d/own.conf"])
def test_arrays(tmp_path: Path, path: str, text: str, mounts: str, expected: list[tuple[str, str]]) -> None:
    files = {path: text, "/etc/fstab": mounts}
    assert told(disks, tmp_path, files) == [(*pair, path) for pair in expected]


@pytest.mark.parametrize(
    ("value", "is_foreign"),
    [("UUID=3d", False), ("/dev/disk/by-uuid/3D", False), ("UUID=ff", True), ("none", False), ("/dev/sdb2", True)],
)
def test_the_swap_space_to_resume_from(tmp_path: Path, value: str, is_foreign: bool) -> None:
    path = "/etc/initramfs-tools/conf.d/resume"
    files = {path: f"RESUME={value}\n", "/etc/fstab": f"{ROOT}UUID=3d none swap sw 0 0\n"}
    assert told(disks, tmp_path, files) == ([("disk.resume", "warning", path)] if is_foreign else [])
