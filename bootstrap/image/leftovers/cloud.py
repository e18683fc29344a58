"""Records of cloud-init and of the clouds' agents."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import FILES, FILLED, LINES, LISTED, Leftover

# The agent of a clone decides by these whether it has been set up already.
CLOUD = (
    # All that `cloud-init clean` removes: everything there but the seed.
    Leftover(
        "cloud-init.data", ("/var/lib/cloud/*",), "cloud-init's records of the builder",
        "a clone may skip what runs once for an instance, and user-data may hold secrets",
        "cloud-init clean, or remove it", FILES, FILLED, but=("seed",), product="cloud-init",
        source="cloudinit/cmd/clean.py",
    ),
    Leftover(
        "cloud-init.fstab", ("/etc/fstab",), "mounts that cloud-init wrote", "they name disks of the builder",
        "cloud-init clean --configs fstab, or take the lines out", LINES, holds=rb"comment=cloudconfig",
        lines=rb"comment=cloudconfig", product="cloud-init", source="cloudinit/config/cc_mounts.py",
    ),
    # A seed may be there on purpose, as the data source of every clone.
    Leftover(
        "cloud-init.seed", ("/var/lib/cloud/seed/*/*",), "a seed of cloud-init",
        "every clone would be that one instance", "remove it, unless it is meant for every clone", LISTED,
    ),
    # The installer of Ubuntu has `cloud-init clean` remove these, by its hook /etc/cloud/clean.d/99-installer.
    Leftover(
        "cloud-init.installer", (
            "/etc/cloud/cloud.cfg.d/99-installer*.cfg", "/etc/cloud/cloud.cfg.d/90-installer-network.cfg",
            "/etc/cloud/cloud.cfg.d/subiquity-disable-cloudinit-networking.cfg",
            "/etc/cloud/cloud.cfg.d/00-subiquity-*",
        ), "the installer's settings for cloud-init", "clones would not look for metadata, or not set up the network",
        "cloud-init clean, or remove it", product="subiquity", source="subiquity/models/subiquity.py",
    ),
    Leftover(
        "cloud-init.settings", (
            "/etc/cloud/cloud.cfg.d/curtin-preserve-sources.cfg", "/etc/cloud/cloud.cfg.d/50-curtin-networking.cfg",
            "/etc/cloud/cloud.cfg.d/9*-maas*.cfg", "/etc/cloud/cloud.cfg.d/9*_dpkg_maas*.cfg",
        ), "settings for cloud-init of the builder's installation", "a clone may look for metadata in the wrong place,"
        " or keep the builder's cards and mirrors", "remove it, unless it holds for every clone", LISTED,
        product="curtin, maas", source="curtin/commands/curthooks.py",
    ),
    Leftover(
        "cloud.agent", (
            "/var/lib/waagent", "/var/lib/heat-config", "/var/lib/os-collect-config", "/var/lib/heat-cfntools",
            "/var/lib/google", "/etc/.ignition-result.json",
        ), "a cloud agent's records of the builder",
        "a clone may take itself for provisioned, and they hold the builder's settings", "remove it", FILES, FILLED,
    ),
)  # fmt: skip
