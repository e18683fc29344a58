"""The traits by which a machine is told from others."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import EMPTY, LISTED, Leftover

# The traits by which a machine is told from others: each clone must make its own.
IDENTITY = (
    Leftover(
        "identity.machine-id", ("/etc/machine-id",), "a machine id that is set",
        "clones would share it: DHCP may give all of them one address, and their journals mix",
        "truncate it to nothing, so that every clone makes its own at boot", EMPTY,
        unless=rb"\A(?:uninitialized)?\s*\Z",
    ),
    Leftover(
        "identity.dbus", ("/var/lib/dbus/machine-id",), "a machine id of D-Bus of its own", "clones would share it",
        "remove it: D-Bus then uses /etc/machine-id",
    ),
    Leftover(
        "identity.random-seed", (
            "/var/lib/systemd/random-seed", "/var/lib/urandom/random-seed", "/var/lib/random-seed",
            "/boot/loader/random-seed", "/boot/efi/loader/random-seed", "/efi/loader/random-seed",
            "/var/lib/seedrng/*",
        ), "a random seed", "clones would start with the same randomness", "remove it",
    ),
    Leftover(
        "identity.credential-secret", ("/var/lib/systemd/credential.secret",), "systemd's key for credentials",
        "clones would share it", "remove it, unless credentials in the image were encrypted with it", LISTED,
    ),
    Leftover(
        "identity.initiator", ("/etc/iscsi/initiatorname.iscsi", "/etc/nvme/hostid", "/etc/nvme/hostnqn"),
        "an initiator's name", "two clones that use one disk under the same name would ruin it",
        "write GenerateName=yes, or remove it", LISTED, unless=rb"(?m)^GenerateName=yes",
    ),
    # Many images have a name on purpose, so this is a warning.
    Leftover(
        "identity.hostname", ("/etc/hostname",), "a host name", "a clone that is given no name would use this one",
        "write localhost into it, unless that is wanted", LISTED, unless=rb"\A\s*(?:localhost(?:\.localdomain)?)?\s*\Z",
        warning=True,
    ),
)  # fmt: skip
