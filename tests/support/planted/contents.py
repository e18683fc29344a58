"""Leftovers by content and by name, planted: (code, path, content)."""

from __future__ import annotations

from planted.texts import BODY, CORE, FORTY, KEY

CONTENTS: tuple[tuple[str, str, str | bytes], ...] = (
    ("ours.torn", "/etc/initialrunner/.bundle.initialrunner", "#!/bin/sh\n"),
    ("ours.torn", "/srv/tls/.site.key.initialrunner", "x"),
    ("ours.torn", "/usr/local/lib/initialrunner/.baked.py.bake", "x"),
    ("injected.beside", "/etc/web/site.conf.bak.1700000000", "x"),
    (
        "key.vagrant",
        "/home/vagrant/.ssh/authorized_keys",
        "ssh-rsa AAAAB3NzaC1yc2EAAAABIwAA vagrant insecure public key\n",
    ),
    ("cred.state", "/opt/infra/terraform.tfstate", "{}"),
    ("cred.environment", "/srv/web/.env", "export DB_PASSWORD=hunter2\n"),
    ("key.private", "/srv/tls/site.key", "# a key\n" + KEY),
    ("key.private", "/home/alice/.ssh/id_rsa", KEY.replace("BEGIN", "BEGIN OPENSSH")),
    ("key.private", "/opt/signing.asc", f"-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 2\n\n{BODY}"),
    ("key.private", "/var/lib/big.pem", "#" * ((1 << 18) - 40) + "\n" + KEY),
    ("key.putty", "/home/alice/site.ppk", "PuTTY-User-Key-File-3: ssh-ed25519\n"),
    ("key.wireguard", "/etc/wireguard/wg0.conf", "[Interface]\nPrivateKey = " + (FORTY + "abc") + "=\n"),
    ("key.store", "/opt/site.p12", b"\x30\x82"),
    ("token.aws", "/opt/web/settings.py", "KEY = 'AKIA1234567890ABCDEF'\n"),
    ("token.aws", "/opt/web/secret", f"aws_secret_access_key = {FORTY}\n"),
    ("token.github", "/srv/web/deploy.sh", f"git clone https://ghp_{FORTY[:36]}@github.com/a/b\n"),
    ("token.gitlab", "/root/run.sh", "T=glpat-abcdefghij0123456789\n"),
    ("token.slack", "/etc/notify.conf", "xoxb-" + FORTY[:24] + "\n"),
    ("token.google-service", "/opt/web/account.json", '{"type": "service_account", "private_key_id": "x"}'),
    ("token.google", "/opt/web/maps.js", "AIza" + FORTY[:35]),
    ("token.azure", "/etc/blob.conf", "AccountKey=" + FORTY * 2 + "abcdef==\n"),
    ("token.stripe", "/srv/shop.conf", "sk_live_" + FORTY[:24] + "\n"),
    ("token.npm", "/home/alice/.npmrc", "//registry.npmjs.org/:_authToken=abcdefgh-1234\n"),
    ("token.pypi", "/home/alice/upload.sh", "pypi-" + FORTY + FORTY + "\n"),
    ("token.vault", "/etc/vault-agent", "hvs." + FORTY[:30] + "\n"),
    ("token.digitalocean", "/root/do.sh", "dop_v1_" + "0123456789abcdef" * 4 + "\n"),
    ("token.sendgrid", "/etc/mail-key", "SG." + FORTY[:22] + "." + FORTY + "abc\n"),
    ("token.openstack", "/root/openrc", "export OS_PASSWORD='x'\n"),
    ("crash.core", "/srv/web/core.1234", CORE),
    ("edit.swap", "/etc/.fstab.swp", b"b0VIM 9.0"),
)
