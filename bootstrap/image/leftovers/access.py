"""Keys and rights by which somebody gets into a clone."""

from __future__ import annotations

from bootstrap.image.finding import Cleaning
from bootstrap.image.leftovers.rule import ANY, LISTED, Leftover, in_home

_UNITS = tuple(
    f"{folder}/{name}"
    for folder in ("/etc/systemd/system", "/usr/lib/systemd/system", "/usr/local/lib/systemd/system")
    for name in ("*getty*.service", "*getty*.service.d/*.conf", "*autologin*.service")
)
# Lines that start a getty, with the options by which nobody is asked for a name; or login itself with the one for that.
# Lengths are bounded, so that no file can keep the pattern busy.
_MORE = rb"(?:[^\n]|\\\n){0,400}?"
_NO_LOGIN = (
    rb"(?m)^(?![ \t]*[#;])[^\n]{0,200}?(?:getty\b" + _MORE + rb"[ \t](?:--autologin[ \t=]+\S|-a[ \t]*['\"]?\w"
    rb"|-o[ \t]*['\"]-f|(?:-n|--skip-login)[ \t]" + _MORE + rb"(?:-l|--login-program)[ \t=]+(?!/bin/login[ \t\n])\S)"
    rb"|\blogin[ \t]+-f)"
)
_AUTOLOGIN = "a login on a console without a password"
_ANYBODY = "anybody at a console of a clone is that account"
_ASK = "remove it, or --allow it if clones shall have it"

ACCESS = (
    Leftover(
        "ssh.host-key", ("/etc/ssh/ssh_host_*", "/etc/dropbear/dropbear_*_host_key"), "an ssh host key",
        "every clone would have the same key, and whoever has one clone could pose as all of them",
        "remove it; make sure that something creates new keys at boot (cloud-init, ssh-keygen -A)", means=ANY,
    ),
    # They may be the only way into a clone, hence an option of their own.
    Leftover(
        "ssh.authorized-keys", (
            *in_home(".ssh/authorized_keys", ".ssh/authorized_keys2"), "/etc/ssh/authorized_keys/*",
            "/etc/ssh/authorized_keys.d/*", "/etc/dropbear/authorized_keys",
        ), "keys that may log in", "the builder could log in to every clone", "remove it, or --allow it by its path",
        Cleaning.ACCESS, through=True,
    ),
    Leftover(
        "ssh.known-hosts", (*in_home(".ssh/known_hosts", ".ssh/known_hosts.old"), "/etc/ssh/ssh_known_hosts"),
        "a list of hosts that the builder logged in to", "it reveals the builder's network", "remove it",
    ),
    Leftover(
        "ssh.settings", in_home(".ssh/config", ".ssh/environment", ".ssh/rc", ".ssh/*.pub"), "a person's ssh settings",
        "they reveal who built the image, and which hosts that person uses", "remove it", LISTED,
    ),
    Leftover(
        "access.sudo-time", ("/var/lib/sudo/ts/*", "/var/db/sudo/ts/*", "/run/sudo/ts/*"),
        "a sudo time stamp", "sudo might not ask for a password", "remove it", means=ANY,
    ),
    # A right without a password has a finding of its own, access.nopasswd.
    Leftover(
        "access.sudoers", ("/etc/sudoers.d/*packer*", "/etc/sudoers.d/*vagrant*", "/etc/sudoers.d/*builder*"),
        "sudo rights of a builder's account", "whoever becomes that account is root in every clone",
        "remove it together with the account", LISTED, unless=rb"(?m)^[^#\n]*\bNOPASSWD\b",
    ),
    Leftover(
        "access.autologin", _UNITS, _AUTOLOGIN, _ANYBODY, _ASK, LISTED, holds=_NO_LOGIN,
        product="agetty", source="agetty(8): --autologin",
    ),
    Leftover(
        "access.autologin", ("/etc/inittab", "/etc/init/tty*.conf", "/etc/conf.d/*getty*", "/etc/sv/*getty*/conf"),
        _AUTOLOGIN, _ANYBODY, _ASK, LISTED,
        holds=rb"(?m)^(?![ \t]*#)[^\n]*(?:--autologin|\bagetty[^\n]* -a |\blogin[ \t]+-f)",
        product="init", source="agetty(8): --autologin",
    ),
    Leftover(
        "access.autologin", (
            "/etc/credstore/agetty.autologin", "/etc/credstore/login.noauth", "/usr/lib/credstore/agetty.autologin",
            "/usr/lib/credstore/login.noauth",
        ), _AUTOLOGIN, _ANYBODY, _ASK, LISTED, product="systemd", source="systemd.system-credentials(7)",
    ),
    Leftover(
        "access.autologin", ("/etc/gdm3/custom.conf", "/etc/gdm3/daemon.conf", "/etc/gdm/custom.conf"),
        "a desktop login without a password", _ANYBODY, _ASK, LISTED,
        holds=rb"(?mi)^[ \t]*(?:Automatic|Timed)LoginEnable[ \t]*=[ \t]*(?:true|1)", product="gdm",
        source="GNOME Display Manager reference: AutomaticLoginEnable",
    ),
    Leftover(
        "access.autologin", (
            "/etc/lightdm/lightdm.conf", "/etc/lightdm/lightdm.conf.d/*.conf", "/etc/lxdm/lxdm.conf",
            "/etc/lxdm/default.conf", "/etc/slim.conf",
        ), "a desktop login without a password", _ANYBODY, _ASK, LISTED,
        holds=rb"(?m)^[ \t]*(?:autologin(?:-user)?[ \t]*=[ \t]*\S|auto_login[ \t]+yes)", product="lightdm",
        source="LightDM: lightdm.conf, autologin-user",
    ),
    Leftover(
        "access.autologin", ("/etc/sddm.conf", "/etc/sddm.conf.d/*.conf"), "a desktop login without a password",
        _ANYBODY, _ASK, LISTED, holds=rb"(?ms)^\[Autologin\][^\[]*^User[ \t]*=[ \t]*\S", product="sddm",
        source="sddm.conf(5): Autologin",
    ),
    Leftover(
        "access.autologin", ("/etc/greetd/config.toml",), "a desktop login without a password", _ANYBODY, _ASK, LISTED,
        holds=rb"(?m)^[ \t]*\[initial_session\]", product="greetd", source="greetd(5): initial_session",
    ),
    Leftover(
        "access.rhosts", (
            *in_home(".rhosts", ".shosts"), "/etc/hosts.equiv", "/etc/ssh/shosts.equiv",
        ), "hosts whose accounts are trusted", "whoever has such a name in a network is let in without a password",
        "remove it", LISTED, holds=rb"(?m)^[ \t]*[^#\s]", product="rhosts", source="hosts.equiv(5)",
    ),
    # cloud-init writes it anew on a clone, as that one's user-data says.
    Leftover(
        "ssh.cloud-init", ("/etc/ssh/sshd_config.d/50-cloud-init.conf",), "logins by password, as cloud-init set them",
        "the builder's user-data asked for them, and whoever guesses a password is in every clone", "remove it",
        holds=rb"(?mi)^[ \t]*PasswordAuthentication[ \t=]+yes", product="cloud-init",
        source="cloud-init: cloudinit/cmd/clean.py, clean --configs ssh_config",
    ),
)  # fmt: skip
