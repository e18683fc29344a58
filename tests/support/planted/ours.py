"""Leftovers of the table `ours`, planted: (code, path, content)."""

from __future__ import annotations

import json

from planted.texts import BOOT_ID, FORTY

OURS: tuple[tuple[str, str, str | bytes], ...] = (
    ("ours.builder", "/var/lib/initialrunner/builder", json.dumps({"boot_id": BOOT_ID, "product_uuid": "4c4c4544"})),
    ("ours.state", "/var/lib/initialrunner/journal", "{}\n"),
    ("ours.state", "/var/lib/initialrunner/taken", "{}\n"),
    ("ours.bundle", "/etc/initialrunner/bundle", "#!/bin/sh\n"),
    ("ours.bundle", "/etc/initialrunner/bundle.3", "x"),
    ("ours.trigger", "/etc/cron.d/initialrunner", "* * * * * root x\n"),
    ("ours.trigger", "/etc/systemd/system/multi-user.target.d/initialrunner.conf", "[Unit]\n"),
    ("ours.command", "/var/lib/initialrunner/bin/initialrunner", "#!/bin/sh\nP=...\n"),
    ("ours.rc-local", "/etc/rc.local", "#!/bin/sh\n# Rendered for a by initialrunner: what runs at every boot, once\n"),
    ("ours.rc-local", "/etc/systemd/system/initialrunner-boot.service", "[Service]\nExecStart=/etc/rc.local\n"),
    ("ours.rc-local", "/etc/systemd/system/multi-user.target.wants/initialrunner-boot.service", "x"),
    ("ours.message", "/etc/motd", "hello\ninitialrunner: failed\n"),
    ("ours.deployer", "/root/.local/state/initialrunner/secret", FORTY),
    ("injected.aside", "/etc/cron.d/site.bak.1700000000.12", "* * * * * root x\n"),
)
