"""Fresh roots of daemons, of node modules and of Python's: what is found there is true, and nothing else is found.

Nobody has worked in these roots. What is a leftover all the same was made by the installation, and is named here.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import venvs
from box import needs_root
from declared import within
from fresh_root import fresh_tar

from bootstrap.image.finding import Cleaning, Severity
from bootstrap.image.seal import Sealed, seal

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    needs_root,
    pytest.mark.skipif(shutil.which("mmdebstrap") is None, reason="needs mmdebstrap"),
]
LOCKS = Path(__file__).resolve().parents[1] / "locks"
DAEMONS = (
    "anacron", "apache2", "at", "bacula-fd", "bind9", "chrony", "cloud-init", "corosync", "cron", "cryptsetup",
    "dnsmasq", "docker.io", "dovecot-imapd", "exim4-daemon-light", "fail2ban", "freeradius", "haproxy", "ifupdown",
    "keepalived", "krb5-kdc", "logrotate", "lvm2", "man-db", "mariadb-server", "mdadm", "memcached", "monit",
    "mosquitto", "multipath-tools", "munge", "netplan.io", "network-manager", "nfs-kernel-server", "nginx-light",
    "open-iscsi", "openssh-server", "openvpn", "pgbouncer", "popularity-contest", "postgresql",
    "prometheus-node-exporter", "puppet-agent", "python3", "rabbitmq-server", "redis-server", "rsyslog", "samba",
    "snmpd", "squid", "ssl-cert", "sssd-ldap", "strongswan-starter", "stunnel4", "subversion", "sudo", "systemd-sysv",
    "tor", "ufw", "unattended-upgrades", "vim-tiny", "wireguard-tools", "wpasupplicant", "zabbix-agent", "zsh",
)  # fmt: skip
# Code -> paths: what an installation leaves, and each clone of an image would have alike.
EXPECTED = {
    # Keys and passwords that it makes.
    "ssh.host-key": ("/etc/ssh/ssh_host_*",),
    "key.snakeoil": ("/etc/ssl/private/ssl-cert-snakeoil.key",),
    "key.rndc": ("/etc/bind/rndc.key",),
    "key.erlang": ("/var/lib/rabbitmq/.erlang.cookie",),
    "key.munge": ("/etc/munge/munge.key",),
    "secret.assigned": (
        "/etc/bacula/bacula-fd.conf", "/var/lib/ucf/cache/:etc:bacula:bacula-fd.conf",
        "/etc/bacula/common_default_passwords",
    ),
    # Ids and names.
    "identity.popcon": ("/etc/popularity-contest.conf",),
    "identity.machine-id": ("/etc/machine-id",),
    "identity.dbus": ("/var/lib/dbus/machine-id",),
    "identity.initiator": ("/etc/iscsi/initiatorname.iscsi",),
    "identity.hostname": ("/etc/hostname",),
    "identity.mail-name": ("/etc/mailname", "/etc/exim4/update-exim4.conf.conf"),
    "net.resolver": ("/etc/resolv.conf",),
    # What apt, dpkg and the builder of the root did.
    "log.file": ("/var/log/*",),
    "tmp.file": ("/tmp/mmdebstrap.*",),
    "run.file": ("/run/*",),
    "cache.*": ("/var/cache/*", "/var/lib/apt/lists"),
}  # fmt: skip
# The image is no baked one, and cloud-init alone would make its host keys.
NEEDS = ("need.*",)


def strangers(sealed: Sealed) -> list[str]:
    """The findings that are not expected."""
    return [
        f"{one.code} {one.path}: {one.subject}"
        for one in sealed.findings
        if not any(fnmatchcase(one.code, code) for code in NEEDS)
        and not any(
            fnmatchcase(one.code, code) and any(fnmatchcase(one.path, path) for path in paths)
            for code, paths in EXPECTED.items()
        )
    ]


@pytest.fixture
def folder() -> Iterator[Path]:
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="fresh-roots-", dir=shm if shm.is_dir() else None) as name:
        yield Path(name)


@pytest.fixture
def small(folder: Path) -> Path:
    """A small Debian, as mmdebstrap leaves it."""
    root = folder / "root"
    root.mkdir(mode=0o755)
    subprocess.run(["tar", "-x", "-C", root, "--exclude=./dev/*", "-f", fresh_tar()], check=True)
    return root


def test_daemons(folder: Path) -> None:
    root = folder / "root"
    command = ["mmdebstrap", "--quiet", "--variant=minbase", "--skip=cleanup", f"--include={','.join(DAEMONS)}"]
    subprocess.run([*command, "bookworm", root], check=True, timeout=1000, stdout=subprocess.DEVNULL)
    assert len(DAEMONS) >= 48
    before = seal(root, runner=False)
    assert strangers(before) == []
    # It was looked at: each of these is there in such a root.
    assert {"ssh.host-key", "key.rndc", "key.erlang", "identity.popcon", "secret.assigned", "log.file"} <= {
        one.code for one in before.of(Severity.ERROR)
    }
    after = seal(root, runner=False, clean=True, access=True)
    assert after.failed == ()
    assert strangers(after) == []
    assert [one.path for one in after.of(Severity.ERROR) if one.clean is not Cleaning.LISTED] == []
    again = seal(root, runner=False, clean=True, access=True)
    assert (again.cleaned, again.findings) == ((), after.findings)
    # The image still works: its package manager, and daemons that check their settings.
    for check in ("dpkg --audit", "apt-get check", "apache2ctl -t", "visudo -c", "named-checkconf", "sshd -V"):
        command = ["chroot", str(root), "sh", "-c", f"mkdir -p /run/sshd; {check}"]
        done = subprocess.run(command, env=within(), capture_output=True, text=True, check=False)
        assert done.returncode == 0 or check == "sshd -V", f"{check}: {done.stdout}{done.stderr}"


def test_node_modules(small: Path) -> None:
    modules = small / "srv/app"
    modules.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(LOCKS / "judged-node" / name, modules)
    programs = venvs.python("npm").parent
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--omit=optional", "--omit=peer"]
    subprocess.run(
        [programs / "npm", "ci", *options, "--cache", small.parent / "cache"],
        cwd=modules, env=os.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}, check=True, timeout=600,
        capture_output=True,
    )  # fmt: skip
    packages = [*modules.glob("node_modules/[!@]*/package.json"), *modules.glob("node_modules/@*/*/package.json")]
    assert len(packages) >= 200
    assert strangers(seal(small, runner=False)) == []


def test_python_environment(small: Path) -> None:
    environment = venvs.python("judged").parents[1]
    (small / "srv/app").mkdir(parents=True)
    subprocess.run(["cp", "-a", "--reflink=auto", environment, small / "srv/app/venv"], check=True)
    installed = list(small.glob("srv/app/venv/lib/python3*/site-packages/*.dist-info"))
    assert len(installed) >= 48
    assert strangers(seal(small, runner=False)) == []


def test_a_leftover_in_them_is_a_stranger(small: Path) -> None:
    """A list of the expected that took everything would prove nothing."""
    (small / "root/.aws").mkdir()
    (small / "root/.aws/credentials").write_text("[default]\naws_access_key_id = AKIA" + "B2C3" * 4 + "\n")
    (stranger,) = strangers(seal(small, runner=False))
    assert stranger.startswith("cred.aws /root/.aws/credentials")
