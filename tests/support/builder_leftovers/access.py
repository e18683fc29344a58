"""Access: what lets somebody in, or up, without a secret of the clone's owner."""

from __future__ import annotations

from builder_leftovers.forms import crypted
from builder_leftovers.item import Item

AUTOLOGIN = "[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin {} --noclear %I $TERM\n"
GETTY = "https://wiki.archlinux.org/title/Getty"
SSHD = "https://man.openbsd.org/sshd_config"
SUDOERS = "https://www.sudo.ws/docs/man/sudoers.man/"

ACCESS = (
    Item("OpenSSH", "/etc/ssh/sshd_config",
         "Include /etc/ssh/sshd_config.d/*.conf\n\nPermitRootLogin yes\nUsePAM yes\n",
         SSHD),
    Item("OpenSSH", "/etc/ssh/sshd_config.d/60-kickstart.conf", "PermitEmptyPasswords yes\n",
         SSHD, 0o600),
    Item("cloud-init", "/etc/ssh/sshd_config.d/50-cloud-init.conf", "PasswordAuthentication yes\n",
         "canonical/cloud-init: cloudinit/cmd/clean.py", 0o600),
    Item("cloud-init", "/etc/sudoers.d/90-cloud-init-users",
         "# Created by cloud-init v. 25.1 on Mon, 30 Nov 2026 12:00:00 +0000\n\n# User rules for debian\n"
         "debian ALL=(ALL) NOPASSWD:ALL\n",
         "canonical/cloud-init: cloudinit/distros/__init__.py", 0o440),
    Item("bento", "/etc/sudoers.d/99_vagrant", "vagrant ALL=(ALL) NOPASSWD:ALL\n",
         "chef/bento: packer_templates/scripts/ubuntu/sudoers_ubuntu.sh", 0o440),
    Item("sudo", "/etc/sudoers.d/deploy", "%wheel ALL=(ALL:ALL) NOPASSWD: ALL\n", SUDOERS, 0o440),
    Item("bento", "/etc/sudoers",
         "Defaults env_reset\nroot ALL=(ALL:ALL) ALL\n@includedir /etc/sudoers.d\nvagrant ALL=(ALL) NOPASSWD: ALL\n",
         "chef/bento: packer_templates/scripts/suse/sudoers_suse.sh", 0o440),
    Item("doas", "/etc/doas.conf", "permit nopass keepenv alice as root\n", "https://man.openbsd.org/doas.conf.5",
         0o600),
    Item("systemd", "/etc/systemd/system/getty@tty1.service.d/autologin.conf", AUTOLOGIN.format("root"), GETTY),
    Item("systemd", "/etc/systemd/system/serial-getty@ttyS0.service.d/override.conf", AUTOLOGIN.format("alice"), GETTY),
    Item("sysvinit", "/etc/inittab", "id:2:initdefault:\n1:2345:respawn:/sbin/agetty --autologin root tty1 linux\n",
         "https://man7.org/linux/man-pages/man8/agetty.8.html"),
    Item("GDM", "/etc/gdm3/daemon.conf", "[daemon]\nAutomaticLoginEnable=True\nAutomaticLogin=alice\n",
         "https://help.gnome.org/admin/system-admin-guide/stable/login-automatic.html.en"),
    Item("LightDM", "/etc/lightdm/lightdm.conf", "[Seat:*]\nautologin-user=alice\n",
         "https://wiki.archlinux.org/title/LightDM"),
    Item("shadow", "/etc/shadow", f"packer:{crypted()}:20787:0:99999:7:::\n",
         "https://man7.org/linux/man-pages/man5/shadow.5.html", 0o640, append=True),
    Item("shadow", "/etc/shadow-", f"root:{crypted()}:20787:0:99999:7:::\n",
         "libguestfs/guestfs-tools: sysprep/sysprep_operation_passwd_backups.ml", 0o640),
    Item("pam_unix", "/etc/security/opasswd", f"alice:1000:1:{crypted()}\n",
         "https://man7.org/linux/man-pages/man8/pam_unix.8.html", 0o600),
    Item("polkit", "/etc/polkit-1/rules.d/49-nopasswd_global.rules",
         'polkit.addRule(function(action, subject) {\n    if (subject.isInGroup("wheel")) {\n'
         "        return polkit.Result.YES;\n    }\n});\n",
         "https://wiki.archlinux.org/title/Polkit"),
    Item("sudo", "/var/lib/sudo/ts/alice", b"\x02\0\x38\0\x04\0\0\0" + bytes(48),
         "https://www.sudo.ws/docs/man/sudoers_timestamp.man/", 0o600),
    Item("rlogin", "/root/.rhosts", "build.lab.example.net root\n", "https://linux.die.net/man/5/rhosts", 0o600),
    Item("rlogin", "/etc/hosts.equiv", "build.lab.example.net\n", "https://linux.die.net/man/5/hosts.equiv"),
)  # fmt: skip
