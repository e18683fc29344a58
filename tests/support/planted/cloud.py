"""Leftovers of the table `cloud`, planted: (code, path, content)."""

from __future__ import annotations

_FSTAB = "UUID=3d none swap sw 0 0\n/dev/vdb /mnt auto defaults,nofail,comment=cloudconfig 0 2\n"
CLOUD: tuple[tuple[str, str, str | bytes], ...] = (
    ("cloud-init.data", "/var/lib/cloud/instances", "i-1/user-data.txt"),
    ("cloud-init.data", "/var/lib/cloud/data", "instance-id"),
    ("cloud-init.fstab", "/etc/fstab", _FSTAB),
    ("cloud-init.seed", "/var/lib/cloud/seed/nocloud/user-data", "#cloud-config\n"),
    ("cloud-init.installer", "/etc/cloud/cloud.cfg.d/99-installer.cfg", "growpart: {mode: off}\n"),
    ("cloud-init.installer", "/etc/cloud/cloud.cfg.d/00-subiquity-settings.cfg", "ssh: {}\n"),
    ("cloud-init.installer", "/etc/cloud/cloud.cfg.d/90-installer-network.cfg", "network: {version: 2}\n"),
    ("cloud-init.settings", "/etc/cloud/cloud.cfg.d/curtin-preserve-sources.cfg", "apt: {}\n"),
    ("cloud.agent", "/var/lib/waagent", "provisioned"),
)
