"""What `seal` looks for by its place, as a table: what must not be in an image that is cloned.

A place is a pattern inside the root; `~` stands for the home of every account. Without a word on it, a place means
regular files that are not empty: the link `.bash_history -> /dev/null` is no history.
"""

from __future__ import annotations

from dataclasses import dataclass

from bootstrap.image.finding import Mend

# What a place means.
FILE, ANY, FILLED, BELOW = "file", "any", "filled", "below"


@dataclass(frozen=True)
class Leftover:
    """One line of the table.

    means: FILE, a regular file that is not empty; ANY, whatever is there; FILLED, a folder with files in it, told as
    one; BELOW, each file below a folder. holds, unless: a pattern that its content must, or must not match. but: names
    that are left alone. through: a link counts as the file that it leads to.
    """

    code: str
    places: tuple[str, ...]
    what: str
    why: str
    mend: str
    clean: Mend = Mend.REMOVE
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
        "ours.builder", ("/var/lib/initialrunner/builder",), "the builder's mark with its product_uuid",
        "nothing needs it in a clone, and it tells who built", "keep only the boot id", Mend.BUILDER, ANY,
        holds=rb"product_uuid",
    ),
    Leftover(
        "ours.state", ("/var/lib/initialrunner/*",), "the runner's state",
        "a clone would take it for its own: nothing would run", "remove it", means=ANY,
        but=("builder", "bin"),
    ),
    Leftover(
        "ours.bundle", ("/etc/initialrunner/bundle*", "/etc/initialrunner/stub*"), "a payload, or a part of one",
        "every clone would run it, and it holds its secrets and its report key", "remove it", means=ANY,
    ),
    Leftover(
        "ours.trigger", (
            "/etc/cron.d/initialrunner", "/etc/systemd/system/initialrunner.timer",
            "/etc/systemd/system/initialrunner.service", "/etc/systemd/system/multi-user.target.d/initialrunner.conf",
        ), "the trigger of one payload", "every clone would wait for that payload", "remove it", means=ANY,
    ),
    Leftover(
        "ours.command", ("/usr/local/sbin/initialrunner", "/var/lib/initialrunner/bin/initialrunner"),
        "the command of a runner that has run", "it answers for the builder's run", "remove it, and bake again",
        unless=rb"/usr/local/lib/initialrunner/baked\.py",
    ),
    Leftover(
        "ours.rc-local", ("/etc/rc.local", "/etc/rc.d/rc.local"), "an rc.local that a payload brought",
        "every clone would run it at every boot", "remove it",
        holds=rb"by initialrunner: what runs at every boot",
    ),
    Leftover(
        "ours.rc-local", (
            "/etc/systemd/system/initialrunner-boot.service",
            "/etc/systemd/system/*.wants/initialrunner-boot.service",
        ), "what starts that rc.local", "every clone would run it at every boot, or fail to", "remove it", means=ANY,
    ),
    Leftover(
        "ours.message", ("/etc/motd",), "a runner's message of failure", "whoever logs in to a clone reads it",
        "take the line out", Mend.LISTED, holds=rb"(?m)^initialrunner: ",
    ),
    Leftover(
        "ours.deployer", _in_home(".local/state/initialrunner/*"), "a deployer's secret, tokens or reports",
        "whoever has it speaks for every server", "remove it", Mend.LISTED,
    ),
    Leftover(
        "injected.aside", (
            "/etc/cron.d/*.bak.*", "/etc/cron.d/*.tmp.*", "/etc/rc.local*.bak.*", "/etc/rc.local*.tmp.*",
            "/etc/initialrunner/*.bak.*", "/etc/initialrunner/*.tmp.*",
        ), "what an injection agent put aside", "some crons run it, and it may be an older payload", "remove it",
        means=ANY,
    ),
)  # fmt: skip

