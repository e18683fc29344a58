"""Network settings that are tied to the builder's cards and addresses."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import LISTED, Leftover

# A clone has other cards and another address. The tools' own configuration is left alone where it names neither.
NETWORK = (
    # Old versions of udev gave each MAC address a name for ever: a clone's card would become eth1.
    Leftover(
        "net.udev", ("/etc/udev/rules.d/*persistent-net*",), "names for the builder's network cards",
        "a clone's card would get another name, and no address", "remove it",
    ),
    Leftover(
        "net.dhcp", (
            "/var/lib/dhcp/*lease*", "/var/lib/dhclient/*", "/var/lib/dhcp3/*lease*", "/var/lib/dhcpcd/*",
            "/var/lib/dhcpcd5/*", "/var/db/dhcpcd/*", "/var/lib/NetworkManager/*.lease", "/var/lib/wicked/*.xml",
        ), "a DHCP lease or DUID", "a clone would ask for the builder's address", "remove it",
    ),
    Leftover(
        "net.networkmanager", (
            "/var/lib/NetworkManager/secret_key", "/var/lib/NetworkManager/timestamps",
            "/var/lib/NetworkManager/seen-bssids",
        ), "NetworkManager's key or records", "clones would share stable addresses and DUIDs", "remove it",
    ),
    Leftover(
        "net.cloud-init", (
            "/etc/netplan/50-cloud-init.yaml", "/etc/network/interfaces.d/50-cloud-init*",
            "/etc/systemd/network/*-cloud-init-*", "/etc/NetworkManager/system-connections/cloud-init-*",
            "/etc/NetworkManager/conf.d/99-cloud-init.conf", "/etc/sysconfig/network/ifcfg-*",
            "/etc/udev/rules.d/*cloud-init*net*",
        ), "a network set-up that cloud-init wrote", "it has the builder's cards and addresses",
        "remove it: cloud-init writes it again",
    ),
    Leftover(
        "net.ifcfg", ("/etc/sysconfig/network-scripts/ifcfg-*",), "an interface tied to the builder",
        "a clone's card has another address", "remove HWADDR, UUID and addresses from it, or the file", LISTED,
        holds=rb"(?m)^(?:HWADDR|UUID|IPADDR\d*)=|Created by cloud-init",
    ),
    Leftover(
        "net.connection", ("/etc/NetworkManager/system-connections/*",), "a connection with a key or an address",
        "a clone would use the builder's key or address", "remove it", LISTED,
        holds=rb"(?m)^(?:psk|password|address1?|mac-address)[ \t]*=[ \t]*\S",
    ),
    Leftover(
        "net.resolver", ("/etc/resolv.conf",), "a fixed name server",
        "it may be the builder's, which clones cannot reach",
        "make it the link or the file that the image's network set-up needs", LISTED,
        holds=rb"(?m)^\s*nameserver", warning=True,
    ),
)  # fmt: skip
