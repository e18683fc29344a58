"""Kernel command lines of every boot loader, and what in them holds for the builder alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import findings, told

from bootstrap.image.judges import kernel

FSTAB = "UUID=0a1b / ext4 rw 0 1\nUUID=3d none swap sw 0 0\n"
ON_LVM = "/dev/mapper/rocky-root / xfs defaults 0 0\n/dev/mapper/rocky-swap none swap defaults 0 0\n"
BY_ID = "root=/dev/disk/by-id/ata-A-part1"
PLACES = {
    "/etc/default/grub": 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX WORDS"\n',
    "/etc/default/grub.d/50-cloudimg.cfg": "export GRUB_CMDLINE_LINUX_DEFAULT='WORDS'\n",
    "/etc/kernel/cmdline": "WORDS\n",
    "/etc/cmdline.d/lvm.conf": "# by hand\nWORDS\n",
    "/boot/loader/entries/a-6.1.conf": "title A\nlinux /vmlinuz\noptions WORDS\n",
    "/boot/grub/grub.cfg": "menuentry 'a' {\n\tlinux\t/vmlinuz ro WORDS\n}\n",
    "/boot/grub2/grubenv": "# GRUB Environment Block\nkernelopts=WORDS ro\n",
    "/boot/extlinux/extlinux.conf": "label l0\n\tappend WORDS\n",
    "/etc/default/u-boot": 'U_BOOT_PARAMETERS="WORDS"\n',
    "/etc/zipl.conf": '[linux]\nparameters="WORDS"\n',
    "/boot/firmware/cmdline.txt": "WORDS\n",
}


@pytest.mark.parametrize("path", PLACES)
def test_every_place_of_a_command_line_is_read(tmp_path: Path, path: str) -> None:
    assert told(kernel, tmp_path, {path: PLACES[path].replace("WORDS", BY_ID)}) == [("kernel.hardware", "error", path)]


@pytest.mark.parametrize(
    ("words", "fstab", "expected"),
    [
        ("quiet root=UUID=0A1B ro crashkernel=256M console=ttyS0 net.ifnames=0", FSTAB, None),
        ("root=UUID=ffff ro", FSTAB, ("kernel.root", "error")),
        ("root=UUID=ffff ro", "# UNCONFIGURED FSTAB FOR BASE SYSTEM\n", None),
        ("root=PARTUUID=ffff ro", FSTAB, None),
        ("root=/dev/vda1 ro", FSTAB, None),
        ("root=LABEL=cloudimg-rootfs", "LABEL=cloudimg-rootfs / ext4 defaults 0 1\n", None),
        ("resume=UUID=3d", FSTAB, None),
        ("resume=UUID=ff", FSTAB, ("kernel.resume", "warning")),
        ("root=/dev/mapper/rocky-root rd.lvm.lv=rocky/root resume=/dev/mapper/rocky-swap", ON_LVM, None),
        ("root=/dev/mapper/build--vg-root", "", ("kernel.volume", "error")),
        ("root=/dev/build-vg/root", "/dev/mapper/build--vg-root / ext4 rw 0 1\n", None),
        ("rd.lvm.lv=builder/root", "PARTUUID=1 / ext4 rw 0 1\n", ("kernel.volume", "error")),
        ("rd.lvm.lv=builder/root", FSTAB, ("kernel.volume", "warning")),
        ("rd.luks.uuid=luks-11-22", ON_LVM, ("kernel.volume", "error")),
        ("rd.md.uuid=11:22", ON_LVM, ("kernel.volume", "error")),
        ("ip=10.0.0.5::10.0.0.1:255.255.255.0:web:ens3:none", "", ("kernel.address", "error")),
        ("ip=[2001:db8::5]::[2001:db8::1]:64::ens3:none", "", ("kernel.address", "error")),
        ("ip=dhcp rd.neednet=1", "", None),
        ("ip=::::web:eth0:dhcp", "", None),
        ("ifname=eth0:52:54:00:12:34:56", "", ("kernel.address", "error")),
        ("BOOTIF=01-52-54-00-12-34-56", "", ("kernel.address", "error")),
        ("systemd.machine_id=0123456789abcdef0123456789abcdef", "", ("kernel.identity", "error")),
        ("systemd.machine_id=firmware", "", None),
        ("systemd.hostname=builder", "", ("kernel.identity", "warning")),
        ("rd.iscsi.initiator=iqn.2026-01.a:b", "", ("kernel.identity", "error")),
        ("root=$rootdev ${extra}", FSTAB, None),
    ],
)
def test_a_command_line(tmp_path: Path, words: str, fstab: str, expected: tuple[str, str] | None) -> None:
    files = {"/etc/kernel/cmdline": words + "\n", "/etc/fstab": fstab}
    assert told(kernel, tmp_path, files) == ([(*expected, "/etc/kernel/cmdline")] if expected else [])


def test_an_array_and_an_encrypted_disk_of_the_image_are_its_own(tmp_path: Path) -> None:
    files = {
        "/etc/kernel/cmdline": "rd.luks.uuid=luks-11-22 rd.md.uuid=33:44\n",
        "/etc/crypttab": "luks-11-22 UUID=11-22 none\n",
        "/etc/mdadm.conf": "ARRAY /dev/md0 UUID=33:44\n",
    }
    assert findings(kernel, tmp_path, files) == []


def test_one_finding_names_everything_of_its_kind(tmp_path: Path) -> None:
    text = "ip=10.0.0.5:::::ens3:none ifname=lan:52:54:00:12:34:56\n"
    (finding,) = findings(kernel, tmp_path, {"/etc/kernel/cmdline": text})
    assert finding.subject == "the builder's network (ip=10.0.0.5:::::ens3:none, ifname=lan:52:54:00:12:34:56)"
