"""Host identity: ids, names and seeds that a machine makes for itself."""

from __future__ import annotations

from builder_leftovers.forms import hexes, octets, uuid
from builder_leftovers.item import Item

SYSTEMD = "https://www.freedesktop.org/software/systemd/man/latest"
BUILDING = "https://systemd.io/BUILDING_IMAGES/"
MACHINE_ID = hexes(32)
HOST = "packer-build-7f3a"

HOSTS = (
    Item("systemd", "/etc/machine-id", MACHINE_ID + "\n", f"{SYSTEMD}/machine-id.html", 0o444),
    Item("D-Bus", "/var/lib/dbus/machine-id", MACHINE_ID + "\n",
         "https://dbus.freedesktop.org/doc/dbus-uuidgen.1.html"),
    Item("systemd", "/var/lib/systemd/random-seed", octets(512), BUILDING, 0o600),
    Item("systemd-boot", "/boot/efi/loader/random-seed", octets(32), BUILDING, 0o600),
    Item("systemd", "/var/lib/systemd/credential.secret", octets(4096), BUILDING, 0o400),
    Item("systemd", "/etc/hostname", HOST + "\n", f"{SYSTEMD}/hostname.html"),
    Item("glibc", "/etc/hosts", f"10.0.2.15 {HOST}.lab.example.net {HOST}\n",
         "kubernetes-sigs/image-builder: images/capi/ansible/roles/sysprep/tasks/main.yml", append=True),
    Item("systemd", "/etc/machine-info",
         f'PRETTY_HOSTNAME="Packer build 7"\nDEPLOYMENT=build\nKERNEL_INSTALL_MACHINE_ID={MACHINE_ID}\n',
         f"{SYSTEMD}/machine-info.html"),
    Item("kernel-install", "/etc/kernel/entry-token", MACHINE_ID + "\n", BUILDING),
    Item("zgenhostid", "/etc/hostid", bytes.fromhex("007f0a3c"),
         "https://openzfs.github.io/openzfs-docs/man/master/8/zgenhostid.8.html"),
    Item("open-iscsi", "/etc/iscsi/initiatorname.iscsi",
         f"## DO NOT EDIT OR REMOVE THIS FILE!\nInitiatorName=iqn.1993-08.org.debian:01:{hexes(12)}\n",
         "open-iscsi/open-iscsi: README", 0o600),
    Item("nvme-cli", "/etc/nvme/hostnqn", f"nqn.2014-08.org.nvmexpress:uuid:{uuid()}\n",
         "linux-nvme/nvme-cli: Documentation/nvme-gen-hostnqn.txt"),
    Item("nvme-cli", "/etc/nvme/hostid", uuid() + "\n", "linux-nvme/nvme-cli: Documentation/nvme-connect.txt"),
    Item("popularity-contest", "/etc/popularity-contest.conf",
         f'PARTICIPATE="yes"\nMY_HOSTID="{hexes(32)}"\nUSEHTTP="yes"\nDAY="3"\n',
         "https://manpages.debian.org/bookworm/popularity-contest/popularity-contest.8.en.html"),
    Item("yum", "/var/lib/yum/uuid", uuid(), "libguestfs/guestfs-tools: sysprep/sysprep_operation_yum_uuid.ml"),
    Item("wicked", "/etc/HOSTNAME", f"{HOST}.lab.example.net\n",
         "https://manpages.opensuse.org/Tumbleweed/hostname/hostname.1.en.html"),
    Item("seedrng", "/var/lib/seedrng/seed.credit", octets(256),
         "https://git.busybox.net/busybox/tree/util-linux/seedrng.c", 0o400),
    Item("sysvinit", "/var/lib/urandom/random-seed", octets(512),
         "https://manpages.debian.org/bookworm/manpages/urandom.4.en.html", 0o600),
    Item("whoopsie", "/var/lib/whoopsie/whoopsie-id", hexes(128), "https://wiki.ubuntu.com/ErrorTracker", 0o600),
)  # fmt: skip
