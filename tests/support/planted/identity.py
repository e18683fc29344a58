"""Leftovers of the table `identity`, planted: (code, path, content)."""

from __future__ import annotations

IDENTITY: tuple[tuple[str, str, str | bytes], ...] = (
    ("identity.machine-id", "/etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
    ("identity.dbus", "/var/lib/dbus/machine-id", "0123456789abcdef0123456789abcdef\n"),
    ("identity.random-seed", "/var/lib/systemd/random-seed", b"\1" * 32),
    ("identity.credential-secret", "/var/lib/systemd/credential.secret", "x"),
    ("identity.initiator", "/etc/iscsi/initiatorname.iscsi", "InitiatorName=iqn.1993-08.org.debian:01:a\n"),
    ("identity.hostname", "/etc/hostname", "builder\n"),
)
