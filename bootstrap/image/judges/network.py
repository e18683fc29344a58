"""Clones without a network: fixed addresses and the builder's cards, by the tool that would set them up."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase

from bootstrap.image import netplan, ties
from bootstrap.image.finding import Finding, Severity
from bootstrap.image.packages import Packaged
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


def find(tree: Tree, packaged: Packaged) -> Iterator[Finding]:
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
    tied, parts = Ties(), sections(file.text)
    every = [(section, key, value) for section, pairs in parts for key, value in pairs]
    # A network that this machine itself serves, as for its containers, has the same address on each clone.
    serves = any(key in ("DHCPServer", "IPMasquerade") and value not in ("no", "false") for _, key, value in every)
    for section, key, value in every:
        if key in ("MACAddress", "PermanentMACAddress") and section in ("Match", "Link"):
            tied.add_mac(value)
        elif key == "Address" and section in ("Network", "Address") and not serves:
            tied.add_address(value)
        elif key == "Name" and section == "Match":
            for name in value.split():
                tied.add_card(name)
        elif key == "DUIDRawData" and value:
            tied.dhcp_ids.append(value)
        elif key == "Hostname" and section.startswith("DHCP"):
            tied.dhcp_names.append(value)
    return tied


def _link(file: SettingsFile) -> Ties:
    """Read a .link or a .netdev file."""
    tied = Ties()
    for section, pairs in sections(file.text):
        for key, value in pairs:
            if key in ("MACAddress", "PermanentMACAddress"):
                tied.add_mac(value)
            # The path of a card in the builder's machine, as pci-0000:00:03.0.
            elif section == "Match" and key == "Path" and not re.search(r"[*?\[]", value):
                tied.cards.append(value)
    return tied


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
    tied = Ties()
    text = re.sub(r"\\\n", " ", file.text)
    stanzas = re.split(r"(?m)^[ \t]*(?=(?:iface|auto|allow-\S+|mapping|source\S*)\b)", text)
    for stanza in stanzas:
        begin = re.match(r"iface[ \t]+(\S+)(?:[ \t]+\S+[ \t]+(\S+))?", stanza)
        if begin is None:
            continue
        name, method = begin[1].split(":")[0], begin[2]
        options = dict(re.findall(r"(?m)^[ \t]*([\w-]+)[ \t]+(\S.*?)[ \t]*$", stanza.partition("\n")[2]))
        is_inside = "none" in (options.get("bridge_ports"), options.get("bridge-ports"))
        if "address" in options and method in ("static", "manual", "v4tunnel") and not is_inside:
            tied.add_address(options["address"])
        tied.add_mac(options.get("hwaddress", ""))
        tied.add_card(name)
        if "client" in options:
            tied.dhcp_ids.append(options["client"])
        if "hostname" in options:
            tied.dhcp_names.append(options["hostname"])
    return tied


def _connection(file: SettingsFile) -> Ties:
    """Read a keyfile of NetworkManager. Its addresses and its card's MAC address are in the table of places."""
    tied = Ties()
    for section, pairs in sections(file.text):
        for key, value in pairs:
            if key in ("cloned-mac-address", "match-device") or (
                section == "ethernet" and key == "assigned-mac-address"
            ):
                tied.add_mac(value)
            elif key == "interface-name" and section in ("connection", "match"):
                for name in re.split(r"[;,\s]+", value):
                    tied.add_card(name)
            elif key in ("dhcp-client-id", "dhcp-duid") and value not in _OWN_IDS:
                tied.dhcp_ids.append(value)
            elif key == "dhcp-hostname" and value:
                tied.dhcp_names.append(value)
    return tied


def _ifcfg(file: SettingsFile) -> Ties:
    tied = Ties()
    tied.add_card(file.path.rpartition("/")[2].removeprefix("ifcfg-"))
    values = dict(re.findall(r"(?m)^(\w+)=[\"']?([^\"'\n]+)", file.text))
    if "DHCP_CLIENT_ID" in values:
        tied.dhcp_ids.append(values["DHCP_CLIENT_ID"])
    return tied


def _wicked(file: SettingsFile) -> Ties:
    tied = Ties()
    for address in re.findall(r"<local>\s*([^<\s]+)\s*</local>", file.text):
        tied.add_address(address)
    return tied


def _dhcpcd(file: SettingsFile) -> Ties:
    tied = Ties()
    for line in file.lines:
        match = re.fullmatch(r"static[ \t]+ip6?_address=(\S+)", line)
        if match:
            tied.add_address(match[1])
        elif match := re.fullmatch(r"(clientid|hostname)[ \t]+(\S+)", line):
            (tied.dhcp_ids if match[1] == "clientid" else tied.dhcp_names).append(match[2])
    return tied


def _dhclient(file: SettingsFile) -> Ties:
    tied = Ties()
    # `gethostname()`, `<hostname>` and `hardware` are worked out on each clone.
    options = r"host-name|fqdn\.fqdn|dhcp-client-identifier|dhcp6\.client-id"
    pattern = rf"(?m)^[ \t]*(?:send|supersede)[ \t]+({options})[ \t=]+([^;\n]+)"
    for option, value in re.findall(pattern, file.text):
        if "gethostname" in value or "<hostname>" in value or "hardware" in value:
            continue
        (tied.dhcp_names if "name" in option or "fqdn" in option else tied.dhcp_ids).append(value.strip())
    return tied


def _hosts(tree: Tree) -> Iterator[Finding]:
    """Judge /etc/hosts: the name that Debian's installer gives to 127.0.1.1, and addresses of a network."""
    for file in read_all(tree, "/etc/hosts"):
        foreign = []
        for line in file.lines:
            address, *names = line.split("#")[0].split()
            names = [name for name in names if not re.match(r"localhost|ip6-|metadata\b|metadata\.", name)]
            tied = Ties()
            tied.add_address(address)
            if names and (address == "127.0.1.1" or tied.addresses):
                foreign.append(f"{address} {names[0]}")
        if foreign:
            yield Finding(
                "net.hosts", file.path, f"names of the builder or of its network ({', '.join(foreign)})",
                "a clone would find itself, or others, at the builder's addresses",
                "take them out, unless they hold for every clone", severity=Severity.WARNING,
            )  # fmt: skip