ACCESS = (
    Leftover(
        "ssh.host-key", ("/etc/ssh/ssh_host_*", "/etc/dropbear/dropbear_*_host_key"), "an ssh host key",
        "every clone would have the same one, and whoever has a clone could pose as all", "remove it; see that"
        " something makes new ones at boot (cloud-init, ssh-keygen -A)", means=ANY,
    ),
    Leftover(
        "ssh.authorized-keys", (
            *_in_home(".ssh/authorized_keys", ".ssh/authorized_keys2"), "/etc/ssh/authorized_keys/*",
            "/etc/ssh/authorized_keys.d/*", "/etc/dropbear/authorized_keys",
        ), "keys that may log in", "the builder could log in to every clone", "remove it, or --allow it by its path",
        Mend.ACCESS, through=True,
    ),
    Leftover(
        "ssh.known-hosts", (*_in_home(".ssh/known_hosts", ".ssh/known_hosts.old"), "/etc/ssh/ssh_known_hosts"),
        "hosts that were logged in to", "it tells the builder's network", "remove it",
    ),
    Leftover(
        "ssh.settings", _in_home(".ssh/config", ".ssh/environment", ".ssh/rc", ".ssh/*.pub"), "a person's ssh settings",
        "they tell who built, and where to", "remove it", Mend.LISTED,
    ),
    Leftover(
        "access.sudo-time", ("/var/lib/sudo/ts/*", "/var/db/sudo/ts/*", "/run/sudo/ts/*"),
        "a sudo time stamp", "sudo might ask for no password", "remove it", means=ANY,
    ),
    Leftover(
        "access.sudoers", ("/etc/sudoers.d/*packer*", "/etc/sudoers.d/*vagrant*", "/etc/sudoers.d/*builder*"),
        "sudo rights of a builder's account", "who becomes that account is root in every clone",
        "remove it with the account", Mend.LISTED,
    ),
)  # fmt: skip

