"""Clones without a network: fixed addresses and the builder's cards, by the tool that would set them up."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

from bootstrap.image import netplan, ties
from bootstrap.image.finding import Finding, Severity
from bootstrap.image.settings_files import SettingsFile, read_all, sections
from bootstrap.image.ties import Ties
from bootstrap.image.tree import Tree

CODES = {
    **ties.CODES,
    "net.hosts": "a name or an address of the builder in /etc/hosts (a warning)",
}

# What cloud-init wrote is in a table of its own: it goes as a whole.
_CLOUD_INIT = ("50-cloud-init*", "*-cloud-init-*", "cloud-init-*")
_UNITS = ("/etc/systemd/network", "/usr/local/lib/systemd/network")
# Words by which NetworkManager makes an id on each machine.
_OWN_IDS = (
    "", "mac", "perm-mac", "stable", "duid", "ipv6-duid", "none", "lease", "llt", "ll", "uuid", "stable-llt",
    "stable-ll", "stable-uuid",
)  # fmt: skip


def find(tree: Tree) -> Iterator[Finding]:
    """The findings of a root."""
    readers: tuple[tuple[tuple[str, ...], Callable[[SettingsFile], Ties]], ...] = (
        (netplan.PLACES, lambda file: netplan.ties(file.text)),
        (tuple(f"{folder}/{name}" for folder in _UNITS for name in ("*.network", "*.network.d/*.conf")), _network),
        (tuple(f"{folder}/{name}" for folder in _UNITS for name in ("*.link", "*.link.d/*.conf", "*.netdev")), _link),
        (("/etc/systemd/networkd.conf", "/etc/systemd/networkd.conf.d/*.conf"), _daemon),
        (_interfaces_places(tree), _interfaces),
        (("/etc/NetworkManager/system-connections/*", "/etc/NetworkManager/conf.d/*.conf"), _connection),
        (("/etc/sysconfig/network-scripts/ifcfg-*", "/etc/sysconfig/network/ifcfg-*"), _ifcfg),
        (("/etc/wicked/ifconfig/*.xml",), _wicked),
        (("/etc/dhcpcd.conf",), _dhcpcd),
        (("/etc/dhcp/dhclient*.conf", "/etc/dhclient*.conf", "/etc/dhcp3/dhclient*.conf"), _dhclient),
    )
    for places, read in readers:
        for file in read_all(tree, *places):
            name = file.path.rpartition("/")[2]
            if not any(fnmatchcase(name, pattern) for pattern in _CLOUD_INIT):
                yield from read(file).findings(file.path)
    yield from _hosts(tree)


def _network(file: SettingsFile) -> Ties:
    found, parts = Ties(), sections(file.text)
    every = [(section, key, value) for section, pairs in parts for key, value in pairs]
    # A network that this machine itself serves, as for its containers, has the same address on each clone.
    serves = any(key in ("DHCPServer", "IPMasquerade") and value not in ("no", "false") for _, key, value in every)
    for section, key, value in every:
        if key in ("MACAddress", "PermanentMACAddress") and section in ("Match", "Link"):
            found.add_mac(value)
        elif key == "Address" and section in ("Network", "Address") and not serves:
            found.add_address(value)
        elif key == "Name" and section == "Match":
            for name in value.split():
                found.add_card(name)
        elif key == "DUIDRawData" and value:
            found.dhcp_ids.append(value)
        elif key == "Hostname" and section.startswith("DHCP"):
            found.dhcp_names.append(value)
    return found


def _link(file: SettingsFile) -> Ties:
    """Read a .link or a .netdev file."""
    found = Ties()
    for section, pairs in sections(file.text):
        for key, value in pairs:
            if key in ("MACAddress", "PermanentMACAddress"):
                found.add_mac(value)
            # The path of a card in the builder's machine, as pci-0000:00:03.0.
            elif section == "Match" and key == "Path" and not re.search(r"[*?\[]", value):
                found.cards.append(value)
    return found


def _daemon(file: SettingsFile) -> Ties:
    pairs = [pair for _, pairs in sections(file.text) for pair in pairs]
    return Ties(dhcp_ids=[value for key, value in pairs if key == "DUIDRawData" and value])


def _interfaces_places(tree: Tree) -> tuple[str, ...]:
    """The files of ifupdown: what `interfaces` names is read as well, one level deep."""
    main = ["/etc/network/interfaces", "/etc/network/interfaces.d/*"]
    for file in read_all(tree, *main):
        named = re.findall(r"(?m)^[ \t]*source(?:-directory)?[ \t]+(/\S+)", file.text)
        main += [place for place in named if ".." not in place.split("/") and not re.search(r"[`$]", place)]
    return tuple(dict.fromkeys(main))


def _interfaces(file: SettingsFile) -> Ties:
    found = Ties()
    stanzas = re.split(r"(?m)^[ \t]*(?=(?:iface|auto|allow-\S+|mapping|source\S*)\b)", re.sub(r"\\\n", " ", file.text))
    for stanza in stanzas:
        begin = re.match(r"iface[ \t]+(\S+)(?:[ \t]+\S+[ \t]+(\S+))?", stanza)
        if begin is None:
            continue
        name, method = begin[1].split(":")[0], begin[2]
        options = dict(re.findall(r"(?m)^[ \t]*([\w-]+)[ \t]+(\S.*?)[ \t]*$", stanza.partition("\n")[2]))
        is_inside = "none" in (options.get("bridge_ports"), options.get("bridge-ports"))
        if "address" in options and method in ("static", "manual", "v4tunnel") and not is_inside:
            found.add_address(options["address"])
        found.add_mac(options.get("hwaddress", ""))
        found.add_card(name)
        if "client" in options:
            found.dhcp_ids.append(options["client"])
        if "hostname" in options:
            found.dhcp_names.append(options["hostname"])
    return found


def _connection(file: SettingsFile) -> Ties:
    """Read a keyfile of NetworkManager. Its addresses and its card's MAC address are in the table of places."""
    found = Ties()
    for section, pairs in sections(file.text):
        for key, value in pairs:
            if key in ("cloned-mac-address", "match-device") or (section == "ethernet" and key == "assigned-mac-address"):
                found.add_mac(value)
            elif key == "interface-name" and section in ("connection", "match"):
                for name in re.split(r"[;,\s]+", value):
                    found.add_card(name)
            elif key in ("dhcp-client-id", "dhcp-duid") and value not in _OWN_IDS:
                found.dhcp_ids.append(value)
            elif key == "dhcp-hostname" and value:
                found.dhcp_names.append(value)
    return found


