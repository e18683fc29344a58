"""Network settings that are tied to the builder's cards and addresses."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import EMPTY, LINES, LISTED, Leftover

# A clone has other cards and another address. The tools' own configuration is left alone where it names neither.
NETWORK = (
    # Old versions of udev gave each MAC address a name for ever: a clone's card would become eth1.
    Leftover(
        "net.udev", ("/etc/udev/rules.d/*persistent-net*",), "names for the builder's network cards",
        "a clone's card would get another name, and no address", "remove it",
    ),
    # A rule of any name may give a card a name by its MAC address, with others beside it.
    Leftover(
        "net.udev-mac", ("/etc/udev/rules.d/*.rules", "/etc/iftab", "/etc/mactab"),
        "names for the builder's network cards",
        "a clone's card would get another name, and no address", "take the lines with a MAC address out", LISTED,
        holds=rb"(?m)^[^#\n]*(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}", unless=rb"/write_net_rules program",
        product="udev", source="udev(7), iftab(5), nameif(8)",
    ),
    Leftover(
        "net.dhcp", (
            "/var/lib/dhcp/*lease*", "/var/lib/dhclient/*", "/var/lib/dhcp3/*lease*", "/var/lib/dhcpcd/*",
            "/var/lib/dhcpcd5/*", "/var/db/dhcpcd/*", "/var/lib/NetworkManager/*.lease", "/var/lib/wicked/*.xml",
            "/etc/dhcpcd.duid", "/etc/dhcpcd.secret",
        ), "a DHCP lease or DUID", "a clone would ask for the builder's address", "remove it",
    ),
    # The server does not start without its file, so that it is emptied.
    Leftover(
        "net.dhcp-server", (
            "/var/lib/dhcpd/*.leases*", "/var/lib/misc/dnsmasq*.leases", "/var/lib/dnsmasq/*.leases",
        ), "leases that the builder gave as a DHCP server", "a clone would take its addresses for given", "empty it",
        EMPTY, product="isc-dhcp-server, dnsmasq", source="dhcpd.leases(5); virt-sysprep(1): dhcp-server-state",
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
            "/etc/NetworkManager/conf.d/99-cloud-init.conf",
            "/etc/NetworkManager/conf.d/30-cloud-init-ip6-addr-gen-mode.conf", "/etc/udev/rules.d/*cloud-init*net*",
        ), "a network set-up that cloud-init wrote", "it has the builder's cards and addresses",
        "remove it: cloud-init writes it again", product="cloud-init", source="cloudinit/cmd/clean.py",
    ),
    Leftover(
        "net.cloud-init", ("/etc/sysconfig/network-scripts/ifcfg-*", "/etc/sysconfig/network/ifcfg-*"),
        "an interface that cloud-init wrote", "it has the builder's cards and addresses",
        "remove it: cloud-init writes it again", holds=rb"Created by cloud-init", but=("ifcfg-lo",),
        product="cloud-init", source="cloudinit/net/sysconfig.py",
    ),
    # The card's ids alone: without them the file holds for the card of its name, whatever its address.
    Leftover(
        "net.ifcfg-ids", ("/etc/sysconfig/network-scripts/ifcfg-*", "/etc/sysconfig/network/ifcfg-*"),
        "an interface tied to the builder's card or name", "a clone's card has another address",
        "take out HWADDR, UUID, HOSTNAME and DHCP_HOSTNAME", LINES,
        holds=rb"(?m)^(?:HWADDR|UUID|HOSTNAME|DHCP_HOSTNAME)=", unless=rb"Created by cloud-init", but=("ifcfg-lo",),
        lines=rb"^(?:HWADDR|UUID|HOSTNAME|DHCP_HOSTNAME)=", product="initscripts",
        source="virt-sysprep(1): net-hwaddr, net-hostname",
    ),
    Leftover(
        "net.ifcfg", ("/etc/sysconfig/network-scripts/ifcfg-*", "/etc/sysconfig/network/ifcfg-*"),
        "an interface with a fixed address", "every clone would take it", "remove the addresses from it, or the file",
        LISTED, holds=rb"(?m)^(?:IPADDR|IPV6ADDR|LLADDR|MACADDR)\w*=[\"']?[^\s\"']", unless=rb"Created by cloud-init",
        but=("ifcfg-lo",),
    ),
    Leftover(
        "net.routes", ("/etc/sysconfig/network-scripts/route*-*", "/etc/sysconfig/network/ifroute-*",
                       "/etc/sysconfig/network/routes", "/etc/sysconfig/static-routes"),
        "routes of the builder's network", "a clone may send what it says to where nobody listens",
        "remove it, unless it holds for every clone", LISTED, warning=True,
    ),
    Leftover(
        "net.connection", ("/etc/NetworkManager/system-connections/*",), "a connection with a key or an address",
        "a clone would use the builder's key or address", "remove it", LISTED,
        holds=rb"(?m)^(?:psk|password|address(?:es)?\d*|mac-address)[ \t]*=[ \t]*\S",
    ),
    Leftover(
        "net.resolver", ("/etc/resolv.conf", "/etc/resolv.conf.*", "/etc/resolvconf/resolv.conf.d/*"),
        "a fixed name server",
        "it may be the builder's, which clones cannot reach",
        "make it the link or the file that the image's network set-up needs", LISTED,
        holds=rb"(?m)^[ \t]*nameserver", warning=True,
    ),
)  # fmt: skip
