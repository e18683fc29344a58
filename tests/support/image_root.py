"""A small root file system with nothing to find in it, and the leftovers that can be planted into it."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from bootstrap import resources
from bootstrap.image import baked, runner_texts
from bootstrap.payload import split

BODY = "MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQC7\n" * 3
KEY = f"-----BEGIN PRIVATE KEY-----\n{BODY}-----END PRIVATE KEY-----\n"
CORE = b"\x7fELF" + b"\x02\x01\x01" + b"\0" * 9 + b"\x04\x00" + b"\0" * 100
SWAP = b"\0" * 4086 + b"SWAPSPACE2"
FORTY = "0123456789abcdefghijABCDEFGHIJ0123456789"
BOOT_ID = "1e1f2a3b-0000-4000-8000-000000000001"


def put(root: Path, path: str, content: str | bytes = "", mode: int = 0o644) -> Path:
    """Write one file of the root."""
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    file.chmod(mode)
    return file


def link(root: Path, path: str, target: str) -> Path:
    """Make one link of the root."""
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.symlink_to(target)
    return file


def bake(root: Path, trigger: str = "both", **settings: object) -> None:
    """The files of a bake, as far as the gate asks for them."""
    def shipped(name: str) -> str:
        return resources.text(f"files/image/{name}").replace("@PYTHON@", "/usr/bin/python3")

    put(root, "/usr/local/lib/initialrunner/baked.py", baked.text())
    put(root, "/usr/local/sbin/initialrunner", shipped("command.sh"), 0o700)
    text = split.runner_text()
    put(root, runner_texts.place(text.sha256), text.content)
    image = {"version": 1, "sources": ["files"], "trigger": trigger, "runner": text.sha256, **settings}
    put(root, "/etc/initialrunner/image.json", json.dumps(image))
    put(root, "/etc/cron.d/initialrunner-image", shipped("cron"))
    units = "/etc/systemd/system"
    for unit in ("initialrunner-image.service", "initialrunner-image.timer"):
        put(root, f"{units}/{unit}", shipped(unit))
    link(root, f"{units}/timers.target.wants/initialrunner-image.timer", "../initialrunner-image.timer")
    link(root, f"{units}/multi-user.target.wants/initialrunner-image.service", "../initialrunner-image.service")


def systemd(root: Path) -> None:
    """systemd with its targets, cron and a network, both enabled as Debian does it."""
    lib = "/usr/lib/systemd/system"
    put(root, "/usr/lib/systemd/systemd", "ELF", 0o755)
    link(root, "/lib", "usr/lib")
    link(root, f"{lib}/default.target", "graphical.target")
    put(root, f"{lib}/graphical.target", "[Unit]\nRequires=multi-user.target\n")
    for target in ("multi-user", "basic", "sysinit", "timers", "sockets", "paths"):
        put(root, f"{lib}/{target}.target", "[Unit]\n")
    put(root, f"{lib}/cron.service", "[Service]\nExecStart=/usr/sbin/cron -f\n")
    put(root, f"{lib}/systemd-networkd.service", "[Service]\n")
    for name in ("cron", "systemd-networkd"):
        # Absolute, and by way of a link: as it is found on Debian.
        wants = f"/etc/systemd/system/multi-user.target.wants/{name}.service"
        link(root, wants, f"/lib/systemd/system/{name}.service")


LIBRARY = ("json/__init__", "hashlib", "bz2", "ctypes/__init__", "email/__init__", "http/__init__")


def python(root: Path, version: str = "3.11", modules: tuple[str, ...] = LIBRARY) -> None:
    """A python3 as the gate judges it: a program and its library."""
    put(root, f"/usr/bin/python{version}", "ELF", 0o755)
    (root / "usr/bin/python3").unlink(missing_ok=True)
    link(root, "/usr/bin/python3", f"python{version}")
    for module in modules:
        put(root, f"/usr/lib/python{version}/{module}.py")


def clean_root(root: Path) -> Path:
    """A baked root that passes, with much in it that only looks like a leftover."""
    people = [
        "root:x:0:0::/root:/bin/sh",
        "daemon:x:1:1::/usr/sbin:/bin/false",
        "nobody:x:9:9::/nonexistent:/bin/false",
    ]
    people += ["alice:x:1000:1000::/home/alice:/bin/sh", "app:x:1001:1001::/srv/app:/bin/sh"]
    put(root, "/etc/passwd", "\n".join(people) + "\n")
    put(root, "/etc/shadow", "root:!:1::::::\ndaemon:*:1::::::\nalice:!:1::::::\napp:!*:1::::::\n", 0o640)
    put(root, "/etc/machine-id")
    put(root, "/etc/hostname", "localhost\n")
    link(root, "/etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf")
    systemd(root)
    python(root)
    bake(root)
    put(root, "/var/lib/initialrunner/builder", json.dumps({"boot_id": BOOT_ID}) + "\n")
    for folder in ("root", "tmp", "run", "var/tmp", "var/mail", "var/log/apt", "var/lib/cloud/scripts/per-boot",
                   "var/lib/apt/lists/partial", "var/cache/apt/archives/partial"):  # fmt: skip
        (root / folder).mkdir(parents=True, exist_ok=True)
    link(root, "/var/run", "/run")
    lures(root)
    return root


def lures(root: Path) -> None:
    """Files that look like leftovers and are none."""
    for path in ("/var/log/wtmp", "/var/lib/apt/lists/lock", "/var/cache/apt/archives/lock", "/var/mail/alice"):
        put(root, path)
    link(root, "/home/alice/.bash_history", "/dev/null")
    link(root, "/var/lib/dbus/machine-id", "/etc/machine-id")
    put(root, "/etc/ssl/certs/ca.pem", "-----BEGIN CERTIFICATE-----\n" + BODY)
    put(root, "/usr/share/doc/openssl/key.pem", KEY)
    put(root, "/opt/app/lib/python3.11/site-packages/tls/tests/key.pem", KEY)
    put(root, "/srv/app/node_modules/tls/test/fixtures/key.pem", KEY)
    put(
        root,
        "/opt/app/README",
        "Write -----BEGIN PRIVATE KEY----- and AKIAIOSFODNN7EXAMPLE into OS_PASSWORD=$PASSWORD\n",
    )
    put(root, "/opt/app/.env.example", "TOKEN=something\n")
    put(root, "/opt/app/.env", "PORT=80\nTOKEN=$TOKEN\n")
    put(root, "/root/.docker/config.json", '{"auths": {}}')
    put(root, "/root/.my.cnf", "[client]\nuser=web\n")
    put(root, "/root/.npmrc", "//registry.npmjs.org/:_authToken=${NPM_TOKEN}\n")
    put(root, "/etc/apt/apt.conf.d/01own", 'Acquire::http::Proxy "DIRECT";\n')
    put(root, "/opt/app/core", "a folder's worth of text, and no dump\n")
    packaged = "API_KEY=AIza" + FORTY[:35] + "\n"
    put(root, "/etc/browser/apikeys", packaged)
    status = f"Package: browser\nConffiles:\n /etc/browser/apikeys {hashlib.md5(packaged.encode()).hexdigest()}\n"
    put(root, "/var/lib/dpkg/status", status)
    os.mkfifo(root / "srv/fifo.p12")


# code, path, content.
PLANTED: tuple[tuple[str, str, str | bytes], ...] = (
    ("ours.builder", "/var/lib/initialrunner/builder", json.dumps({"boot_id": BOOT_ID, "product_uuid": "4c4c4544"})),
    ("ours.state", "/var/lib/initialrunner/journal", "{}\n"),
    ("ours.state", "/var/lib/initialrunner/taken", "{}\n"),
    ("ours.bundle", "/etc/initialrunner/bundle", "#!/bin/sh\n"),
    ("ours.bundle", "/etc/initialrunner/bundle.3", "x"),
    ("ours.torn", "/etc/initialrunner/.bundle.initialrunner", "#!/bin/sh\n"),
    ("ours.torn", "/srv/tls/.site.key.initialrunner", "x"),
    ("ours.torn", "/usr/local/lib/initialrunner/.baked.py.bake", "x"),
    ("ours.trigger", "/etc/cron.d/initialrunner", "* * * * * root x\n"),
    ("ours.trigger", "/etc/systemd/system/multi-user.target.d/initialrunner.conf", "[Unit]\n"),
    ("ours.command", "/var/lib/initialrunner/bin/initialrunner", "#!/bin/sh\nP=...\n"),
    ("ours.rc-local", "/etc/rc.local", "#!/bin/sh\n# Rendered for a by initialrunner: what runs at every boot, once\n"),
    ("ours.rc-local", "/etc/systemd/system/initialrunner-boot.service", "[Service]\nExecStart=/etc/rc.local\n"),
    ("ours.rc-local", "/etc/systemd/system/multi-user.target.wants/initialrunner-boot.service", "x"),
    ("ours.message", "/etc/motd", "hello\ninitialrunner: failed\n"),
    ("ours.deployer", "/root/.local/state/initialrunner/secret", FORTY),
    ("injected.aside", "/etc/cron.d/site.bak.1700000000.12", "* * * * * root x\n"),
    ("injected.beside", "/etc/web/site.conf.bak.1700000000", "x"),
    ("ssh.host-key", "/etc/ssh/ssh_host_ed25519_key", KEY),
    ("ssh.host-key", "/etc/ssh/ssh_host_ed25519_key.pub", "ssh-ed25519 AAAA root@builder\n"),
    ("ssh.authorized-keys", "/root/.ssh/authorized_keys", "ssh-ed25519 AAAA me\n"),
    ("ssh.authorized-keys", "/srv/app/.ssh/authorized_keys", "ssh-ed25519 AAAA me\n"),
    (
        "key.vagrant",
        "/home/vagrant/.ssh/authorized_keys",
        "ssh-rsa AAAAB3NzaC1yc2EAAAABIwAA vagrant insecure public key\n",
    ),
    ("ssh.authorized-keys", "/home/vagrant/.ssh/authorized_keys", ""),
    ("ssh.known-hosts", "/home/alice/.ssh/known_hosts", "git ssh-rsa AAAA\n"),
    ("ssh.settings", "/home/alice/.ssh/config", "Host git\n"),
    ("access.sudo-time", "/var/lib/sudo/ts/alice", "x"),
    ("access.sudoers", "/etc/sudoers.d/90-packer", "packer ALL=(ALL) NOPASSWD: ALL\n"),
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
    ("cred.subscription", "/etc/pki/consumer/cert.pem", "-----BEGIN CERTIFICATE-----\n"),
    ("cred.agent", "/var/lib/tailscale/tailscaled.state", "{}"),
    ("cred.debconf", "/var/cache/debconf/passwords.dat", "Name: mysql/root\nValue: x\n"),
    ("cred.state", "/opt/infra/terraform.tfstate", "{}"),
    ("cred.environment", "/srv/web/.env", "export DB_PASSWORD=hunter2\n"),
    ("key.snakeoil", "/etc/ssl/private/ssl-cert-snakeoil.key", KEY),
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
    ("identity.machine-id", "/etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
    ("identity.dbus", "/var/lib/dbus/machine-id", "0123456789abcdef0123456789abcdef\n"),
    ("identity.random-seed", "/var/lib/systemd/random-seed", b"\1" * 32),
    ("identity.credential-secret", "/var/lib/systemd/credential.secret", "x"),
    ("identity.initiator", "/etc/iscsi/initiatorname.iscsi", "InitiatorName=iqn.1993-08.org.debian:01:a\n"),
    ("identity.hostname", "/etc/hostname", "builder\n"),
    ("net.udev", "/etc/udev/rules.d/70-persistent-net.rules", "SUBSYSTEM==net\n"),
    ("net.dhcp", "/var/lib/dhcp/dhclient.eth0.leases", "lease {}\n"),
    ("net.networkmanager", "/var/lib/NetworkManager/secret_key", "x"),
    ("net.cloud-init", "/etc/netplan/50-cloud-init.yaml", "network: {}\n"),
    ("net.ifcfg", "/etc/sysconfig/network-scripts/ifcfg-eth0", "HWADDR=52:54:00:00:00:01\n"),
    ("net.connection", "/etc/NetworkManager/system-connections/home.nmconnection", "[wifi-security]\npsk=x\n"),
    ("net.resolver", "/etc/resolv.conf", "nameserver 10.0.0.1\n"),
    ("cloud-init.data", "/var/lib/cloud/instances", "i-1/user-data.txt"),
    ("cloud-init.data", "/var/lib/cloud/data", "instance-id"),
    ("cloud-init.seed", "/var/lib/cloud/seed/nocloud/user-data", "#cloud-config\n"),
    ("cloud-init.installer", "/etc/cloud/cloud.cfg.d/99-installer.cfg", "datasource_list: [None]\n"),
    ("cloud.agent", "/var/lib/waagent", "provisioned"),
    ("log.file", "/var/log/syslog", "x\n"),
    ("log.file", "/var/log/apt/term.log.1.gz", b"\x1f\x8b"),
    ("log.journal", "/var/log/journal", "0123/system.journal"),
    ("log.installer", "/var/log/installer", "syslog"),
    ("log.answers", "/root/anaconda-ks.cfg", "rootpw --iscrypted x\n"),
    ("log.mail", "/var/mail/root", "From cron\n"),
    ("history.shell", "/root/.bash_history", "mysql -psecret\n"),
    ("history.shell", "/srv/app/.zsh_history", "ls\n"),
    ("history.tool", "/home/alice/.python_history", "1\n"),
    ("history.tool", "/root/.lesshst", ".less-history-file:\n"),
    ("crash.dump", "/var/crash/web.crash", "x"),
    ("crash.core", "/srv/web/core.1234", CORE),
    ("memory.swap", "/swapfile", SWAP),
    ("edit.swap", "/etc/.fstab.swp", b"b0VIM 9.0"),
    ("tmp.file", "/tmp/script_1234.sh", "x"),
    ("tmp.file", "/var/tmp/left", ""),
    ("run.file", "/run/initialrunner.boot", "1"),
    ("cache.apt", "/var/cache/apt/archives", "curl_8_amd64.deb"),
    ("cache.apt", "/var/cache/apt/pkgcache.bin", ""),
    ("cache.apt-lists", "/var/lib/apt/lists", "mirror_InRelease"),
    ("cache.packages", "/var/cache/dnf", "a/b.solv"),
    ("cache.home", "/home/alice/.cache", "pip/http/a"),
    ("builder.proxy", "/etc/apt/apt.conf.d/90proxy", 'Acquire::http::Proxy "http://10.0.0.1:3142";\n'),
    ("builder.policy", "/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n"),
)
# Told as one: the content is the name of a file in the folder.
FILLED = {
    "cloud-init.data", "cloud.agent", "log.journal", "log.installer", "cache.apt", "cache.apt-lists", "cache.packages",
    "cache.home",
}  # fmt: skip


def plant(root: Path, code: str, path: str, content: str | bytes) -> None:
    """Put one leftover where it plausibly lies."""
    place = root / path.lstrip("/")
    if place.is_symlink():
        place.unlink()
    if code in FILLED and content:
        assert isinstance(content, str)
        put(root, f"{path}/{content}", "x")
    elif content or not place.exists():
        put(root, path, content)
