"""Credentials of people and programs, by the places where their tools keep them."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import LISTED, Leftover, in_home

_SETTING = rb"(?im:^[ \t]*(?:password|passwd|secret)[ \t]*=[ \t]*[^\s#$]|\bpassword[ \t]+\S)"
_URL_PASSWORD = rb"(?i:https?://[^/\s:@'\"]+:[^/\s:@'\"$]+@)"

# --clean removes none of these: a credential may be the only copy, and only its owner knows what it is for. A file that
# a program also uses for settings counts only where `holds` finds a password in it.
CREDENTIALS = (
    Leftover(
        "cred.netrc", in_home(".netrc"), "passwords for ftp and curl", "they are passwords of a person", "remove it",
        LISTED, holds=rb"password",
    ),
    Leftover(
        "cred.git", in_home(".git-credentials", ".config/git/credentials"), "passwords for git",
        "they are passwords of a person", "remove it", LISTED,
    ),
    Leftover(
        "cred.postgresql", in_home(".pgpass"), "passwords for PostgreSQL", "every clone could open a database with it",
        "remove it", LISTED,
    ),
    Leftover(
        "cred.mysql", (*in_home(".my.cnf", ".mylogin.cnf"), "/etc/mysql/debian.cnf"), "a password for MySQL",
        "every clone could open a database with it", "remove it", LISTED,
        # The second half is a .mylogin.cnf, which is scrambled, not encrypted.
        holds=rb"(?im)^[ \t]*password[ \t]*=[ \t]*\S|^.\0",
    ),
    Leftover(
        "cred.registry", (*in_home(".docker/config.json", ".config/containers/auth.json"), "/etc/containers/auth.json",
        "/var/lib/kubelet/config.json"), "logins to container registries", "whoever has a clone could push images",
        "log out, or remove it", LISTED, holds=rb'"(?:auth|identitytoken)"\s*:\s*"[^"]+"',
    ),
    Leftover(
        "cred.kubernetes", (*in_home(".kube/config"), "/etc/kubernetes/*.conf", "/etc/rancher/k3s/k3s.yaml"),
        "access to a Kubernetes cluster", "every clone could use the cluster", "remove it", LISTED,
        holds=rb"(?m)(?:client-key-data|token|password|client-key):\s*\S",
    ),
    Leftover(
        "cred.aws", in_home(".aws/credentials", ".aws/sso/cache/*", ".aws/cli/cache/*"), "access to AWS",
        "every clone could use the account", "remove it", LISTED,
    ),
    Leftover(
        "cred.gcloud", in_home(
            ".config/gcloud/credentials.db", ".config/gcloud/access_tokens.db",
            ".config/gcloud/application_default_credentials.json", ".config/gcloud/legacy_credentials/*/*", ".boto",
        ), "access to Google Cloud", "every clone could use the project", "remove it", LISTED,
    ),
    Leftover(
        "cred.azure", in_home(
            ".azure/accessTokens.json", ".azure/msal_token_cache.*", ".azure/service_principal_entries.*",
        ), "access to Azure", "every clone could use the subscription", "az logout, or remove it", LISTED,
    ),
    Leftover(
        "cred.openstack", (
            *in_home(".config/openstack/clouds.yaml", ".config/openstack/secure.yaml"), "/etc/openstack/clouds.yaml",
            "/etc/openstack/secure.yaml",
        ), "access to an OpenStack cloud", "every clone could use the project", "remove it", LISTED,
        holds=rb"(?im)^[ \t]*(?:password|application_credential_secret|token)[ \t]*:[ \t]*\S",
    ),
    Leftover(
        "cred.terraform", in_home(".terraform.d/credentials.tfrc.json", ".terraformrc"), "access to Terraform's state",
        "every clone could change what Terraform manages", "remove it", LISTED, holds=rb"token",
    ),
    Leftover(
        "cred.vault", in_home(".vault-token"), "a token for Vault", "every clone could read Vault's secrets",
        "remove it", LISTED,
    ),
    Leftover(
        "cred.storage", (
            *in_home(".config/rclone/rclone.conf", ".s3cfg", ".passwd-s3fs", ".mc/config.json"), "/etc/passwd-s3fs",
        ), "access to an object store", "every clone could use the store", "remove it", LISTED,
    ),
    Leftover(
        "cred.forge", in_home(
            ".config/gh/hosts.yml", ".config/glab-cli/config.yml", ".config/hub", ".config/hcloud/cli.toml",
            ".config/doctl/config.yaml", ".cargo/credentials", ".cargo/credentials.toml", ".gem/credentials", ".pypirc",
        ), "a login of a command-line tool", "every clone could use the account", "remove it", LISTED,
        holds=rb"(?i)(?:token|password|api_key)\S{0,40}\s{0,9}[:=]\s{0,9}\S",
    ),
    Leftover(
        "cred.gnupg", in_home(".gnupg/private-keys-v1.d/*", ".gnupg/secring.gpg"), "a private key of GnuPG",
        "whoever has a clone could sign with it", "remove it", LISTED,
    ),
    Leftover(
        "cred.packages", ("/etc/apt/auth.conf", "/etc/apt/auth.conf.d/*", "/etc/yum.repos.d/*", "/etc/yum.conf",
        "/etc/dnf/dnf.conf"), "a password for a package repository", "every clone could use the repository",
        "remove the password", LISTED, holds=_SETTING + rb"|" + _URL_PASSWORD,
    ),
    Leftover(
        "cred.url", (
            "/etc/apt/sources.list", "/etc/apt/sources.list.d/*", "/etc/apt/apt.conf", "/etc/apt/apt.conf.d/*",
            "/etc/pip.conf", "/etc/environment", "/etc/gitconfig",
            *in_home(".gitconfig", ".config/pip/pip.conf", ".pip/pip.conf", ".curlrc", ".wgetrc"),
        ), "a password in a URL", "every clone could use it", "remove the password", LISTED,
        holds=_URL_PASSWORD,
    ),
    Leftover(
        "cred.kerberos", ("/etc/krb5.keytab", "/tmp/krb5cc_*", "/var/lib/samba/private/secrets.tdb"),
        "Kerberos keys, or a domain membership", "every clone would be that one member",
        "leave the domain, and remove it", LISTED,
    ),
    Leftover(
        "cred.debconf", ("/var/cache/debconf/passwords.dat",), "passwords that an installation asked for",
        "every clone would have the same ones", "echo PURGE | debconf-communicate PACKAGE", LISTED,
        holds=rb"(?m)^Value: \S",
    ),
    Leftover(
        "key.snakeoil", ("/etc/ssl/private/ssl-cert-snakeoil.key",), "the self-signed key of ssl-cert",
        "every clone would have the same key, and whoever has one could read the traffic of all",
        "remove it, and run make-ssl-cert generate-default-snakeoil at first boot", LISTED,
    ),
)  # fmt: skip
