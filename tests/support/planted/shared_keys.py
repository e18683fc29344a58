"""Leftovers of the table `shared_keys`, planted: (code, path, content)."""

from __future__ import annotations

from planted.texts import FORTY, KEY, hexes, letters

SHARED_KEYS: tuple[tuple[str, str, str | bytes], ...] = (
    ("key.rndc", "/etc/bind/rndc.key", f'key "rndc-key" {{\n\talgorithm hmac-sha256;\n\tsecret "{FORTY}abE=";\n}};\n'),
    ("key.erlang", "/var/lib/rabbitmq/.erlang.cookie", letters(20).upper()),
    ("key.munge", "/etc/munge/munge.key", bytes(range(256))),
    ("key.control", "/etc/nsd/nsd_server.key", KEY),
    ("key.self-signed", "/etc/ejabberd/ejabberd.pem", KEY),
    ("key.application", "/etc/roundcube/config.inc.php", f"$config['des_key'] = '{letters(24)}';\n"),
    ("identity.popcon", "/etc/popularity-contest.conf", f'PARTICIPATE="yes"\nMY_HOSTID="{hexes(32)}"\n'),
)
