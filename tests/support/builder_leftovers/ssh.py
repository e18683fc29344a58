"""Keys and records of ssh: of the host, and of the people who worked on it."""

from __future__ import annotations

from builder_leftovers.forms import b64, octets, openssh, pem, public
from builder_leftovers.item import Item

KEYGEN = "https://man.openbsd.org/ssh-keygen"
SSHD = "https://man.openbsd.org/sshd"
DROPBEAR = "mkj/dropbear: manpages/dropbear.8"
HOST = f"|1|{b64(20)}|{b64(20)} {public('').strip()}\n"

SSH = (
    Item("OpenSSH", "/etc/ssh/ssh_host_rsa_key", openssh(), SSHD, 0o600),
    Item("OpenSSH", "/etc/ssh/ssh_host_ecdsa_key", openssh(), SSHD, 0o600),
    Item("OpenSSH", "/etc/ssh/ssh_host_ed25519_key", openssh(), SSHD, 0o600),
    Item("OpenSSH", "/etc/ssh/ssh_host_ed25519_key.pub", public("root@packer-build"), SSHD),
    Item("OpenSSH", "/etc/ssh/ssh_known_hosts", f"git.lab.example.net {public('').strip()}\n", SSHD),
    Item("dropbear", "/etc/dropbear/dropbear_ed25519_host_key", octets(83), DROPBEAR, 0o600),
    Item("dropbear", "/etc/dropbear/dropbear_rsa_host_key", octets(805), DROPBEAR, 0o600),
    Item("dropbear", "/etc/dropbear/initramfs/dropbear_ecdsa_host_key", octets(140),
         "https://salsa.debian.org/debian/dropbear/-/blob/debian/latest/debian/README.initramfs", 0o600),
    Item("tinyssh", "/etc/tinyssh/sshkeydir/.ed25519.sk", octets(64), "janmojzis/tinyssh: man/tinysshd-makekey.8",
         0o600),
    Item("OpenSSH", "/root/.ssh/id_rsa", pem("RSA PRIVATE KEY"), KEYGEN, 0o600),
    Item("OpenSSH", "/home/alice/.ssh/id_ed25519", openssh(), KEYGEN, 0o600),
    Item("OpenSSH", "/home/alice/.ssh/id_ecdsa_sk", openssh(), KEYGEN, 0o600),
    Item("OpenSSH", "/srv/app/.ssh/deploy_key", openssh(), KEYGEN, 0o600),
    Item("OpenSSH", "/root/.ssh/authorized_keys", public("packer_6749c0"), SSHD, 0o600),
    Item("OpenSSH", "/home/alice/.ssh/authorized_keys2", public("alice@laptop"), "https://man.openbsd.org/sshd_config",
         0o600),
    Item("Vagrant", "/srv/app/.ssh/authorized_keys", public("vagrant"), "hashicorp/vagrant: keys/README.md", 0o600),
    Item("OpenSSH", "/root/.ssh/known_hosts", HOST, "https://man.openbsd.org/ssh", 0o600),
    Item("OpenSSH", "/root/.ssh/known_hosts.old", HOST, KEYGEN, 0o600),
    Item("OpenSSH", "/home/alice/.ssh/environment", f"GIT_TOKEN=glpat-{b64(15)[:20]}\n", SSHD, 0o600),
    Item("PuTTY", "/home/alice/.putty/sshhostkeys",
         "ssh-ed25519@22:build.lab.example.net 0x3c1f0a,0x77aa01b2\n",
         "https://the.earth.li/~sgtatham/putty/0.81/htmldoc/Chapter4.html", 0o600),
)  # fmt: skip
