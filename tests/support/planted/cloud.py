"""Leftovers of the table `cloud`, planted: (code, path, content)."""

from __future__ import annotations

CLOUD: tuple[tuple[str, str, str | bytes], ...] = (
    ("cloud-init.data", "/var/lib/cloud/instances", "i-1/user-data.txt"),
    ("cloud-init.data", "/var/lib/cloud/data", "instance-id"),
    ("cloud-init.seed", "/var/lib/cloud/seed/nocloud/user-data", "#cloud-config\n"),
    ("cloud-init.installer", "/etc/cloud/cloud.cfg.d/99-installer.cfg", "datasource_list: [None]\n"),
    ("cloud.agent", "/var/lib/waagent", "provisioned"),
)