CREDENTIALS = (
    Leftover(
        "cred.netrc", _in_home(".netrc"), "passwords for ftp and curl", "passwords of a person", "remove it",
        Mend.LISTED, holds=rb"password",
    ),
    Leftover(
        "cred.git", _in_home(".git-credentials", ".config/git/credentials"), "passwords for git",
        "passwords of a person", "remove it", Mend.LISTED,
    ),
    Leftover(
        "cred.postgresql", _in_home(".pgpass"), "passwords for PostgreSQL", "a database opens to every clone",
        "remove it", Mend.LISTED,
    ),
    Leftover(
        "cred.mysql", (*_in_home(".my.cnf", ".mylogin.cnf"), "/etc/mysql/debian.cnf"), "a password for MySQL",
        "a database opens to every clone", "remove it", Mend.LISTED, holds=rb"(?im)^[ \t]*password[ \t]*=[ \t]*\S|^.\0",
    ),
    Leftover(
        "cred.registry", (*_in_home(".docker/config.json", ".config/containers/auth.json"), "/etc/containers/auth.json",
        "/var/lib/kubelet/config.json"), "logins to container registries", "whoever has a clone may push images",
        "log out, or remove it", Mend.LISTED, holds=rb'"(?:auth|identitytoken)"\s*:\s*"[^"]+"',
    ),
    Leftover(
        "cred.kubernetes", (*_in_home(".kube/config"), "/etc/kubernetes/*.conf", "/etc/rancher/k3s/k3s.yaml"),
        "access to a Kubernetes cluster", "the cluster opens to every clone", "remove it", Mend.LISTED,
        holds=rb"(?m)(?:client-key-data|token|password|client-key):\s*\S",
    ),
    Leftover(
        "cred.aws", _in_home(".aws/credentials", ".aws/sso/cache/*", ".aws/cli/cache/*"), "access to AWS",
        "the account opens to every clone", "remove it", Mend.LISTED,
    ),
    Leftover(
        "cred.gcloud", _in_home(
            ".config/gcloud/credentials.db", ".config/gcloud/access_tokens.db",
            ".config/gcloud/application_default_credentials.json", ".config/gcloud/legacy_credentials/*/*", ".boto",
        ), "access to Google Cloud", "the project opens to every clone", "remove it", Mend.LISTED,
    ),
    Leftover(
        "cred.azure", _in_home(
            ".azure/accessTokens.json", ".azure/msal_token_cache.*", ".azure/service_principal_entries.*",
        ), "access to Azure", "the subscription opens to every clone", "az logout, or remove it", Mend.LISTED,
    ),
    Leftover(
        "cred.openstack", (
            *_in_home(".config/openstack/clouds.yaml", ".config/openstack/secure.yaml"), "/etc/openstack/clouds.yaml",
            "/etc/openstack/secure.yaml",
        ), "access to an OpenStack cloud", "the project opens to every clone", "remove it", Mend.LISTED,
        holds=rb"(?im)^[ \t]*(?:password|application_credential_secret|token)[ \t]*:[ \t]*\S",
    ),
    Leftover(
        "cred.terraform", _in_home(".terraform.d/credentials.tfrc.json", ".terraformrc"), "access to Terraform's state",
        "what it manages opens to every clone", "remove it", Mend.LISTED, holds=rb"token",
    ),
    Leftover(
        "cred.vault", _in_home(".vault-token"), "a token for Vault", "its secrets open to every clone", "remove it",
        Mend.LISTED,
    ),
    Leftover(
        "cred.storage", (
            *_in_home(".config/rclone/rclone.conf", ".s3cfg", ".passwd-s3fs", ".mc/config.json"), "/etc/passwd-s3fs",
        ), "access to an object store", "it opens to every clone", "remove it", Mend.LISTED,
    ),
    Leftover(
        "cred.forge", _in_home(
            ".config/gh/hosts.yml", ".config/glab-cli/config.yml", ".config/hub", ".config/hcloud/cli.toml",
            ".config/doctl/config.yaml", ".cargo/credentials", ".cargo/credentials.toml", ".gem/credentials", ".pypirc",
        ), "a login of a command-line tool", "the account opens to every clone", "remove it", Mend.LISTED,
        holds=rb"(?i)(?:token|password|api_key)\S{0,40}\s{0,9}[:=]\s{0,9}\S",
    ),
    Leftover(
        "cred.gnupg", _in_home(".gnupg/private-keys-v1.d/*", ".gnupg/secring.gpg"), "a private key of GnuPG",
        "whoever has a clone may sign with it", "remove it", Mend.LISTED,
    ),
    Leftover(
        "cred.packages", ("/etc/apt/auth.conf", "/etc/apt/auth.conf.d/*", "/etc/yum.repos.d/*", "/etc/yum.conf",
        "/etc/dnf/dnf.conf"), "a password for a package repository", "the repository opens to every clone",
        "take it out", Mend.LISTED, holds=_SETTING + rb"|" + _URL_PASSWORD,
    ),
    Leftover(
        "cred.url", (
            "/etc/apt/sources.list", "/etc/apt/sources.list.d/*", "/etc/apt/apt.conf", "/etc/apt/apt.conf.d/*",
            "/etc/pip.conf", "/etc/environment", "/etc/gitconfig",
            *_in_home(".gitconfig", ".config/pip/pip.conf", ".pip/pip.conf", ".curlrc", ".wgetrc"),
        ), "a password in a URL", "it opens what it opens to every clone", "take it out", Mend.LISTED,
        holds=_URL_PASSWORD,
    ),
    Leftover(
        "cred.kerberos", ("/etc/krb5.keytab", "/tmp/krb5cc_*", "/var/lib/samba/private/secrets.tdb"),
        "Kerberos keys, or a domain membership", "every clone would be that one member", "leave the domain, remove it",
        Mend.LISTED,
    ),
    Leftover(
        "cred.subscription", ("/etc/pki/consumer/*.pem", "/etc/pki/entitlement/*.pem"), "a subscription",
        "every clone would be that one system", "subscription-manager unregister, then clean", Mend.LISTED,
    ),
    Leftover(
        "cred.agent", (
            "/var/lib/tailscale/tailscaled.state", "/var/lib/amazon/ssm/registration", "/etc/salt/pki/minion/*.pem",
            "/var/lib/amazon/ssm/Vault/Store/*",
        ), "an agent's membership of the builder", "every clone would be that one member", "remove it", Mend.LISTED,
    ),
    Leftover(
        "cred.debconf", ("/var/cache/debconf/passwords.dat",), "passwords that an installation asked for",
        "every clone would have the same", "echo PURGE | debconf-communicate PACKAGE", Mend.LISTED,
        holds=rb"(?m)^Value: \S",
    ),
    Leftover(
        "key.snakeoil", ("/etc/ssl/private/ssl-cert-snakeoil.key",), "the self-signed key of ssl-cert",
        "every clone would have the same, whoever has one reads the traffic of all",
        "remove it, and run make-ssl-cert generate-default-snakeoil at first boot", Mend.LISTED,
    ),
)  # fmt: skip

IDENTITY = (
    Leftover(
        "identity.machine-id", ("/etc/machine-id",), "a machine id that is set",
        "clones would share it: DHCP may give all one address, journals mix",
        "truncate it to nothing, so that each boot of a clone makes its own", Mend.EMPTY,
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
        ), "a random seed", "clones would start from the same randomness", "remove it",
    ),
    Leftover(
        "identity.credential-secret", ("/var/lib/systemd/credential.secret",), "systemd's key for credentials",
        "clones would share it", "remove it, unless credentials in the image were encrypted with it", Mend.LISTED,
    ),
    Leftover(
        "identity.initiator", ("/etc/iscsi/initiatorname.iscsi", "/etc/nvme/hostid", "/etc/nvme/hostnqn"),
        "an initiator's name", "two clones that mount one disk under one name ruin it",
        "write GenerateName=yes, or remove it", Mend.LISTED, unless=rb"(?m)^GenerateName=yes",
    ),
    Leftover(
        "identity.hostname", ("/etc/hostname",), "a host name", "clones that get no name use this one",
        "write localhost, if that is not wanted", Mend.LISTED, unless=rb"\A\s*(?:localhost(?:\.localdomain)?)?\s*\Z",
        warning=True,
    ),
)  # fmt: skip