def _ifcfg(file: SettingsFile) -> Ties:
    found = Ties()
    found.add_card(file.path.rpartition("/")[2].removeprefix("ifcfg-"))
    values = dict(re.findall(r"(?m)^(\w+)=[\"']?([^\"'\n]+)", file.text))
    if "DHCP_CLIENT_ID" in values:
        found.dhcp_ids.append(values["DHCP_CLIENT_ID"])
    return found


def _wicked(file: SettingsFile) -> Ties:
    found = Ties()
    for address in re.findall(r"<local>\s*([^<\s]+)\s*</local>", file.text):
        found.add_address(address)
    return found


def _dhcpcd(file: SettingsFile) -> Ties:
    found = Ties()
    for line in file.lines:
        match = re.fullmatch(r"static[ \t]+ip6?_address=(\S+)", line)
        if match:
            found.add_address(match[1])
        elif match := re.fullmatch(r"(clientid|hostname)[ \t]+(\S+)", line):
            (found.dhcp_ids if match[1] == "clientid" else found.dhcp_names).append(match[2])
    return found


def _dhclient(file: SettingsFile) -> Ties:
    found = Ties()
    # `gethostname()`, `<hostname>` and `hardware` are worked out on each clone.
    pattern = r"(?m)^[ \t]*(?:send|supersede)[ \t]+(host-name|fqdn\.fqdn|dhcp-client-identifier|dhcp6\.client-id)[ \t=]+([^;\n]+)"
    for option, value in re.findall(pattern, file.text):
        if "gethostname" in value or "<hostname>" in value or "hardware" in value:
            continue
        (found.dhcp_names if "name" in option or "fqdn" in option else found.dhcp_ids).append(value.strip())
    return found


def _hosts(tree: Tree) -> Iterator[Finding]:
    """Judge /etc/hosts: the name that Debian's installer gives to 127.0.1.1, and addresses of a network."""
    for file in read_all(tree, "/etc/hosts"):
        foreign = []
        for line in file.lines:
            address, *names = line.split("#")[0].split()
            names = [name for name in names if not re.match(r"localhost|ip6-|metadata\b|metadata\.", name)]
            found = Ties()
            found.add_address(address)
            if names and (address == "127.0.1.1" or found.addresses):
                foreign.append(f"{address} {names[0]}")
        if foreign:
            yield Finding(
                "net.hosts", file.path, f"names of the builder or of its network ({', '.join(foreign)})",
                "a clone would find itself, or others, at the builder's addresses",
                "take them out, unless they hold for every clone", severity=Severity.WARNING,
            )  # fmt: skip
