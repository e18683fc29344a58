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
    ("access.sudoers", "/etc/sudoers.d/90-packer", "packer ALL=(ALL) ALL\n"),
    ("access.autologin", "/etc/systemd/system/getty@tty1.service.d/autologin.conf",
     "[Service]\nExecStart=\nExecStart=-/sbin/agetty -o '-p -- \\\\u' --noclear --autologin root - $TERM\n"),
    ("access.autologin", "/usr/lib/systemd/system/serial-getty@ttyS0.service.d/autologin.conf",
     "[Service]\nExecStart=\nExecStart=-/sbin/agetty \\\n  -a root -J 115200 ttyS0\n"),
    ("access.autologin", "/etc/systemd/system/console-getty.service",
     "[Service]\nExecStart=-/bin/login -f root\n"),
    ("access.autologin", "/etc/systemd/system/container-getty@.service.d/shell.conf",
     "[Service]\nExecStart=-/sbin/agetty -n -l /bin/bash console\n"),
    ("access.autologin", "/etc/inittab", "1:2345:respawn:/sbin/agetty --autologin root tty1 linux\n"),
    ("access.autologin", "/etc/conf.d/agetty.tty1", 'agetty_options="--autologin root"\n'),
    ("access.autologin", "/etc/credstore/agetty.autologin", "root"),
    ("access.autologin", "/etc/gdm3/daemon.conf", "[daemon]\nAutomaticLoginEnable = true\nAutomaticLogin = me\n"),
    ("access.autologin", "/etc/lightdm/lightdm.conf.d/50-me.conf", "[Seat:*]\nautologin-user=me\n"),
    ("access.autologin", "/etc/sddm.conf.d/autologin.conf", "[Autologin]\nUser=me\nSession=plasma\n"),
    ("access.autologin", "/etc/greetd/config.toml", '[initial_session]\ncommand = "sway"\nuser = "me"\n'),
    ("access.rhosts", "/root/.rhosts", "+ +\n"),
    ("access.rhosts", "/etc/hosts.equiv", "build.example.com\n"),
    ("ssh.cloud-init", "/etc/ssh/sshd_config.d/50-cloud-init.conf", "PasswordAuthentication yes\n"),
)  # fmt: skip