NETWORK = (
    Leftover(
        "net.udev", ("/etc/udev/rules.d/*persistent-net*",), "names for the builder's network cards",
        "a clone's card gets another name, and no address", "remove it",
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
        ), "NetworkManager's key and memory", "clones would share stable addresses and DUIDs", "remove it",
    ),
    Leftover(
        "net.cloud-init", (
            "/etc/netplan/50-cloud-init.yaml", "/etc/network/interfaces.d/50-cloud-init*",
            "/etc/systemd/network/*-cloud-init-*", "/etc/NetworkManager/system-connections/cloud-init-*",
            "/etc/NetworkManager/conf.d/99-cloud-init.conf", "/etc/sysconfig/network/ifcfg-*",
            "/etc/udev/rules.d/*cloud-init*net*",
        ), "a network set-up that cloud-init wrote", "it names the builder's cards and addresses",
        "remove it: cloud-init writes it again",
    ),
    Leftover(
        "net.ifcfg", ("/etc/sysconfig/network-scripts/ifcfg-*",), "an interface tied to the builder",
        "a clone's card has another address", "take HWADDR, UUID and addresses out, or remove it", Mend.LISTED,
        holds=rb"(?m)^(?:HWADDR|UUID|IPADDR\d*)=|Created by cloud-init",
    ),
    Leftover(
        "net.connection", ("/etc/NetworkManager/system-connections/*",), "a connection with a key or an address",
        "a clone would use the builder's", "remove it", Mend.LISTED,
        holds=rb"(?m)^(?:psk|password|address1?|mac-address)[ \t]*=[ \t]*\S",
    ),
    Leftover(
        "net.resolver", ("/etc/resolv.conf",), "a resolver that was written", "it may be the builder's, which clones"
        " cannot reach", "make it the link or the file that the image's network set-up wants", Mend.LISTED,
        holds=rb"(?m)^\s*nameserver", warning=True,
    ),
)  # fmt: skip

CLOUD = (
    Leftover(
        "cloud-init.data", (
            "/var/lib/cloud/instance", "/var/lib/cloud/instances", "/var/lib/cloud/data", "/var/lib/cloud/sem",
            "/var/lib/cloud/scripts", "/var/lib/cloud/handlers", "/var/lib/cloud/boothooks",
        ), "what cloud-init did and was given", "a clone may skip what is once for an instance, and it holds user-data",
        "cloud-init clean, or remove it", Mend.FILES, FILLED,
    ),
    Leftover(
        "cloud-init.seed", ("/var/lib/cloud/seed/*/*",), "a seed of cloud-init",
        "every clone would be that instance", "remove it, unless it is meant for every clone", Mend.LISTED,
    ),
    Leftover(
        "cloud-init.installer", (
            "/etc/cloud/cloud.cfg.d/99-installer.cfg", "/etc/cloud/cloud.cfg.d/curtin-preserve-sources.cfg",
            "/etc/cloud/cloud.cfg.d/subiquity-disable-cloudinit-networking.cfg", "/etc/cloud/ds-identify.cfg",
        ), "the installer's settings for cloud-init", "clones would look for no metadata, or set no network up",
        "remove it", Mend.LISTED,
    ),
    Leftover(
        "cloud.agent", (
            "/var/lib/waagent", "/var/lib/heat-config", "/var/lib/os-collect-config", "/var/lib/heat-cfntools",
            "/var/lib/google", "/etc/.ignition-result.json",
        ), "what a cloud's agent keeps of the builder", "a clone may take itself for provisioned, and it holds its"
        " settings", "remove it", Mend.FILES, FILLED,
    ),
)  # fmt: skip

