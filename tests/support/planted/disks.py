"""Leftovers of the table `disks`, planted: (code, path, content)."""

from __future__ import annotations

_DEBCONF = "Name: grub-pc/install_devices\nTemplate: grub-pc/install_devices\nValue: /dev/disk/by-id/ata-DISK_1\n"

DISKS: tuple[tuple[str, str, str | bytes], ...] = (
    ("disk.lvm-devices", "/etc/lvm/devices/system.devices", "VERSION=1.1.1\nIDTYPE=sys_wwid IDNAME=t10.ATA\n"),
    ("disk.lvm-devices", "/etc/lvm/devices/backup/system.devices-20261130.101010.0001", "VERSION=1.1.1\n"),
    ("disk.lvm-backup", "/etc/lvm/archive/vg0_00000-1.vg", "vg0 {\n}\n"),
    ("disk.lvm-backup", "/etc/lvm/backup/vg0", "vg0 {\n}\n"),
    ("disk.multipath", "/etc/multipath/bindings", "# Format\nmpatha 360014051\n"),
    ("disk.multipath", "/etc/multipath/wwids", "/360014051/\n"),
    ("disk.iscsi", "/var/lib/iscsi/nodes", "iqn.2026-01.a:b/10.0.0.9,3260,1/default"),
    ("disk.iscsi", "/etc/iscsi/send_targets", "10.0.0.9,3260/st_config"),
    ("disk.encryption-key", "/etc/cryptsetup-keys.d/data.key", b"\1" * 32),
    ("disk.nvme", "/etc/nvme/discovery.conf", "--transport=tcp --traddr=10.0.0.9 --trsvcid=4420\n"),
    ("disk.zfs", "/etc/zfs/zpool.cache", b"\1\1"),
    ("disk.blkid", "/etc/blkid.tab", '<device DEVNO="0x0801">/dev/sda1</device>\n'),
    ("disk.grub-device", "/var/cache/debconf/config.dat", _DEBCONF),
)
