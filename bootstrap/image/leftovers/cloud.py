"""Records of cloud-init and of the clouds' agents."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import FILES, FILLED, LISTED, Leftover

# The agent of a clone decides by these whether it has been set up already.
CLOUD = (
    Leftover(
        "cloud-init.data", (
            "/var/lib/cloud/instance", "/var/lib/cloud/instances", "/var/lib/cloud/data", "/var/lib/cloud/sem",
            "/var/lib/cloud/scripts", "/var/lib/cloud/handlers", "/var/lib/cloud/boothooks",
        ), "cloud-init's records of the builder",
        "a clone may skip what runs once for an instance, and user-data may hold secrets",
        "cloud-init clean, or remove it", FILES, FILLED,
    ),
    # A seed may be there on purpose, as the data source of every clone.
    Leftover(
        "cloud-init.seed", ("/var/lib/cloud/seed/*/*",), "a seed of cloud-init",
        "every clone would be that one instance", "remove it, unless it is meant for every clone", LISTED,
    ),
    Leftover(
        "cloud-init.installer", (
            "/etc/cloud/cloud.cfg.d/99-installer.cfg", "/etc/cloud/cloud.cfg.d/curtin-preserve-sources.cfg",
            "/etc/cloud/cloud.cfg.d/subiquity-disable-cloudinit-networking.cfg", "/etc/cloud/ds-identify.cfg",
        ), "the installer's settings for cloud-init", "clones would not look for metadata, or not set up the network",
        "remove it", LISTED,
    ),
    Leftover(
        "cloud.agent", (
            "/var/lib/waagent", "/var/lib/heat-config", "/var/lib/os-collect-config", "/var/lib/heat-cfntools",
            "/var/lib/google", "/etc/.ignition-result.json",
        ), "a cloud agent's records of the builder",
        "a clone may take itself for provisioned, and they hold the builder's settings", "remove it", FILES, FILLED,
    ),
)  # fmt: skip