TRACES = (
    Leftover(
        "log.journal", ("/var/log/journal", "/run/log/journal"), "systemd's journal",
        "it tells the builder's life, under its machine id", "remove what is in it", Mend.FILES, FILLED,
    ),
    Leftover(
        "log.installer", ("/var/log/installer", "/var/log/anaconda"), "an installer's log",
        "it may hold passwords", "remove what is in it", Mend.FILES, FILLED,
    ),
    Leftover(
        "log.file", ("/var/log/**",), "a log", "it tells the builder's life, and may hold what commands were given",
        "truncate it", Mend.EMPTY, BELOW,
    ),
    Leftover(
        "log.answers", (
            "/root/anaconda-ks.cfg", "/root/original-ks.cfg", "/root/initial-setup-ks.cfg", "/root/ks-*.log",
            "/root/preseed.cfg", "/preseed.cfg", "/root/install.log*", "/autoinst.xml", "/root/autoinst.xml",
        ), "the answers given to an installer", "they hold password hashes, or passwords", "remove it",
    ),
    Leftover(
        "log.mail", (
            "/var/mail/*", "/var/spool/mail/*", "/var/spool/postfix/active/**", "/var/spool/postfix/deferred/**",
            "/var/spool/exim4/input/**",
        ), "mail", "it was for the builder", "remove it", Mend.EMPTY, BELOW,
    ),
    Leftover(
        "history.shell", _in_home(
            ".bash_history", ".zsh_history", ".zhistory", ".histfile", ".sh_history", ".ash_history", ".ksh_history",
            ".history", ".local/share/fish/fish_history",
        ), "a shell's history", "it holds what was typed, passwords too", "remove it",
    ),
    Leftover(
        "history.tool", _in_home(
            ".python_history", ".mysql_history", ".psql_history", ".sqlite_history", ".rediscli_history", ".dbshell",
            ".mongodb/mongosh/mongosh_repl_history", ".node_repl_history", ".lesshst", ".viminfo",
            ".local/state/nvim/shada/main.shada", ".wget-hsts", ".irb_history", ".php_history", ".gdb_history",
            ".local/share/nano/search_history", ".nano_history", ".config/htop/htoprc.history",
        ), "a tool's history", "it tells what was done and read", "remove it",
    ),
    Leftover(
        "crash.dump", (
            "/var/crash/*", "/var/lib/systemd/coredump/*", "/var/spool/abrt/*", "/var/lib/apport/coredump/*",
        ), "a crash dump", "it holds memory, and what secrets were in it", "remove it", means=ANY,
    ),
    Leftover(
        "memory.swap", ("/swapfile", "/swap.img", "/swap", "/var/swap", "/var/swapfile"), "a swap file",
        "it may hold memory of the builder", "make it anew with mkswap after writing zeros, or on first boot",
        Mend.LISTED, holds=rb"(?s)\A.{4086}SWAPSPACE2",
    ),
    Leftover(
        "tmp.file", ("/tmp/*", "/var/tmp/*"), "a temporary file", "it may hold anything", "remove it", means=ANY,
    ),
    Leftover(
        "run.file", ("/run/**",), "a file of the builder's run", "it is hidden at boot, and tells the builder's life",
        "remove it", means=BELOW,
    ),
)  # fmt: skip

CACHES = (
    Leftover(
        "cache.apt", ("/var/cache/apt/archives", "/var/cache/apt/*.bin"), "apt's cache", "it makes the image larger",
        "apt-get clean", Mend.FILES, FILLED,
    ),
    Leftover(
        "cache.apt-lists", ("/var/lib/apt/lists",), "apt's package lists",
        "they are old at the first boot, and name the builder's mirror", "remove them; apt-get update brings new ones",
        Mend.FILES, FILLED,
    ),
    Leftover(
        "cache.packages", (
            "/var/cache/dnf", "/var/cache/yum", "/var/cache/libdnf5", "/var/cache/zypp", "/var/cache/apk",
            "/var/cache/pacman/pkg",
        ), "a package manager's cache", "it makes the image larger", "dnf clean all, and the like", Mend.FILES, FILLED,
    ),
    Leftover(
        "cache.home", _in_home(".cache", ".npm/_cacache", ".npm/_logs", ".ansible/tmp", ".ansible/cp"),
        "a tool's cache", "it makes the image larger, and tells what was done", "remove it", Mend.FILES, FILLED,
    ),
    Leftover(
        "builder.proxy", (
            "/etc/apt/apt.conf", "/etc/apt/apt.conf.d/*", "/etc/yum.conf", "/etc/dnf/dnf.conf", "/etc/environment",
        ), "a proxy", "it may be the builder's, which clones cannot reach", "take it out, or --allow it", Mend.LISTED,
        holds=rb"(?im)^[ \t]*(?:Acquire::(?:https?|ftp)::Proxy[ \t]+\"?https?:"
        rb"|(?:https?_)?proxy[ \t]*=[ \t]*[\"']?http)",
    ),
    Leftover(
        "builder.policy", ("/usr/sbin/policy-rc.d",), "a policy that starts no service",
        "what a clone installs stays off", "remove it", holds=rb"exit 101",
    ),
)  # fmt: skip

LEFTOVERS = (*OURS, *ACCESS, *CREDENTIALS, *IDENTITY, *NETWORK, *CLOUD, *TRACES, *CACHES)
