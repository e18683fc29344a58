"""Credentials of people and programs, by the places where their tools keep them."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import LISTED, Leftover, in_home

_SETTING = rb"(?im:^[ \t]*(?:password|passwd|secret)[ \t]*=[ \t]*[^\s#$]|\bpassword[ \t]+\S)"
_URL_PASSWORD = rb"(?i:https?://[^/\s:@'\"]+:[^/\s:@'\"$]+@)"

# --clean removes none of these: a credential may be the only copy, and only its owner knows what it is for. A file that
# a program also uses for settings counts only where `holds` finds a password in it.
_PROGRAMS = (
    Leftover(
        "cred.netrc", in_home(".netrc"), "passwords for ftp and curl", "they are passwords of a person", "remove it",
        LISTED, holds=rb"password",
    ),
    Leftover(
        "cred.git", in_home(".git-credentials", ".config/git/credentials"), "passwords for git",
        "they are passwords of a person", "remove it", LISTED,
    ),
    Leftover(
        "cred.postgresql", in_home(".pgpass"), "passwords for PostgreSQL",
        "every clone could open a database with it",
        "remove it", LISTED,
    ),
    Leftover(
        "cred.mysql", (*in_home(".my.cnf", ".mylogin.cnf"), "/etc/mysql/debian.cnf"), "a password for MySQL",
        "every clone could open a database with it", "remove it", LISTED,
        # The second half is a .mylogin.cnf, which is scrambled, not encrypted.
        holds=rb"(?im)^[ \t]*password[ \t]*=[ \t]*\S|^.\0",
    ),
    Leftover(
        "cred.registry", (*in_home(".docker/config.json", ".config/containers/auth.json"),
        "/etc/containers/auth.json",
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
        "cred.terraform", in_home(".terraform.d/credentials.tfrc.json", ".terraformrc"),
        "access to Terraform's state",
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
            ".config/doctl/config.yaml", ".cargo/credentials", ".cargo/credentials.toml", ".gem/credentials",
            ".pypirc",
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


def _login(code: str, subject: str, holds: bytes | None, *names: str, system: tuple[str, ...] = ()) -> Leftover:
    """One row of people's tools. names: in every home; system: elsewhere."""
    return Leftover(
        f"cred.{code}", (*in_home(*names), *system), subject, "every clone could use it in that person's name",
        "log out, or remove it", LISTED, holds=holds,
    )  # fmt: skip


# A word that ends with one of these, and a value behind it, in JSON, YAML, TOML, INI or a shell's words.
_WORD = (
    rb"(?i)(?:token|secret|passw(?:or)?d|api_?-?key|_auth|access_?key|pat|credential|cookie|_key)s?[\"']?[ \t]{0,9}[:=]"
    rb"[ \t]{0,9}[\"']?[^\s\"'${<]"
)
_XML = rb"(?i)<(?:password|passphrase|master|privateKey)>\s*[^\s<$]"

