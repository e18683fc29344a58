"""A small root file system with nothing to find in it, and the leftovers that can be planted into it."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from planted.agent_lures import AGENT_LURES
from planted.agents import FOLDERS
from planted.texts import BODY, BOOT_ID, FORTY, KEY

from bootstrap import resources
from bootstrap.image import baked, runner_texts
from bootstrap.payload import split


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
    no_secrets(root)
    put(root, "/etc/profile.d/proxy.sh", "# export http_proxy=http://proxy:3128\nexport no_proxy=localhost\n")
    put(root, "/etc/wgetrc", "#https_proxy = http://proxy.yoyodyne.com:18023/\n")
    put(root, "/etc/environment.d/proxy.conf", "http_proxy=http://127.0.0.1:3128\n")
    put(root, "/etc/apt/sources.list", "# deb cdrom:[Debian]/ x main\ndeb http://deb.debian.org/debian x main\n")
    put(root, "/etc/dpkg/dpkg.cfg.d/excludes", "path-exclude=/usr/share/man/*\n#force-unsafe-io\n")
    put(root, "/var/cache/cracklib/cracklib_dict.pwd", "x")
    logins(root)
    of_every_machine(root)
    for path, text in AGENT_LURES.items():
        put(root, path, text)


def logins(root: Path) -> None:
    """Settings of logins, and folders of jobs, as distributions have them."""
    put(
        root, "/etc/ssh/sshd_config", "Include /etc/ssh/sshd_config.d/*.conf\n#PasswordAuthentication yes\nUsePAM yes\n"
    )
    put(root, "/etc/ssh/sshd_config.d/50-cloud-init.conf", "PasswordAuthentication no\n")
    put(root, "/etc/sudoers", "Defaults env_reset\n%sudo ALL=(ALL:ALL) ALL\n#%wheel ALL=(ALL) NOPASSWD: ALL\n"
        "root ALL=(ALL:ALL) NOPASSWD: ALL\n@includedir /etc/sudoers.d\n", 0o440)  # fmt: skip
    put(root, "/etc/sudoers.d/README", "#\n# %admin ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    put(root, "/etc/sudoers.d/mine.off", "me ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    put(root, "/etc/doas.conf", "permit persist :wheel\n# permit nopass me\n")
    put(root, "/etc/polkit-1/rules.d/10-admin.rules", 'polkit.addRule(function(action, subject) {\n'
        '  if (subject.isInGroup("wheel")) { return polkit.Result.YES; } // or Result.NO\n});\n')  # fmt: skip
    getty = "[Service]\n# agetty --autologin root\nExecStart=-/sbin/agetty -o '-p -- \\\\u' --noclear - $TERM\n"
    put(root, "/usr/lib/systemd/system/getty@.service", getty)
    put(root, "/etc/lightdm/lightdm.conf", "[Seat:*]\n#autologin-user=\nautologin-user=\n")
    put(root, "/etc/gdm3/custom.conf", "[daemon]\n#  AutomaticLoginEnable = true\nAutomaticLoginEnable=false\n")
    put(root, "/etc/hosts.equiv", "# none\n")
    put(root, "/var/spool/cron/atjobs/.SEQ", "0\n")
    put(root, "/var/spool/cron/crontabs/alice")
    put(root, "/etc/cron.d/e2scrub_all", "30 3 * * 0 root test -e /run/systemd/system || e2scrub_all\n")
    put(root, "/etc/gshadow", "root:*::\nusers:!::alice\n", 0o640)
    put(root, "/etc/passwd-", "root:x:0:0::/root:/bin/sh\n")


def of_every_machine(root: Path) -> None:
    """Settings of disks, networks and names that hold on every clone, as distributions ship them."""
    for path, text in {
        "/etc/fstab": "UUID=0a1b / ext4 rw 0 1\nPARTUUID=2c /boot/efi vfat umask=077 0 1\nUUID=3d none swap sw 0 0\n"
        "/dev/sr0 /media/cdrom0 udf,iso9660 user,noauto 0 0\ntmpfs /tmp tmpfs defaults 0 0\n",
        "/etc/crypttab": "# <target name>\t<source device>\nswap /dev/vda3 /dev/urandom swap\n",
        "/etc/default/grub": 'GRUB_CMDLINE_LINUX_DEFAULT="quiet"\n'
        'GRUB_CMDLINE_LINUX="console=ttyS0 root=UUID=0a1b ip=dhcp"\n',
        "/boot/grub/grub.cfg": "menuentry 'a' {\n\tlinux /vmlinuz root=UUID=0A1B ro crashkernel=256M\n}\n",
        "/etc/mdadm/mdadm.conf": "HOMEHOST <system>\n# ARRAY /dev/md0 UUID=1:2\n",
        "/etc/multipath/wwids": "# Multipath wwids, Version : 1.0\n",
        "/etc/nvme/discovery.conf": "# --transport=<trtype>\n",
        "/etc/netplan/90-default.yaml": "network: {ethernets: {all: {match: {name: 'e*'}, dhcp4: true}}}\n",
        "/etc/systemd/network/80-dhcp.network": "[Match]\nName=en* eth0\n[Network]\nDHCP=yes\n",
        "/etc/systemd/network/99-default.link": "[Match]\nOriginalName=*\n[Link]\nMACAddressPolicy=persistent\n",
        "/etc/network/interfaces": "auto lo\niface lo inet loopback\nallow-hotplug eth0\niface eth0 inet dhcp\n",
        "/etc/NetworkManager/system-connections/wired.nmconnection": "[connection]\nuuid=1\n[ipv4]\nmethod=auto\n",
        "/etc/sysconfig/network-scripts/ifcfg-lo": "DEVICE=lo\nIPADDR=127.0.0.1\n",
        "/etc/sysconfig/network-scripts/ifcfg-ens": "DEVICE=eth0\nBOOTPROTO=dhcp\n",
        "/etc/dhcp/dhclient.conf": "send host-name = gethostname();\n#send dhcp-client-identifier 1:0:a0;\n",
        "/etc/dhcpcd.conf": "hostname\nclientid\n#static ip_address=192.168.0.10/24\n",
        "/etc/hosts": "127.0.0.1 localhost\n::1 localhost ip6-localhost\nff02::1 ip6-allnodes\n",
        "/etc/udev/rules.d/70-own.rules": '# 52:54:00:12:34:56\nSUBSYSTEM=="net", NAME="x"\n',
        "/etc/kernel/entry-token": "debian\n",
        "/etc/machine-info": "CHASSIS=vm\n",
        "/etc/mailname": "localhost\n",
        "/etc/postfix/main.cf": "myhostname = $mydomain\nmyorigin = /etc/mailname\n",
        "/etc/exim4/update-exim4.conf.conf": "dc_other_hostnames=''\n",
        "/var/cache/debconf/config.dat": "Name: grub-pc/install_devices\nValue: /dev/vda\n",
        "/etc/selinux/config": "SELINUX=disabled\n",
    }.items():
        put(root, path, text)


def no_secrets(root: Path) -> None:
    """Settings and sources with the words of secrets, and none in them: as packages bring them, or placeholders."""
    settings = (
        "password=changeme\nPASSWD=xxx\ntoken: ${TOKEN}\nsecret_key = <password>\napi_key: null\npassword = \n"
        "passwd: %(secret)s\nPASSWORD_FILE=/run/secrets/db\nTOKEN_URL=https://auth.internal/token\n"
        "# password = hunter2\nbypass: everything\ncompass=north\nprimary_key = id\npassword: {{ vault_password }}\n"
        "url = postgres://web:${PASSWORD}@db/web\nssh -o PasswordAuthentication=no\n"
    )
    put(root, "/etc/default/app", settings)
    put(root, "/srv/app/config/settings.yml", settings)
    put(root, "/srv/app/locales/de.json", '{"password": "Passwort", "token": "Zugangsmarke1"}')
    put(root, "/srv/app/main.py", "password = form.password1\nkey = b'0123456789abcdef'\n")
    put(root, "/etc/nsswitch.conf", "passwd: files systemd\n")
    # The header alone, as libraries that read such keys have it.
    put(root, "/srv/app/node_modules/ssh2/lib/protocol/keyParser.js", "const RE = /PuTTY-User-Key-File-2: ssh-rsa/\n")
    put(root, "/srv/app/keys/reader.txt", "PuTTY-User-Key-File-3: ssh-ed25519\n")
    account = f'{{"type": "service_account", "private_key_id": "{FORTY[:10] * 4}"}}'
    put(root, "/srv/app/node_modules/auth/README.md", account)
    put(root, "/srv/app/node_modules/ssh2/lib/constants.js", KEY)
    put(root, "/srv/app/tokens.txt", f"ghp_{'x' * 36}\nsk-ant-api03-{'x' * 95}\nhooks.slack.com/services/T/B/x\n")
    # Words that hold what tokens begin with.
    put(root, "/srv/app/words.txt", "associoABCDEFGHIJKLMNOPQRSTUVWXYZ123456789 task-" + "a1" * 30 + "\n")
    # As fresh packages bring them.
    put(root, "/etc/ppp/pap-secrets", '*\tclient\t""\t*\nguest\tclient\t"*"\t-\n')
    put(root, "/etc/ppp/chap-secrets", "# client\tserver\tsecret\tIP addresses\n")
    put(root, "/etc/davfs2/secrets", "# https://dav.internal user password\n")
    put(root, "/etc/exim4/passwd.client", "# host:login:password\n")
    put(root, "/etc/snmp/snmpd.conf", "rocommunity  public default -V systemonly\n#createUser authUser SHA hunter2\n")
    put(root, "/etc/freeradius/3.0/clients.conf", "client localhost {\n\tsecret = testing123\n}\n")
    put(root, "/etc/pam_radius_auth.conf", "127.0.0.1\tsecret             1\nother-server    other-secret       3\n")
    put(root, "/etc/nut/upsd.users", "# [admin]\n#   password = mypass\n")
    put(root, "/etc/redis/redis.conf", "# requirepass foobared\nnotify-keyspace-events ''\n")
    put(root, "/etc/wireguard/public.key", FORTY + "abE=\n")
    put(root, "/etc/nslcd.conf", "uri ldap://127.0.0.1/\n#bindpw secret\n")


# Told as one: the content is the name of a file in the folder.
FILLED = {
    "cloud-init.data", "cloud.agent", "log.journal", "log.installer", "cache.apt", "cache.apt-lists", "cache.packages",
    "cache.home", "cache.system", "cache.builds", "history.trash", "history.editor", "trace.fingerprint", "disk.iscsi",
    *FOLDERS,
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
