"""Leftovers of the table `identity`, planted: (code, path, content)."""

from __future__ import annotations

IDENTITY: tuple[tuple[str, str, str | bytes], ...] = (
    ("identity.machine-id", "/etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
    ("identity.dbus", "/var/lib/dbus/machine-id", "0123456789abcdef0123456789abcdef\n"),
    ("identity.random-seed", "/var/lib/systemd/random-seed", b"\1" * 32),
    ("identity.credential-secret", "/var/lib/systemd/credential.secret", "x"),
    ("identity.initiator", "/etc/iscsi/initiatorname.iscsi", "InitiatorName=iqn.1993-08.org.debian:01:a\n"),
    ("identity.hostname", "/etc/hostname", "builder\n"),
    ("identity.hostname", "/etc/HOSTNAME", "builder.lan\n"),
    ("identity.hostname", "/etc/sysconfig/network", "NETWORKING=yes\nHOSTNAME=builder\n"),
    ("identity.machine-info", "/etc/machine-info", 'PRETTY_HOSTNAME="The builder"\n'),
    ("identity.entry-token", "/etc/kernel/entry-token", "0123456789abcdef0123456789abcdef\n"),
    ("identity.tpm", "/var/lib/systemd/tpm2-srk-public-key.pem", "-----BEGIN PUBLIC KEY-----\n"),
    ("identity.hostid", "/etc/hostid", b"\1\2\3\4"),
    ("identity.package-manager", "/var/lib/yum/uuid", "x"),
    ("identity.package-manager", "/var/lib/zypp/AnonymousUniqueId", "x"),
    ("identity.crash-reports", "/var/lib/whoopsie/whoopsie-id", "0123"),
    ("identity.hardware-profile", "/etc/smolt/uuid", "x"),
    ("identity.mail-name", "/etc/mailname", "builder.lan\n"),
    ("identity.mail-name", "/etc/exim4/update-exim4.conf.conf", "dc_other_hostnames='builder.lan'\n"),
)
