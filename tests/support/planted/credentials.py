"""Leftovers of the table `credentials`, planted: (code, path, content)."""

from __future__ import annotations

from planted.texts import KEY

CREDENTIALS: tuple[tuple[str, str, str | bytes], ...] = (
    ("cred.netrc", "/root/.netrc", "machine a login b password c\n"),
    ("cred.git", "/home/alice/.git-credentials", "https://a:b@git\n"),
    ("cred.postgresql", "/root/.pgpass", "db:5432:*:web:x\n"),
    ("cred.mysql", "/home/alice/.my.cnf", "[client]\npassword = x\n"),
    ("cred.registry", "/home/alice/.docker/config.json", '{"auths": {"r": {"auth": "YTpi"}}}'),
    ("cred.kubernetes", "/root/.kube/config", "users:\n- user:\n    client-key-data: LS0t\n"),
    ("cred.aws", "/root/.aws/credentials", "[default]\n"),
    ("cred.gcloud", "/root/.config/gcloud/credentials.db", b"SQLite format 3\0"),
    ("cred.azure", "/root/.azure/msal_token_cache.json", "{}"),
    ("cred.openstack", "/root/.config/openstack/clouds.yaml", "clouds:\n  a:\n    auth:\n      password: x\n"),
    ("cred.terraform", "/root/.terraform.d/credentials.tfrc.json", '{"token": "x"}'),
    ("cred.vault", "/root/.vault-token", "x"),
    ("cred.storage", "/root/.config/rclone/rclone.conf", "[a]\n"),
    ("cred.forge", "/root/.config/gh/hosts.yml", "github.com:\n  oauth_token: x\n"),
    ("cred.gnupg", "/root/.gnupg/private-keys-v1.d/0A.key", "(private-key"),
    ("cred.packages", "/etc/apt/auth.conf.d/own.conf", "machine a login b password c\n"),
    ("cred.url", "/etc/apt/sources.list.d/own.list", "deb https://me:secret@packages.example a b\n"),
    ("cred.kerberos", "/etc/krb5.keytab", b"\x05\x02"),
    ("cred.debconf", "/var/cache/debconf/passwords.dat", "Name: mysql/root\nValue: x\n"),
    ("key.snakeoil", "/etc/ssl/private/ssl-cert-snakeoil.key", KEY),
)
