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
    Leftover(
        "identity.hostname", ("/etc/HOSTNAME", "/etc/conf.d/hostname", "/etc/sysconfig/network"), "a host name",
        "a clone that is given no name would use this one", "write localhost into it, unless that is wanted", LISTED,
        holds=rb"(?mi)\A\s*[\w.-]+\s*\Z|^HOSTNAME=\S",
        unless=rb"(?mi)\A\s*localhost[\w.-]*\s*\Z|^HOSTNAME=[\"']?(?:localhost|\$|[\"']|$)", warning=True,
    ),
    Leftover(
        "identity.machine-info", ("/etc/machine-info",), "a name and a place of the machine", "clones would share them",
        "remove it, unless that is wanted", LISTED,
        holds=rb"(?m)^(?:PRETTY_HOSTNAME|LOCATION|HARDWARE_SERIAL|HARDWARE_SKU|DEPLOYMENT)=[\"']?[^\s\"']",
        warning=True,
        product="systemd", source="docs/BUILDING_IMAGES.md; machine-info(5)",
    ),
    # A word that an image's builder chose, as systemd asks for, is no leftover.
    Leftover(
        "identity.entry-token", ("/etc/kernel/entry-token",), "a machine id as the name of boot entries",
        "clones would name theirs by the builder's id", "write the ID of /etc/os-release into it", LISTED,
        holds=rb"\A\s*[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\s*\Z", product="systemd",
        source="docs/BUILDING_IMAGES.md; kernel-install(8)",
    ),
    Leftover(
        "identity.tpm", ("/var/lib/systemd/tpm2-srk-public-key*", "/var/lib/systemd/pcrlock.json"),
        "a key or a policy of the builder's TPM", "it fits no other TPM", "remove it: systemd makes it again", LISTED,
        product="systemd", source="systemd-tpm2-setup.service(8), systemd-pcrlock(8)",
    ),
    Leftover(
        "identity.hostid", ("/etc/hostid",), "a host id",
        "ZFS could not tell clones apart, and two could write to one pool", "remove it, and have zgenhostid make one",
        LISTED, warning=True, product="zfs", source="gethostid(3), zgenhostid(8)",
    ),
    Leftover(
        "identity.package-manager", (
            "/var/lib/yum/uuid", "/var/lib/zypp/AnonymousUniqueId", "/var/lib/dnf/repos/*/countme",
            "/var/lib/private/rpm-ostree-countme/countme",
        ), "an id by which a package manager is counted", "clones would count as one machine",
        "remove it: it is made again", product="yum, dnf, zypper",
        source="virt-sysprep(1): yum-uuid; dnf.conf(5): countme",
    ),
    Leftover(
        "identity.crash-reports", ("/var/lib/whoopsie/whoopsie-id",), "an id of crash reports", "clones would share it",
        "remove it: whoopsie makes it again", product="whoopsie", source="whoopsie(8)",
    ),
    Leftover(
        "identity.hardware-profile", ("/etc/smolt/uuid", "/etc/sysconfig/hw-uuid", "/etc/smolt/hw-uuid"),
        "an id of a hardware profile", "clones would count as one machine", "remove it: smolt makes it again",
        product="smolt", source="virt-sysprep(1): smolt-uuid",
    ),
    # A mail server introduces itself by these.
    Leftover(
        "identity.mail-name", ("/etc/mailname",), "a name for mail", "mail of every clone would come from the builder",
        "write the domain of your mail into it, or remove it", LISTED, unless=rb"\A\s*(?:localhost\S*)?\s*\Z",
        warning=True, product="Debian", source="mailname(5)",
    ),
    Leftover(
        "identity.mail-name", ("/etc/postfix/main.cf", "/etc/exim4/update-exim4.conf.conf"), "a name for mail",
        "mail of every clone would come from the builder", "take it out: the clone's host name is used then", LISTED,
        holds=rb"(?m)^(?:myhostname|mydomain)[ \t]*=[ \t]*(?!localhost|\$)\S"
        rb"|^dc_other_hostnames='(?!(?:localhost\S*)?')", warning=True, product="postfix, exim4",
        source="postconf(5): myhostname; /usr/share/doc/exim4-base",
    ),
)  # fmt: skip
