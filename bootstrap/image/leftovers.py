"""The leftovers that `seal` looks for by place, as a table: nothing of it may be in an image that is cloned.

A place is a pattern inside the root; `~` stands for the home of every account. Unless `means` says otherwise, a place
means regular files that are not empty: the link `.bash_history -> /dev/null` is no history.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bootstrap.image import own_paths
from bootstrap.image.finding import Cleaning
from bootstrap.runner.baked.program import BUILDER
from bootstrap.runner.host import STATE

# Values of Leftover.means.
FILE, ANY, FILLED, BELOW = "file", "any", "filled", "below"
LISTED, REMOVE, EMPTY, FILES = Cleaning.LISTED, Cleaning.REMOVE, Cleaning.EMPTY, Cleaning.FILES


@dataclass(frozen=True)
class Leftover:
    """One line of the table. subject, reason, fix, clean: as in a Finding.

    means: FILE, a regular file that is not empty; ANY, whatever is there; FILLED, a folder with files in it, reported
    as one; BELOW, each file below a folder. holds, unless: a pattern that its content must, or must not match. but:
    names that are left alone. through: a link counts as the file that it leads to.
    """

    code: str
    places: tuple[str, ...]
    subject: str
    reason: str
    fix: str
    clean: Cleaning = REMOVE
    means: str = FILE
    holds: bytes | None = None
    unless: bytes | None = None
    but: tuple[str, ...] = ()
    warning: bool = False
    through: bool = False


def _in_home(*names: str) -> tuple[str, ...]:
    return tuple(f"~/{name}" for name in names)


_SETTING = rb"(?im:^[ \t]*(?:password|passwd|secret)[ \t]*=[ \t]*[^\s#$]|\bpassword[ \t]+\S)"
_URL_PASSWORD = rb"(?i:https?://[^/\s:@'\"]+:[^/\s:@'\"$]+@)"

OURS = (
    Leftover(
        "ours.builder", (BUILDER,), "the builder's mark with its product_uuid",
        "no clone needs it, and it identifies the builder", "keep only the boot id", Cleaning.BUILDER, ANY,
        holds=rb"product_uuid",
    ),
    # The name `builder` has a rule of its own, and the command in `bin` is judged by its content.
    Leftover(
        "ours.state", (f"{STATE}/*",), "the runner's state", "a clone would take it for its own and run nothing",
        "remove it", means=ANY, but=("builder", "bin"),
    ),
    Leftover(
        "ours.bundle", own_paths.PAYLOADS, "a payload, or a part of one",
        "every clone would run it, and it holds secrets and a report key", "remove it", means=ANY,
    ),
    Leftover(
        "ours.trigger", own_paths.PAYLOAD_TRIGGERS, "the trigger of one payload",
        "every clone would wait for that payload", "remove it", means=ANY,
    ),
    # A bake writes the same names; its own command is known by the program that it starts.
    Leftover(
        "ours.command", own_paths.PAYLOAD_COMMANDS, "the command of a runner that has run here",
        "it would answer for the builder's run", "remove it, and bake again",
        unless=re.escape(own_paths.PROGRAM.encode()),
    ),
    Leftover(
        "ours.rc-local", own_paths.RC_LOCALS, "an rc.local that a payload brought",
        "every clone would run it at every boot", "remove it",
        holds=rb"by initialrunner: what runs at every boot",
    ),
    Leftover(
        "ours.rc-local", own_paths.RC_LOCAL_UNITS, "the unit that starts such an rc.local",
        "every clone would start it at every boot, or fail to", "remove it", means=ANY,
    ),
    # The file is the admin's, and the runner has only added a line: --clean leaves it alone.
    Leftover(
        "ours.message", ("/etc/motd",), "a runner's message of failure",
        "everybody who logs in to a clone would read it", "remove that line", LISTED, holds=rb"(?m)^initialrunner: ",
    ),
    Leftover(
        "ours.deployer", _in_home(own_paths.DEPLOYER_STATE), "a deployer's secret, tokens or reports",
        "whoever has a clone could report for every server", "remove it", LISTED,
    ),
    # Agents keep the old file as NAME.bak.TIME, and write the new one as NAME.tmp.TIME.
    Leftover(
        "injected.aside", tuple(
            f"{path}.{kind}.*"
            for path in (f"{own_paths.CRON_FOLDER}/*", f"{own_paths.RC_LOCALS[0]}*", f"{own_paths.BUNDLE_FOLDER}/*")
            for kind in ("bak", "tmp")
        ), "a file that an injection agent set aside", "some crons run it, and it may be an older payload", "remove it",
        means=ANY,
    ),
)  # fmt: skip

ACCESS = (
    Leftover(
        "ssh.host-key", ("/etc/ssh/ssh_host_*", "/etc/dropbear/dropbear_*_host_key"), "an ssh host key",
        "every clone would have the same key, and whoever has one clone could pose as all of them",
        "remove it; make sure that something creates new keys at boot (cloud-init, ssh-keygen -A)", means=ANY,
    ),
    # They may be the only way into a clone, hence an option of their own.
    Leftover(
        "ssh.authorized-keys", (
            *_in_home(".ssh/authorized_keys", ".ssh/authorized_keys2"), "/etc/ssh/authorized_keys/*",
            "/etc/ssh/authorized_keys.d/*", "/etc/dropbear/authorized_keys",
        ), "keys that may log in", "the builder could log in to every clone", "remove it, or --allow it by its path",
        Cleaning.ACCESS, through=True,
    ),
    Leftover(
        "ssh.known-hosts", (*_in_home(".ssh/known_hosts", ".ssh/known_hosts.old"), "/etc/ssh/ssh_known_hosts"),
        "a list of hosts that the builder logged in to", "it reveals the builder's network", "remove it",
    ),
    Leftover(
        "ssh.settings", _in_home(".ssh/config", ".ssh/environment", ".ssh/rc", ".ssh/*.pub"), "a person's ssh settings",
        "they reveal who built the image, and which hosts that person uses", "remove it", LISTED,
    ),
    Leftover(
        "access.sudo-time", ("/var/lib/sudo/ts/*", "/var/db/sudo/ts/*", "/run/sudo/ts/*"),
        "a sudo time stamp", "sudo might not ask for a password", "remove it", means=ANY,
    ),
    Leftover(
        "access.sudoers", ("/etc/sudoers.d/*packer*", "/etc/sudoers.d/*vagrant*", "/etc/sudoers.d/*builder*"),
        "sudo rights of a builder's account", "whoever becomes that account is root in every clone",
        "remove it together with the account", LISTED,
    ),
)  # fmt: skip

# --clean removes none of these: a credential may be the only copy, and only its owner knows what it is for. A file that
# a program also uses for settings counts only where `holds` finds a password in it.
CREDENTIALS = (
    Leftover(
        "cred.netrc", _in_home(".netrc"), "passwords for ftp and curl", "they are passwords of a person", "remove it",
        LISTED, holds=rb"password",
    ),
    Leftover(
        "cred.git", _in_home(".git-credentials", ".config/git/credentials"), "passwords for git",
        "they are passwords of a person", "remove it", LISTED,
    ),
    Leftover(
        "cred.postgresql", _in_home(".pgpass"), "passwords for PostgreSQL", "every clone could open a database with it",
        "remove it", LISTED,
    ),
    Leftover(
        "cred.mysql", (*_in_home(".my.cnf", ".mylogin.cnf"), "/etc/mysql/debian.cnf"), "a password for MySQL",
        "every clone could open a database with it", "remove it", LISTED,
        # The second half is a .mylogin.cnf, which is scrambled, not encrypted.
        holds=rb"(?im)^[ \t]*password[ \t]*=[ \t]*\S|^.\0",
    ),
    Leftover(
        "cred.registry", (*_in_home(".docker/config.json", ".config/containers/auth.json"), "/etc/containers/auth.json",
        "/var/lib/kubelet/config.json"), "logins to container registries", "whoever has a clone could push images",
        "log out, or remove it", LISTED, holds=rb'"(?:auth|identitytoken)"\s*:\s*"[^"]+"',
    ),
    Leftover(
        "cred.kubernetes", (*_in_home(".kube/config"), "/etc/kubernetes/*.conf", "/etc/rancher/k3s/k3s.yaml"),
        "access to a Kubernetes cluster", "every clone could use the cluster", "remove it", LISTED,
        holds=rb"(?m)(?:client-key-data|token|password|client-key):\s*\S",
    ),
    Leftover(
        "cred.aws", _in_home(".aws/credentials", ".aws/sso/cache/*", ".aws/cli/cache/*"), "access to AWS",
        "every clone could use the account", "remove it", LISTED,
    ),
    Leftover(
        "cred.gcloud", _in_home(
            ".config/gcloud/credentials.db", ".config/gcloud/access_tokens.db",
            ".config/gcloud/application_default_credentials.json", ".config/gcloud/legacy_credentials/*/*", ".boto",
        ), "access to Google Cloud", "every clone could use the project", "remove it", LISTED,
    ),
    Leftover(
        "cred.azure", _in_home(
            ".azure/accessTokens.json", ".azure/msal_token_cache.*", ".azure/service_principal_entries.*",
        ), "access to Azure", "every clone could use the subscription", "az logout, or remove it", LISTED,
    ),
    Leftover(
        "cred.openstack", (
            *_in_home(".config/openstack/clouds.yaml", ".config/openstack/secure.yaml"), "/etc/openstack/clouds.yaml",
            "/etc/openstack/secure.yaml",
        ), "access to an OpenStack cloud", "every clone could use the project", "remove it", LISTED,
        holds=rb"(?im)^[ \t]*(?:password|application_credential_secret|token)[ \t]*:[ \t]*\S",
    ),
    Leftover(
        "cred.terraform", _in_home(".terraform.d/credentials.tfrc.json", ".terraformrc"), "access to Terraform's state",
        "every clone could change what Terraform manages", "remove it", LISTED, holds=rb"token",
    ),
    Leftover(
        "cred.vault", _in_home(".vault-token"), "a token for Vault", "every clone could read Vault's secrets",
        "remove it", LISTED,
    ),
    Leftover(
        "cred.storage", (
            *_in_home(".config/rclone/rclone.conf", ".s3cfg", ".passwd-s3fs", ".mc/config.json"), "/etc/passwd-s3fs",
        ), "access to an object store", "every clone could use the store", "remove it", LISTED,
    ),
    Leftover(
        "cred.forge", _in_home(
            ".config/gh/hosts.yml", ".config/glab-cli/config.yml", ".config/hub", ".config/hcloud/cli.toml",
            ".config/doctl/config.yaml", ".cargo/credentials", ".cargo/credentials.toml", ".gem/credentials", ".pypirc",
        ), "a login of a command-line tool", "every clone could use the account", "remove it", LISTED,
        holds=rb"(?i)(?:token|password|api_key)\S{0,40}\s{0,9}[:=]\s{0,9}\S",
    ),
    Leftover(
        "cred.gnupg", _in_home(".gnupg/private-keys-v1.d/*", ".gnupg/secring.gpg"), "a private key of GnuPG",
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
            *_in_home(".gitconfig", ".config/pip/pip.conf", ".pip/pip.conf", ".curlrc", ".wgetrc"),
        ), "a password in a URL", "every clone could use it", "remove the password", LISTED,
        holds=_URL_PASSWORD,
    ),
    Leftover(
        "cred.kerberos", ("/etc/krb5.keytab", "/tmp/krb5cc_*", "/var/lib/samba/private/secrets.tdb"),
        "Kerberos keys, or a domain membership", "every clone would be that one member",
        "leave the domain, and remove it", LISTED,
    ),
    Leftover(
        "cred.subscription", ("/etc/pki/consumer/*.pem", "/etc/pki/entitlement/*.pem"), "a subscription",
        "every clone would be that one system", "subscription-manager unregister, then clean", LISTED,
    ),
    Leftover(
        "cred.agent", (
            "/var/lib/tailscale/tailscaled.state", "/var/lib/amazon/ssm/registration", "/etc/salt/pki/minion/*.pem",
            "/var/lib/amazon/ssm/Vault/Store/*",
        ), "an agent's registration of the builder", "every clone would be that one member", "remove it", LISTED,
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

# The traits by which a machine is told from others: each clone must make its own.
IDENTITY = (
    Leftover(
        "identity.machine-id", ("/etc/machine-id",), "a machine id that is set",
        "clones would share it: DHCP may give all of them one address, and their journals mix",
        "truncate it to nothing, so that every clone makes its own at boot", EMPTY,
        unless=rb"\A(?:uninitialized)?\s*\Z",
    ),
    Leftover(
        "identity.dbus", ("/var/lib/dbus/machine-id",), "a machine id of D-Bus of its own", "clones would share it",
        "remove it: D-Bus then uses /etc/machine-id",
    ),
    Leftover(
        "identity.random-seed", (
            "/var/lib/systemd/random-seed", "/var/lib/urandom/random-seed", "/var/lib/random-seed",
            "/boot/loader/random-seed", "/boot/efi/loader/random-seed", "/efi/loader/random-seed",
            "/var/lib/seedrng/*",
        ), "a random seed", "clones would start with the same randomness", "remove it",
    ),
    Leftover(
        "identity.credential-secret", ("/var/lib/systemd/credential.secret",), "systemd's key for credentials",
        "clones would share it", "remove it, unless credentials in the image were encrypted with it", LISTED,
    ),
    Leftover(
        "identity.initiator", ("/etc/iscsi/initiatorname.iscsi", "/etc/nvme/hostid", "/etc/nvme/hostnqn"),
        "an initiator's name", "two clones that use one disk under the same name would ruin it",
        "write GenerateName=yes, or remove it", LISTED, unless=rb"(?m)^GenerateName=yes",
    ),
    # Many images have a name on purpose, so this is a warning.
    Leftover(
        "identity.hostname", ("/etc/hostname",), "a host name", "a clone that is given no name would use this one",
        "write localhost into it, unless that is wanted", LISTED, unless=rb"\A\s*(?:localhost(?:\.localdomain)?)?\s*\Z",
        warning=True,
    ),
)  # fmt: skip

# A clone has other cards and another address. The tools' own configuration is left alone where it names neither.
NETWORK = (
    # Old versions of udev gave each MAC address a name for ever: a clone's card would become eth1.
    Leftover(
        "net.udev", ("/etc/udev/rules.d/*persistent-net*",), "names for the builder's network cards",
        "a clone's card would get another name, and no address", "remove it",
    ),
    Leftover(
        "net.dhcp", (
            "/var/lib/dhcp/*lease*", "/var/lib/dhclient/*", "/var/lib/dhcp3/*lease*", "/var/lib/dhcpcd/*",
            "/var/lib/dhcpcd5/*", "/var/db/dhcpcd/*", "/var/lib/NetworkManager/*.lease", "/var/lib/wicked/*.xml",
        ), "a DHCP lease or DUID", "a clone would ask for the builder's address", "remove it",
    ),
    Leftover(
        "net.networkmanager", (
            "/var/lib/NetworkManager/secret_key", "/var/lib/NetworkManager/timestamps",
            "/var/lib/NetworkManager/seen-bssids",
        ), "NetworkManager's key or records", "clones would share stable addresses and DUIDs", "remove it",
    ),
    Leftover(
        "net.cloud-init", (
            "/etc/netplan/50-cloud-init.yaml", "/etc/network/interfaces.d/50-cloud-init*",
            "/etc/systemd/network/*-cloud-init-*", "/etc/NetworkManager/system-connections/cloud-init-*",
            "/etc/NetworkManager/conf.d/99-cloud-init.conf", "/etc/sysconfig/network/ifcfg-*",
            "/etc/udev/rules.d/*cloud-init*net*",
        ), "a network set-up that cloud-init wrote", "it has the builder's cards and addresses",
        "remove it: cloud-init writes it again",
    ),
    Leftover(
        "net.ifcfg", ("/etc/sysconfig/network-scripts/ifcfg-*",), "an interface tied to the builder",
        "a clone's card has another address", "remove HWADDR, UUID and addresses from it, or the file", LISTED,
        holds=rb"(?m)^(?:HWADDR|UUID|IPADDR\d*)=|Created by cloud-init",
    ),
    Leftover(
        "net.connection", ("/etc/NetworkManager/system-connections/*",), "a connection with a key or an address",
        "a clone would use the builder's key or address", "remove it", LISTED,
        holds=rb"(?m)^(?:psk|password|address1?|mac-address)[ \t]*=[ \t]*\S",
    ),
    Leftover(
        "net.resolver", ("/etc/resolv.conf",), "a fixed name server",
        "it may be the builder's, which clones cannot reach",
        "make it the link or the file that the image's network set-up needs", LISTED,
        holds=rb"(?m)^\s*nameserver", warning=True,
    ),
)  # fmt: skip

# The agent of a clone decides by these whether it has been set up already.
CLOUD = (
    Leftover(
        "cloud-init.data", (
            "/var/lib/cloud/instance", "/var/lib/cloud/instances", "/var/lib/cloud/data", "/var/lib/cloud/sem",
            "/var/lib/cloud/scripts", "/var/lib/cloud/handlers", "/var/lib/cloud/boothooks",
        ), "cloud-init's records of the builder",
        "a clone may skip what runs once for an instance, and user-data may hold secrets",
        "cloud-init clean, or remove it", FILES, FILLED,
    ),
    # A seed may be there on purpose, as the data source of every clone.
    Leftover(
        "cloud-init.seed", ("/var/lib/cloud/seed/*/*",), "a seed of cloud-init",
        "every clone would be that one instance", "remove it, unless it is meant for every clone", LISTED,
    ),
    Leftover(
        "cloud-init.installer", (
            "/etc/cloud/cloud.cfg.d/99-installer.cfg", "/etc/cloud/cloud.cfg.d/curtin-preserve-sources.cfg",
            "/etc/cloud/cloud.cfg.d/subiquity-disable-cloudinit-networking.cfg", "/etc/cloud/ds-identify.cfg",
        ), "the installer's settings for cloud-init", "clones would not look for metadata, or not set up the network",
        "remove it", LISTED,
    ),
    Leftover(
        "cloud.agent", (
            "/var/lib/waagent", "/var/lib/heat-config", "/var/lib/os-collect-config", "/var/lib/heat-cfntools",
            "/var/lib/google", "/etc/.ignition-result.json",
        ), "a cloud agent's records of the builder",
        "a clone may take itself for provisioned, and they hold the builder's settings", "remove it", FILES, FILLED,
    ),
)  # fmt: skip

# Records of what was done on the builder, which is nobody's business on a clone. Logs are emptied, not removed: some
# daemons do not create their log, and the file keeps its mode and owner.
TRACES = (
    Leftover(
        "log.journal", ("/var/log/journal", "/run/log/journal"), "systemd's journal",
        "it reveals what the builder did, under its machine id", "remove its files", FILES, FILLED,
    ),
    Leftover(
        "log.installer", ("/var/log/installer", "/var/log/anaconda"), "an installer's log",
        "it may contain passwords", "remove its files", FILES, FILLED,
    ),
    Leftover(
        "log.file", ("/var/log/**",), "a log", "it reveals what the builder did, and may contain its commands",
        "truncate it", EMPTY, BELOW,
    ),
    Leftover(
        "log.answers", (
            "/root/anaconda-ks.cfg", "/root/original-ks.cfg", "/root/initial-setup-ks.cfg", "/root/ks-*.log",
            "/root/preseed.cfg", "/preseed.cfg", "/root/install.log*", "/autoinst.xml", "/root/autoinst.xml",
        ), "the answers given to an installer", "they contain passwords, or their hashes", "remove it",
    ),
    Leftover(
        "log.mail", (
            "/var/mail/*", "/var/spool/mail/*", "/var/spool/postfix/active/**", "/var/spool/postfix/deferred/**",
            "/var/spool/exim4/input/**",
        ), "mail", "it was sent to the builder", "truncate it", EMPTY, BELOW,
    ),
    Leftover(
        "history.shell", _in_home(
            ".bash_history", ".zsh_history", ".zhistory", ".histfile", ".sh_history", ".ash_history", ".ksh_history",
            ".history", ".local/share/fish/fish_history",
        ), "a shell history", "it may hold passwords that were typed", "remove it",
    ),
    Leftover(
        "history.tool", _in_home(
            ".python_history", ".mysql_history", ".psql_history", ".sqlite_history", ".rediscli_history", ".dbshell",
            ".mongodb/mongosh/mongosh_repl_history", ".node_repl_history", ".lesshst", ".viminfo",
            ".local/state/nvim/shada/main.shada", ".wget-hsts", ".irb_history", ".php_history", ".gdb_history",
            ".local/share/nano/search_history", ".nano_history", ".config/htop/htoprc.history",
        ), "a history of a tool", "it reveals what was done and read", "remove it",
    ),
    Leftover(
        "crash.dump", (
            "/var/crash/*", "/var/lib/systemd/coredump/*", "/var/spool/abrt/*", "/var/lib/apport/coredump/*",
        ), "a crash dump", "it holds memory, with the secrets that were in it", "remove it", means=ANY,
    ),
    # Swap is marked in the last ten bytes of its first page, which has 4 KiB.
    Leftover(
        "memory.swap", ("/swapfile", "/swap.img", "/swap", "/var/swap", "/var/swapfile"), "a swap file",
        "it may hold memory of the builder", "write zeros and run mkswap on it, or create it at first boot",
        LISTED, holds=rb"(?s)\A.{4086}SWAPSPACE2",
    ),
    Leftover(
        "tmp.file", ("/tmp/*", "/var/tmp/*"), "a temporary file", "it may hold anything", "remove it", means=ANY,
    ),
    Leftover(
        "run.file", ("/run/**",), "a file of the builder's run",
        "it reveals what the builder did, and a boot hides it without removing it", "remove it", means=BELOW,
    ),
)  # fmt: skip

# These do no harm but for their size. They are findings all the same, since `--clean` removes them at no risk.
CACHES = (
    Leftover(
        "cache.apt", ("/var/cache/apt/archives", "/var/cache/apt/*.bin"), "apt's cache", "it makes the image larger",
        "apt-get clean", FILES, FILLED,
    ),
    Leftover(
        "cache.apt-lists", ("/var/lib/apt/lists",), "apt's package lists",
        "they are old by the first boot, and name the builder's mirror", "remove them; apt-get update fetches new ones",
        FILES, FILLED,
    ),
    Leftover(
        "cache.packages", (
            "/var/cache/dnf", "/var/cache/yum", "/var/cache/libdnf5", "/var/cache/zypp", "/var/cache/apk",
            "/var/cache/pacman/pkg",
        ), "a package manager's cache", "it makes the image larger", "dnf clean all, or the like", FILES, FILLED,
    ),
    Leftover(
        "cache.home", _in_home(".cache", ".npm/_cacache", ".npm/_logs", ".ansible/tmp", ".ansible/cp"),
        "a tool's cache", "it makes the image larger, and reveals what was done", "remove it", FILES, FILLED,
    ),
    Leftover(
        "builder.proxy", (
            "/etc/apt/apt.conf", "/etc/apt/apt.conf.d/*", "/etc/yum.conf", "/etc/dnf/dnf.conf", "/etc/environment",
        ), "a proxy", "it may be the builder's, which clones cannot reach", "remove it, or --allow it", LISTED,
        holds=rb"(?im)^[ \t]*(?:Acquire::(?:https?|ftp)::Proxy[ \t]+\"?https?:"
        rb"|(?:https?_)?proxy[ \t]*=[ \t]*[\"']?http)",
    ),
    # A policy-rc.d that ends with 101 forbids packages to start a service: chroot builds have one.
    Leftover(
        "builder.policy", ("/usr/sbin/policy-rc.d",), "a policy that keeps services from starting",
        "services that a clone installs would stay off", "remove it", holds=rb"exit 101",
    ),
)  # fmt: skip

LEFTOVERS = (*OURS, *ACCESS, *CREDENTIALS, *IDENTITY, *NETWORK, *CLOUD, *TRACES, *CACHES)
