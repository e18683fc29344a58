"""Debian's cloud-init in a box: its settings, its seed folder and its four stages."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from box import Box

STAGES = ("init --local", "init", "modules --mode=config", "modules --mode=final")
# Only modules that run parts of users; the others are for disks, keys, names and packages of a real machine.
SETTINGS = """\
datasource_list: [%s]
network: {config: disabled}
preserve_hostname: true
cloud_init_modules: [write-files]
cloud_config_modules: [runcmd]
cloud_final_modules: [scripts-per-once, scripts-per-boot, scripts-per-instance, scripts-user, final-message]
"""


def seeded(box: Box, folder: str, files: Mapping[str, bytes]) -> None:
    """A volume as cloud-init finds it without a disk: under its seed folder."""
    box.sh("rm -rf /var/lib/cloud /run/cloud-init")
    source = {"nocloud": "NoCloud", "config_drive": "ConfigDrive"}[folder]
    box.put("/etc/cloud/cloud.cfg.d/99-test.cfg", SETTINGS % source)
    for name, content in files.items():
        box.put(f"/var/lib/cloud/seed/{folder}/{name}", content, 0o600)


def first_boot(box: Box) -> None:
    """Boot, and see that cloud-init ends well and warns of nothing."""
    boot(box)
    assert box.sh("cloud-init status").stdout.strip() == "status: done"
    warnings = [line for line in box.text("/var/log/cloud-init.log").splitlines() if "[WARNING]" in line]
    assert warnings == []


def boot(box: Box) -> None:
    """Run the four stages of cloud-init, as the units of a machine do."""
    box.sh("rm -rf /run/cloud-init")
    for stage in STAGES:
        done = box.sh(f"cloud-init {stage}", timeout_s=120)
        assert done.returncode == 0, (stage, done.stdout, done.stderr)


def write_files(path: str, content: bytes) -> str:
    """A cloud-config that writes one file of any bytes, as a user's own part of a message."""
    # In lines: a mail's may have 998 characters.
    lines = base64.encodebytes(content).decode().replace("\n", "\n    ").rstrip()
    return f"#cloud-config\nwrite_files:\n- path: {path}\n  encoding: b64\n  content: |\n    {lines}\n"
