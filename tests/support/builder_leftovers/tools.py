"""The paths that other tools remove from an image, read in their sources: a list for each tool.

A path that is an item of the other lists is planted as it is there; the others have their content here.
"""

from __future__ import annotations

from builder_leftovers.forms import certificate, crypted, hexes, octets, password, tdb, uuid
from builder_leftovers.item import Item

SYSPREP = "libguestfs/guestfs-tools: sysprep/sysprep_operation_{}.ml"
LOG = "Nov 30 12:00:01 packer-build cron[77]: (root) CMD (run-parts)\n"
# Operation -> paths: those that are enabled by default, and of the others those that remove what a clone must not have.
VIRT_SYSPREP = {
    "abrt_data": ("/var/spool/abrt/ccpp-2026-11-30-12:00:01-77/coredump",),
    "backup_files": ("/etc/ssh/ssh_config~", "/etc/default/grub.bak", "/srv/app/settings.ini~", "/root/notes.bak"),
    "bash_history": ("/root/.bash_history",),
    "blkid_tab": ("/etc/blkid.tab", "/etc/blkid/blkid.tab", "/run/blkid.tab"),
    "ca_certificates": ("/etc/pki/tls/private/localhost.key",),
    "crash_data": ("/var/crash/127.0.0.1-2026-11-30-12:00:01/vmcore", "/var/log/dump/vmcore"),
    "cron_spool": (
        "/var/spool/cron/root", "/var/spool/cron/crontabs/root", "/var/spool/cron/atjobs/a0000101c8e2f1",
        "/var/spool/atjobs/a0000301c8e2f9", "/var/spool/atspool/a0000301c8e2fa", "/var/spool/at/a0000201c8e2f5",
    ),
    "dhcp_client_state": ("/var/lib/dhclient/dhclient--eth0.lease", "/var/lib/dhcp/dhclient.eth0.leases"),
    "dhcp_server_state": ("/var/lib/dhcpd/dhcpd.leases",),
    "dovecot_data": ("/var/lib/dovecot/instances", "/var/lib/dovecot/ssl-parameters.dat"),
    "ipa_client": (
        "/etc/ipa/ca.crt", "/etc/ipa/default.conf", "/var/lib/ipa-client/sysrestore/sysrestore.state",
        "/var/lib/ipa-client/pki/ca-bundle.pem", "/etc/pki/ca-trust/source/anchors/ipa-ca.crt",
        "/usr/local/share/ca-certificates/ipa-ca.crt", "/etc/pki/ca-trust/source/ipa.p11-kit",
    ),
    "kerberos_data": ("/var/kerberos/krb5kdc/.k5.EXAMPLE.NET",),
    "kerberos_hostkeytab": ("/etc/krb5.keytab",),
    "logfiles": (
        "/var/log/syslog", "/var/log/audit/audit.log", "/var/log/wtmp", "/var/log/rhsm/rhsm.log", "/var/log/sa/sa30",
        "/var/named/data/named.run", "/var/lib/logrotate.status", "/root/install.log", "/root/anaconda-ks.cfg",
        "/root/anaconda-post.log", "/root/initial-setup-ks.cfg", "/root/original-ks.cfg",
        "/var/log/anaconda/journal.log", "/var/log/installer/cdebconf/questions.dat", "/var/cache/gdm/alice/session",
        "/var/lib/AccountService/users/alice", "/var/lib/fprint/alice/elan/0/7",
        "/var/cache/fontconfig/0123456789abcdef-le64.cache-8", "/var/cache/man/index.db", "/etc/Pegasus/server.pem",
    ),
    "lvm_system_devices": ("/etc/lvm/devices/system.devices",),
    "machine_id": ("/etc/machine-id", "/var/lib/dbus/machine-id"),
    "mail_spool": ("/var/mail/root", "/var/spool/mail/alice"),
    "net_hostname": ("/etc/sysconfig/network-scripts/ifcfg-eth1",),
    "net_hwaddr": ("/etc/sysconfig/network-scripts/ifcfg-eth0",),
    "net_nmconn": ("/etc/NetworkManager/system-connections/ens3.nmconnection",),
    "pacct_log": ("/var/account/pacct", "/var/log/account/pacct"),
    "package_manager_cache": (
        "/var/cache/apt/archives/curl_7.88.1-10_amd64.deb", "/var/cache/dnf/appstream.solv",
        "/var/cache/yum/x86_64/7/base/repomd.xml", "/var/cache/zypp/packages/repo-oss/x86_64/curl.rpm",
    ),
    "pam_data": ("/run/console/alice", "/run/faillock/alice", "/run/sepermit/alice"),
    "passwd_backups": ("/etc/group-", "/etc/gshadow-", "/etc/passwd-", "/etc/shadow-", "/etc/subuid-", "/etc/subgid-"),
    "puppet_data_log": (
        "/var/lib/puppet/ssl/certs/packer-build-7f3a.lab.example.net.pem", "/var/lib/puppet/state/state.yaml",
    ),
    "rh_subscription_manager": ("/etc/pki/consumer/key.pem", "/etc/pki/entitlement/4113077722389-key.pem"),
    "rhn_systemid": ("/etc/sysconfig/rhn/systemid", "/etc/sysconfig/rhn/osad-auth.conf"),
    "rpm_db": ("/var/lib/rpm/__db.001",),
    "samba_db_log": ("/var/lib/samba/account_policy.tdb", "/var/lib/samba/private/secrets.tdb"),
    "smolt_uuid": ("/etc/smolt/uuid", "/etc/sysconfig/hw-uuid"),
    "ssh_hostkeys": ("/etc/ssh/ssh_host_rsa_key", "/etc/ssh/ssh_host_ed25519_key.pub"),
    "ssh_userdir": ("/root/.ssh/authorized_keys", "/root/.ssh/known_hosts", "/root/.ssh/id_rsa"),
    "sssd_db_log": ("/var/lib/sss/db/cache_example.ldb", "/var/log/sssd/sssd.log"),
    "tmp_files": ("/tmp/script_7711.sh", "/var/tmp/build.log"),
    "udev_persistent_net": ("/etc/udev/rules.d/70-persistent-net.rules",),
    "utmp": ("/run/utmp",),
    "yum_uuid": ("/var/lib/yum/uuid",),
    "zsh_history": ("/home/alice/.zsh_history",),
}  # fmt: skip
# Tool -> paths.
TOOLS: dict[str, tuple[str, ...]] = {
    "virt-sysprep": tuple(path for paths in VIRT_SYSPREP.values() for path in paths),
    # cloud-init clean --configs all --logs --seed --machine-id: cloudinit/cmd/clean.py.
    "cloud-init clean": (
        "/etc/netplan/50-cloud-init.yaml", "/etc/NetworkManager/conf.d/99-cloud-init.conf",
        "/etc/NetworkManager/conf.d/30-cloud-init-ip6-addr-gen-mode.conf",
        "/etc/NetworkManager/system-connections/cloud-init-ens3.nmconnection",
        "/etc/systemd/network/10-cloud-init-ens3.network", "/etc/network/interfaces.d/50-cloud-init.cfg",
        "/etc/ssh/sshd_config.d/50-cloud-init.conf", "/etc/fstab", "/var/log/cloud-init.log",
        "/var/log/cloud-init-output.log", "/var/lib/cloud/instances/i-0f1e2d3c4b5a69788/user-data.txt",
        "/var/lib/cloud/data/previous-instance-id", "/var/lib/cloud/sem/config_scripts_per_once.once",
        "/var/lib/cloud/instance", "/var/lib/cloud/seed/nocloud/user-data", "/etc/machine-id",
    ),
    # waagent -deprovision+user: azurelinuxagent/pa/deprovision/default.py and ubuntu.py.
    "waagent -deprovision": (
        "/etc/ssh/ssh_host_rsa_key", "/var/lib/dhclient/dhclient--eth0.lease", "/var/lib/dhcpcd/eth0.lease",
        "/var/lib/dhcp/dhclient.eth0.leases", "/var/lib/NetworkManager/dhclient-ens3.lease",
        "/run/systemd/netif/leases/2", "/etc/hostname", "/etc/shadow", "/var/lib/waagent/ovf-env.xml",
        "/var/log/azure/custom-script/handler.log", "/root/.bash_history", "/var/log/waagent.log", "/etc/resolv.conf",
        "/etc/resolvconf/resolv.conf.d/original", "/etc/resolvconf/resolv.conf.d/tail",
        "/etc/systemd/system/waagent-network-setup.service",
    ),
    # images/capi/ansible/roles/sysprep/tasks/*.yml.
    "kubernetes-sigs/image-builder": (
        "/etc/machine-id", "/etc/hostname", "/etc/hosts", "/var/log/wtmp", "/var/log/lastlog",
        "/var/lib/cloud/data/previous-instance-id", "/var/log/cloud-init.log", "/var/log/cloud-init-output.log",
        "/run/cloud-init/instance-data-sensitive.json", "/etc/cloud/cloud-init.disabled", "/tmp/script_7711.sh",
        "/var/tmp/build.log", "/etc/netplan/00-installer-config.yaml", "/run/netplan/eth0.yaml",
        "/etc/ssh/ssh_host_rsa_key", "/root/.ssh/authorized_keys", "/var/log/dpkg.log", "/var/log/syslog.2.gz",
        "/swap.img", "/swapfile", "/mnt/resource/swapfile", "/root/.bash_history", "/etc/apt/apt.conf.d/90proxy",
        "/var/lib/apt/lists/apt.lab.example.net_debian_dists_bookworm_InRelease",
        "/etc/udev/rules.d/70-persistent-net.rules",
        "/etc/cloud/cloud.cfg.d/subiquity-disable-cloudinit-networking.cfg",
        "/etc/cloud/cloud.cfg.d/00-subiquity-disable-cloudinit-networking.cfg",
        "/etc/cloud/cloud.cfg.d/99-installer.cfg", "/etc/cloud/cloud.cfg.d/curtin-preserve-sources.cfg",
        "/etc/cloud/ds-identify.cfg", "/etc/cloud/cloud.cfg.d/90-installer-network.cfg",
        "/etc/systemd/system/containerd.service.d/http-proxy.conf", "/home/alice/.config/pip/pip.conf",
        "/etc/sysconfig/network-scripts/ifcfg-eth0", "/etc/NetworkManager/system-connections/ens3.nmconnection",
        "/root/anaconda-ks.cfg", "/etc/pki/consumer/key.pem",
    ),
    # packer_templates/scripts/*/cleanup_*.sh, minimize.sh.
    "chef/bento": (
        "/var/cache/debconf/templates.dat-old", "/var/cache/man/index.db", "/var/cache/ldconfig/aux-cache",
        "/var/cache/app/index", "/var/cache/apt/pkgcache.bin", "/var/log/syslog", "/etc/machine-id",
        "/var/lib/dbus/machine-id", "/tmp/script_7711.sh", "/var/tmp/build.log", "/var/lib/systemd/random-seed",
        "/root/.wget-hsts", "/etc/udev/rules.d/70-persistent-net.rules", "/root/anaconda-ks.cfg",
        "/root/original-ks.cfg", "/etc/sudoers.d/_packer_env", "/etc/sysconfig/network-scripts/ifcfg-eth0",
        "/var/cache/dnf/appstream.solv", "/var/cache/zypp/packages/repo-oss/x86_64/curl.rpm",
    ),
    # templates/al2023/provisioners/cleanup.sh.
    "amazon-eks-ami": (
        "/var/cache/dnf/appstream.solv", "/etc/hostname", "/etc/machine-id", "/etc/resolv.conf",
        "/etc/ssh/ssh_host_rsa_key", "/root/.ssh/authorized_keys", "/var/lib/cloud/data/previous-instance-id",
        "/var/lib/dhclient/dhclient--eth0.lease", "/var/lib/yum/history/history-2026-11-30.sqlite",
        "/var/lib/dnf/history.sqlite", "/var/log/secure", "/var/log/messages", "/var/log/audit/audit.log",
    ),
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/building-shared-amis.html.
    "EC2 guidelines for shared AMIs": (
        "/etc/ssh/ssh_host_rsa_key", "/root/.ssh/authorized_keys", "/root/.bash_history", "/etc/shadow",
        "/root/.subversion/auth/svn.simple/d41d8cd98f00b204e9800998ecf8427e",
    ),
    # https://systemd.io/BUILDING_IMAGES/.
    "systemd, Building Images": (
        "/etc/machine-id", "/var/lib/dbus/machine-id", "/var/lib/systemd/random-seed", "/boot/efi/loader/random-seed",
        "/var/lib/systemd/credential.secret", "/etc/hostname", "/etc/machine-info", "/etc/kernel/entry-token",
    ),
}  # fmt: skip
_IFCFG = "DEVICE=eth1\nBOOTPROTO=dhcp\nHOSTNAME=packer-build\nDHCP_HOSTNAME=packer-build\n"
_SETUP = "/var/lib/waagent/waagent-network-setup.py"
_SVN = f"K 8\npasstype\nV 6\nsimple\nK 8\npassword\nV 16\n{password()}\nK 8\nusername\nV 7\nbuilder\nEND\n"
# Path -> content, of what only these lists have.
CONTENTS: dict[str, str | bytes] = {
    "/srv/app/settings.ini~": "[app]\n",
    "/root/notes.bak": "notes\n",
    "/etc/blkid/blkid.tab": f'<device DEVNO="0xfd01" UUID="{uuid()}" TYPE="ext4">/dev/vda1</device>\n',
    "/run/blkid.tab": f'<device DEVNO="0xfd01" UUID="{uuid()}" TYPE="ext4">/dev/vda1</device>\n',
    "/var/log/dump/vmcore": b"KDUMP   " + octets(100),
    "/var/spool/atspool/a0000301c8e2fa": "Subject: Output from your job\n",
    "/var/lib/dovecot/instances": "1796040000:/run/dovecot:dovecot\n",
    "/var/lib/dovecot/ssl-parameters.dat": octets(230),
    "/etc/ipa/ca.crt": certificate(),
    "/etc/ipa/default.conf": "[global]\nhost = packer-build.example.net\nrealm = EXAMPLE.NET\n",
    "/var/lib/ipa-client/sysrestore/sysrestore.state": "[authconfig]\nsssd = True\n",
    "/var/lib/ipa-client/pki/ca-bundle.pem": certificate(),
    "/etc/pki/ca-trust/source/anchors/ipa-ca.crt": certificate(),
    "/usr/local/share/ca-certificates/ipa-ca.crt": certificate(),
    "/etc/pki/ca-trust/source/ipa.p11-kit": "[p11-kit-object-v1]\nclass: certificate\n" + certificate(),
    "/var/log/rhsm/rhsm.log": LOG,
    "/var/log/sa/sa30": octets(300),
    "/root/install.log": "Installing libgcc\n",
    "/root/initial-setup-ks.cfg": f"rootpw --iscrypted {crypted()}\n",
    "/root/original-ks.cfg": f"rootpw --iscrypted {crypted()}\n",
    "/var/cache/gdm/alice/session": "x\n",
    "/var/lib/AccountService/users/alice": "[User]\nSystemAccount=false\n",
    "/etc/Pegasus/server.pem": certificate(),
    "/var/spool/mail/alice": "From root Mon Nov 30 12:00:01 2026\nSubject: build\n\nfailed\n",
    "/etc/sysconfig/network-scripts/ifcfg-eth1": _IFCFG,
    "/run/console/alice": "1\n",
    "/run/sepermit/alice": "1\n",
    "/etc/subgid-": "packer:100000:65536\n",
    "/var/lib/puppet/state/state.yaml": "---\nFile[/etc/motd]:\n  :checked: 2026-11-30\n",
    "/etc/sysconfig/rhn/osad-auth.conf": f"[osad]\npassword = {hexes(20)}\nusername = osad-{hexes(10)}\n",
    "/var/lib/rpm/__db.001": octets(300),
    "/etc/smolt/uuid": uuid() + "\n",
    "/etc/sysconfig/hw-uuid": uuid() + "\n",
    "/var/lib/sss/db/cache_example.ldb": tdb(),
    "/var/log/sssd/sssd.log": LOG,
    "/run/utmp": octets(384),
    "/etc/NetworkManager/conf.d/99-cloud-init.conf": "# Created by cloud-init\n[main]\nauto-default=*\n",
    "/etc/network/interfaces.d/50-cloud-init.cfg": "auto eth0\niface eth0 inet dhcp\n",
    "/var/lib/NetworkManager/dhclient-ens3.lease": 'lease {\n  interface "ens3";\n}\n',
    "/var/log/azure/custom-script/handler.log": LOG,
    "/var/log/waagent.log": LOG,
    "/etc/resolvconf/resolv.conf.d/tail": "nameserver 10.0.2.3\n",
    "/etc/systemd/system/waagent-network-setup.service": f"[Service]\nExecStart=/usr/bin/python3 {_SETUP}\n",
    "/run/netplan/eth0.yaml": "network: {version: 2}\n",
    "/swap.img": bytes(4086) + b"SWAPSPACE2" + bytes(100),
    "/mnt/resource/swapfile": bytes(4086) + b"SWAPSPACE2" + bytes(100),
    "/var/cache/app/index": octets(100),
    "/etc/sudoers.d/_packer_env": 'Defaults env_keep += "http_proxy https_proxy"\n',
    "/root/.subversion/auth/svn.simple/d41d8cd98f00b204e9800998ecf8427e": _SVN,
}
# Path -> the reason for which seal finds it and leaves it.
_KEY = "a key or a password may be in the image on purpose, and may have no copy elsewhere"
_SWAP = "fstab may name it, and a boot would fail without it"
_NETWORK = "without it clones may have no network at all"
_MEANT = "it may be meant for the clones"
_ENROLLED = "an image may be enrolled by design, and only its owner can enrol it again"
_NAME = "it may be a choice for all clones"
KEPT = {
    "/etc/pki/tls/private/localhost.key": _KEY,
    "/etc/krb5.keytab": _KEY,
    "/var/kerberos/krb5kdc/.k5.EXAMPLE.NET": _KEY,
    "/root/.ssh/id_rsa": _KEY,
    "/root/.subversion/auth/svn.simple/d41d8cd98f00b204e9800998ecf8427e": _KEY,
    "/etc/pki/consumer/key.pem": _KEY,
    "/etc/pki/entitlement/4113077722389-key.pem": _KEY,
    "/var/lib/samba/private/secrets.tdb": _KEY,
    "/var/lib/samba/account_policy.tdb": "it may hold the settings of what the image shares",
    "/var/lib/puppet/ssl/certs/packer-build-7f3a.lab.example.net.pem": _ENROLLED,
    "/var/lib/puppet/state/state.yaml": _ENROLLED,
    "/etc/sysconfig/rhn/systemid": _ENROLLED,
    "/etc/sysconfig/rhn/osad-auth.conf": _ENROLLED,
    "/var/lib/systemd/credential.secret": "credentials that the image carries could no longer be read without it",
    "/var/lib/cloud/seed/nocloud/user-data": "a seed may be the way in which the image's clones get their settings",
    "/etc/hostname": "a warning: most clones get a name from their cloud, and some images keep theirs",
    "/etc/hosts": _NAME,
    "/etc/machine-info": _NAME,
    "/etc/kernel/entry-token": "boot entries are named after it",
    "/etc/resolv.conf": "a warning: an image without a resolver that runs needs a fixed one",
    "/etc/resolvconf/resolv.conf.d/original": "a warning: an image without a resolver that runs needs a fixed one",
    "/etc/resolvconf/resolv.conf.d/tail": "a warning: an image without a resolver that runs needs a fixed one",
    "/etc/shadow": "accounts are for whoever made them",
    "/etc/sudoers.d/_packer_env": "rights are for whoever gave them",
    "/swap.img": _SWAP,
    "/swapfile": _SWAP,
    "/mnt/resource/swapfile": _SWAP,
    "/etc/apt/apt.conf.d/90proxy": _MEANT,
    "/etc/systemd/system/containerd.service.d/http-proxy.conf": _MEANT,
    "/home/alice/.config/pip/pip.conf": _MEANT,
    "/etc/cloud/cloud-init.disabled": "an image may bring cloud-init and not use it",
    "/etc/cloud/cloud.cfg.d/curtin-preserve-sources.cfg": _MEANT,
    "/var/lib/dnf/history.sqlite": "dnf autoremove reads in it which packages somebody asked for",
    "/etc/sysconfig/network-scripts/ifcfg-eth0": _NETWORK,
    "/etc/NetworkManager/system-connections/ens3.nmconnection": _NETWORK,
}


def items(listed: dict[str, Item]) -> tuple[Item, ...]:
    """Everything that the tools remove. listed: the items of the other lists, by path."""
    paths = dict.fromkeys(path for paths in TOOLS.values() for path in paths)
    return tuple(listed[path] if path in listed else Item("tool", path, CONTENTS[path], "TOOLS") for path in paths)


def names(path: str) -> list[str]:
    """The tools that remove a path."""
    return [tool for tool, paths in TOOLS.items() if path in paths]
