"""Keys and rights by which somebody gets into a clone."""

from __future__ import annotations

from bootstrap.image.finding import Cleaning
from bootstrap.image.leftovers.rule import ANY, LISTED, Leftover, in_home

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
    Leftover(
        "access.sudoers", ("/etc/sudoers.d/*packer*", "/etc/sudoers.d/*vagrant*", "/etc/sudoers.d/*builder*"),
        "sudo rights of a builder's account", "whoever becomes that account is root in every clone",
        "remove it together with the account", LISTED,
    ),
)  # fmt: skip