_TOOLS = (
    _login("build", "passwords for repositories of packages", _XML, ".m2/settings.xml", ".m2/settings-security.xml",
        ".config/maven/settings.xml",
           system=("/etc/maven/settings.xml", "/opt/*/conf/settings.xml", "/usr/share/maven/conf/settings.xml")),
    _login("build", "passwords for repositories of packages", _WORD, ".gradle/gradle.properties",
        ".sbt/.credentials", ".sbt/credentials",
           ".ivy2/.credentials", ".ivy2/credentials", ".lein/credentials.clj", ".composer/auth.json",
           ".config/composer/auth.json",
           ".config/pypoetry/auth.toml", ".config/uv/credentials.toml", ".local/share/uv/credentials/*", ".condarc",
           ".bundle/config",
           ".config/pip/netrc", ".config/hatch/config.toml", ".yarnrc.yml", ".config/hex/hex.config",
           ".hex/hex.config",
           ".bunfig.toml", ".cabal/config", ".conan/credentials.json", ".conan2/credentials.json", ".Renviron",
           system=("/root/auth.json",)),
    _login("build", "passwords for repositories of packages",
        rb"(?m)^[^#;\n]{0,300}_(?:auth|password)[ \t]*=[ \t]*[\"']?[^\s\"'$]",
           ".npmrc", ".config/npm/npmrc", system=("/etc/npmrc", "/usr/etc/npmrc", "/usr/local/etc/npmrc")),
    _login("build", "passwords for repositories of packages",
        rb"(?i)http-basic|github-oauth|gitlab-token|bearer|ClearTextPassword|\"Password\"|apikeys",
           ".composer/auth.json", ".config/composer/auth.json", ".nuget/NuGet/NuGet.Config",
           ".config/NuGet/NuGet.Config"),
    _login("build", "passwords for repositories of packages", None, ".anaconda/*.token",
        ".continuum/anaconda-client/tokens/*", ".conda/*token*",
           ".local/share/python_keyring/*", ".cpanauth", ".pause"),
    _login("cluster", "logins to clusters and their tools", None, ".config/helm/registry/config.json",
        ".config/argocd/config", ".argocd/config", ".tsh/keys/*/*", ".tsh/*.yaml",
           ".rancher/cli2.json", ".config/tctl/config.yaml"),
    _login("cluster", "logins to clusters and their tools", _WORD, ".config/helm/repositories.yaml",
        ".helm/repository/repositories.yaml",
           ".config/nomad/*", ".nomad-token", ".consul-token", ".config/boundary/*", ".flux/config", ".talos/config"),
    _login("cloud", "a login to a cloud", None, ".oci/config", ".oci/*.pem", ".oci/sessions/*/token",
        ".aliyun/config.json", ".tccli/*.credential",
           ".pulumi/credentials.json", ".bluemix/config.json", ".config/scw/config.yaml", ".scw/config",
           ".civo.json", ".config/upctl.yaml",
           ".config/configstore/firebase-tools.json", ".config/.wrangler/config/default.toml",
           ".wrangler/config/default.toml",
           ".local/share/com.vercel.cli/auth.json", ".vercel/auth.json", ".now/auth.json",
           ".config/com.vercel.cli/auth.json",
           ".config/netlify/config.json", ".netlify/config.json", ".railway/config.json",
           ".config/exoscale/exoscale.toml", ".ovh.conf",
           ".config/linode-cli", ".linode-cli", ".vultr-cli.yaml", ".config/yandex-cloud/config.yaml",
           ".config/ibmcloud/*", ".cf/config.json",
           ".edgerc", ".config/packet/config.json", ".config/equinix/*.yaml", ".config/stackit/*.json",
           ".rsconnect/*", ".novarc",
           system=("/etc/ovh.conf",)),
    _login("cloud", "a login to a cloud", _WORD, ".fly/config.yml", ".config/fly/config.yml", ".config/heroku/*",
        ".config/planetscale/*",
           ".snowsql/config", ".snowflake/*.toml", ".databrickscfg", ".dbt/profiles.yml", ".azure/config",
           ".config/flyctl/config.yml"),
    _login("forge", "a login of a command-line tool", _WORD, ".config/tea/config.yml", ".config/gitea/tea/*",
        ".jfrog/jfrog-cli.conf*", ".config/jfrog/*",
           ".sentryclirc", ".circleci/cli.yml", ".travis/config.yml", ".config/configstore/snyk.json",
           ".config/stripe/config.toml",
           ".twilio-cli/config.json", ".config/jira/*", ".config/.jira/*", ".wakatime.cfg",
           ".newrelic/*.json", ".dogrc", ".config/sonar*/*", ".clasprc.json", ".config/gspread/*",
           ".config/hut/config", ".hgrc", ".pypirc",
           ".gem/credentials", ".config/cachix/cachix.dhall", ".config/snapcraft/*", ".arcrc",
           ".config/doctl/config.yaml",
           system=("/etc/mercurial/hgrc",)),
    _login("forge", "a login of a command-line tool", rb"passtype|password", ".subversion/auth/svn.simple/*",
        ".bazaar/authentication.conf", ".cvspass"),
    _login("model", "a login to a host of models or data", None, ".cache/huggingface/token", ".huggingface/token",
        ".cache/huggingface/stored_tokens",
           ".kaggle/kaggle.json", ".claude/.credentials.json", ".codex/auth.json", ".gemini/oauth_creds.json",
           ".config/openai/*",
           ".config/io.datasette.llm/keys.json", ".config/github-copilot/*.json", ".replicate/auth", ".modal.toml",
           ".config/anthropic/*",
           ".config/wandb/settings.json", ".config/gemini/*", ".config/cursor/auth.json", ".aws/amazonq/*.db",
           ".openai/*"),
    _login("vault", "the key or the token of a store of secrets", None, ".config/sops/age/*", ".config/age/*",
        ".config/op/config", ".op/config",
           ".config/Bitwarden CLI/data.json", ".local/share/lpass/*", ".lpass/*", ".doppler/.doppler.yaml",
           ".infisical/*.json",
           ".local/share/keyrings/*.keyring", ".local/share/keyrings/login*", ".gnome2/keyrings/*",
           ".local/share/kwalletd/*.kwl",
           ".vault_pass*", ".vault-pass*", ".ansible/vault*", ".ansible_vault*", ".password-store/**",
           ".sigstore/root/*", ".docker/trust/private/*",
           ".config/keybase/*", ".pki/nssdb/key*.db", ".akeyless/profiles/*", ".config/rbw/*", ".local/share/rbw/*",
           system=("/etc/ansible/*vault*pass*", "/etc/ansible/.vault*", "/etc/vault_pass*", "/etc/sops/age/*",
           "/root/.age/*")),
    _login("database", "a password for a database", None, ".mysql_secret", ".arangosh.conf", ".pgadmin/pgadmin4.db",
           ".mongodb/mongosh/config*secret*"),
    _login("database", "a password for a database", _WORD, ".pg_service.conf", ".odbc.ini", ".mongorc.js",
        ".config/dbeaver/*",
           ".redisclirc", ".config/pgcli/config", ".cassandra/cqlshrc", ".cassandra/credentials",
           system=("/etc/odbc.ini", "/etc/postgresql-common/pg_service.conf")),
    _login("mail", "a login for mail or news", rb"(?i)password", ".authinfo", ".newsauth", ".lftp/bookmarks"),
    _login("mail", "a login for mail, chat or a browser", None, ".thunderbird/*/logins.json",
        ".mozilla/firefox/*/logins.json",
           ".mozilla/firefox/*/key4.db", ".config/google-chrome/*/Login Data", ".config/chromium/*/Login Data",
           ".config/filezilla/sitemanager.xml", ".config/filezilla/recentservers.xml", ".filezilla/sitemanager.xml",
           ".weechat/sec.conf",
           ".config/weechat/sec.conf", ".znc/configs/znc.conf", ".local/share/remmina/*.remmina",
           ".remmina/*.remmina", ".purple/accounts.xml",
           ".config/syncthing/key.pem", ".local/state/syncthing/key.pem", ".dropbox/info.json"),
    # A notebook's server, whose token or password opens a shell.
    _login("notebook", "the secret of a notebook server", rb"(?i)password|token|secret",
        ".jupyter/jupyter_*config.json", ".jupyter/jupyter_*config.py",
           ".local/share/jupyter/runtime/*secret*", ".local/share/jupyter/*secret*",
           ".local/share/code-server/config.yaml",
           ".config/code-server/config.yaml"),
    _login("aws", "access to AWS", rb"(?i)aws_secret_access_key|aws_session_token|sso_", ".aws/config", ".saml2aws",
        ".config/aws-vault/*", ".awsvault/keys/*"),
    _login("registry", "logins to container registries", rb'"auth"', ".dockercfg", ".config/oras/config.json",
           system=("/etc/docker/config.json", "/root/.dockercfg", "/etc/ostree/auth.json",
           "/run/containers/0/auth.json", "/var/lib/docker/config.json")),
)  # fmt: skip

CREDENTIALS: tuple[Leftover, ...] = (*_PROGRAMS, *_TOOLS)
