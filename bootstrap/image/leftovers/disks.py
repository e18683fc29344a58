"""Settings by the builder's disks, with which a clone may not start."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import FILLED, LISTED, Leftover

# What is tied to disks and needs reading with the image's other settings is in the judge of the same name.
DISKS = (
    # Where the file is missing LVM looks at every disk, as it did before there was such a file.
    Leftover(
        "disk.lvm-devices", ("/etc/lvm/devices/system.devices*", "/etc/lvm/devices/backup/*"),
        "a list of the builder's disks for LVM", "LVM would not use a clone's disks, and it may not start",
        "remove it: LVM then looks at every disk", product="lvm2", source="lvmdevices(8); virt-sysprep(1)",
    ),
    Leftover(
        "disk.lvm-backup", ("/etc/lvm/archive/*.vg", "/etc/lvm/backup/*"), "a copy of the builder's volume groups",
        "vgcfgrestore on a clone would write the builder's layout over its own",
        "remove it: LVM writes it again at the next change", LISTED, warning=True, product="lvm2",
        source="vgcfgbackup(8)",
    ),
    Leftover(
        "disk.multipath", ("/etc/multipath/bindings", "/etc/multipath/wwids", "/etc/multipath/prkeys"),
        "the world-wide names of the builder's disks", "a clone's disks would get other names than fstab has",
        "remove it, and make the initrd anew: multipath writes it again", LISTED, holds=rb"(?m)^[ \t]*[^#\s]",
        product="multipath-tools", source="multipath.conf(5): bindings_file, wwids_file, prkeys_file",
    ),
    Leftover(
        "disk.iscsi", (
            "/var/lib/iscsi/nodes", "/var/lib/iscsi/send_targets", "/var/lib/iscsi/static", "/var/lib/iscsi/isns",
            "/var/lib/iscsi/slp", "/etc/iscsi/nodes", "/etc/iscsi/send_targets", "/etc/iscsi/static",
        ), "the builder's iSCSI targets", "clones would all log in to the same disks and ruin them",
        "iscsiadm -m node -o delete, or remove it", LISTED, FILLED, product="open-iscsi", source="iscsiadm(8)",
    ),
    # systemd looks for a key of an encrypted disk here, whether /etc/crypttab names it or not.
    Leftover(
        "disk.encryption-key", ("/etc/cryptsetup-keys.d/*",), "the key of an encrypted disk",
        "whoever has the image, or one clone, could read the disks of all", "remove it, and have clones make one",
        LISTED, product="systemd", source="crypttab(5)",
    ),
    Leftover(
        "disk.nvme", ("/etc/nvme/discovery.conf", "/etc/nvme/config.json"), "the builder's NVMe targets",
        "clones would all use the same disks", "remove the lines, unless that is wanted", LISTED,
        holds=rb"(?m)^[ \t]*-|\"traddr\"", warning=True, product="nvme-cli", source="nvme-connect-all(1)",
    ),
    Leftover(
        "disk.zfs", ("/etc/zfs/zpool.cache", "/boot/zfs/zpool.cache"), "a list of the builder's ZFS pools",
        "a clone would import pools by the builder's disks", "zpool set cachefile=none, or remove it", LISTED,
        warning=True, product="zfs", source="zpoolprops(7): cachefile",
    ),
    # A cache of what blkid found on the builder's disks.
    Leftover(
        "disk.blkid", ("/etc/blkid.tab*", "/etc/blkid/blkid.tab*"), "a list of the builder's disks for blkid",
        "a clone would look up ids of disks that it does not have", "remove it: blkid writes it again",
        product="util-linux", source="libblkid(3); virt-sysprep(1): blkid-tab",
    ),
    # Packages of GRUB ask debconf where to install to, at each of their updates.
    Leftover(
        "disk.grub-device", ("/var/cache/debconf/config.dat",), "the builder's disk as the place for GRUB",
        "an update of GRUB would fail on a clone, or leave it without a boot loader",
        "debconf: set grub-pc/install_devices to /dev/vda or the like, or to nothing", LISTED,
        holds=rb"(?m)^Name: grub-(?:pc|efi)/install_devices\n(?:\S[^\n]*\n)*?Value: [^\n]*/dev/disk/by-(?:id|path)/",
        warning=True, product="grub-pc", source="debian/grub-pc.templates.in",
    ),
)  # fmt: skip
