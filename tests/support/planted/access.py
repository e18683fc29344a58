"""Leftovers of the table `access`, planted: (code, path, content)."""

from __future__ import annotations

from planted.texts import KEY

ACCESS: tuple[tuple[str, str, str | bytes], ...] = (
    ("ssh.host-key", "/etc/ssh/ssh_host_ed25519_key", KEY),
    ("ssh.host-key", "/etc/ssh/ssh_host_ed25519_key.pub", "ssh-ed25519 AAAA root@builder\n"),
    ("ssh.authorized-keys", "/root/.ssh/authorized_keys", "ssh-ed25519 AAAA me\n"),
    ("ssh.authorized-keys", "/srv/app/.ssh/authorized_keys", "ssh-ed25519 AAAA me\n"),
    ("ssh.authorized-keys", "/home/vagrant/.ssh/authorized_keys", ""),
    ("ssh.known-hosts", "/home/alice/.ssh/known_hosts", "git ssh-rsa AAAA\n"),
    ("ssh.settings", "/home/alice/.ssh/config", "Host git\n"),
    ("access.sudo-time", "/var/lib/sudo/ts/alice", "x"),
    ("access.sudoers", "/etc/sudoers.d/90-packer", "packer ALL=(ALL) NOPASSWD: ALL\n"),
)
