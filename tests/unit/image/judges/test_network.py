"""Network settings that hold for one machine, by the tool that reads them."""

from __future__ import annotations

from pathlib import Path

import pytest
from judging import findings, told

from bootstrap.image.judges import network

NETPLAN, NETWORKD, IFUPDOWN = "/etc/netplan/01.yaml", "/etc/systemd/network/10-a.network", "/etc/network/interfaces"
LINK, NETDEV = "/etc/systemd/network/10-a.link", "/etc/systemd/network/br0.netdev"
MANAGER = "/etc/NetworkManager/system-connections/a.nmconnection"
DHCLIENT, DHCPCD = "/etc/dhcp/dhclient.conf", "/etc/dhcpcd.conf"


def ethernet(text: str, name: str = "eth0") -> str:
    return f"network: {{version: 2, ethernets: {{{name}: {{{text}}}}}}}\n"


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        (NETPLAN, ethernet("match: {name: 'e*'}, dhcp4: true", "all"), []),
        (NETPLAN, ethernet("dhcp4: true"), []),
        (NETPLAN, ethernet("dhcp4: true", "enp0s3"), ["net.card"]),
        (NETPLAN, ethernet("match: {name: ens3}", "lan"), ["net.card"]),
        (NETPLAN, ethernet("dhcp4: true", "enx525400123456"), ["net.mac"]),
        (NETPLAN, ethernet("match: {macaddress: '52:54:00:12:34:56'}, set-name: eth0"), ["net.mac"]),
        (NETPLAN, ethernet("macaddress: 52:54:00:12:34:56"), ["net.mac"]),
        (NETPLAN, ethernet("addresses: [10.0.0.5/24], gateway4: 10.0.0.1"), ["net.address"]),
        (NETPLAN, ethernet("addresses: [{10.0.0.5/24: {lifetime: 0}}]"), ["net.address"]),
        (NETPLAN, ethernet("addresses: ['127.0.0.2/8', 'fe80::1/64']"), []),
        (NETPLAN, "network: {bridges: {br0: {addresses: [10.9.0.1/24]}}}\n", []),
        (NETPLAN, "network: {bridges: {br0: {addresses: [10.0.0.5/24], interfaces: [eth0]}}}\n", ["net.address"]),
        (NETPLAN, "network: {dummy-devices: {dm0: {addresses: [10.0.0.5/24]}}}\n", []),
        (NETPLAN, "network: [1, 2]\n", []),
        (NETPLAN, "network: {ethernets: {a: !!python/object:os.system {addresses: [10.0.0.5]}}}\n", ["net.address"]),
        (NETPLAN, "network: {ethernets: \n", []),
        ("/etc/netplan/50-cloud-init.yaml", ethernet("macaddress: 52:54:00:12:34:56"), []),
        (NETWORKD, "[Match]\nName=en* eth0\n[Network]\nDHCP=yes\n", []),
        (NETWORKD, "[Match]\nType=ether\n[Network]\nAddress=10.0.0.5/24\nGateway=10.0.0.1\n", ["net.address"]),
        (NETWORKD, "[Match]\nType=ether\n[Address]\nAddress=2001:db8::5/64\n", ["net.address"]),
        (NETWORKD, "[Match]\nName=ve-*\n[Network]\nAddress=0.0.0.0/28\nDHCPServer=yes\n", []),
        (NETWORKD, "[Match]\nName=br0\n[Network]\nAddress=10.9.0.1/24\nIPMasquerade=ipv4\n", []),
        (NETWORKD, "[Match]\nMACAddress=52:54:00:12:34:56\n[Network]\nDHCP=yes\n", ["net.mac"]),
        (NETWORKD, "[Match]\nPermanentMACAddress=52:54:00:12:34:56\n", ["net.mac"]),
        (NETWORKD, "[Match]\nType=ether\n[Link]\nMACAddress=52:54:00:12:34:56\n", ["net.mac"]),
        (NETWORKD, "[Match]\nName=enp1s0\n[Network]\nDHCP=yes\n", ["net.card"]),
        (NETWORKD, "[Match]\nType=ether\n[DHCPv4]\nDUIDRawData=00:01\n", ["net.dhcp-id"]),
        (NETWORKD, "[Match]\nType=ether\n[DHCPv4]\nHostname=builder\nClientIdentifier=mac\n", ["net.dhcp-name"]),
        ("/etc/systemd/network/10-cloud-init-eth0.network", "[Match]\nMACAddress=52:54:00:12:34:56\n", []),
        (LINK, "[Match]\nOriginalName=*\n[Link]\nMACAddressPolicy=persistent\nNamePolicy=keep\n", []),
        (LINK, "[Match]\nMACAddress=52:54:00:12:34:56\n[Link]\nName=lan\n", ["net.mac"]),
        (LINK, "[Match]\nPath=pci-0000:00:03.0\n[Link]\nName=lan\n", ["net.card"]),
        (LINK, "[Match]\nPath=pci-*\n[Link]\nName=lan\n", []),
        (NETDEV, "[NetDev]\nName=br0\nKind=bridge\nMACAddress=52:54:00:12:34:56\n", ["net.mac"]),
        (NETDEV, "[NetDev]\nName=br0\nKind=bridge\nMACAddress=none\n", []),
        ("/etc/systemd/networkd.conf", "[DHCPv4]\nDUIDType=uuid\nDUIDRawData=00:01\n", ["net.dhcp-id"]),
        (IFUPDOWN, "auto lo\niface lo inet loopback\nauto eth0\niface eth0 inet dhcp\n", []),
        (IFUPDOWN, "iface eth0 inet static\n  address 10.0.0.5/24\n  gateway 10.0.0.1\n", ["net.address"]),
        (IFUPDOWN, "iface lo inet static\n  address 127.0.0.2\n", []),
        (IFUPDOWN, "iface br0 inet static\n  address 10.9.0.1\n  bridge_ports none\n", []),
        (IFUPDOWN, "allow-hotplug enp0s3\niface enp0s3 inet dhcp\n", ["net.card"]),
        (IFUPDOWN, "iface eth0 inet dhcp\n  hwaddress ether 52:54:00:12:34:56\n", ["net.mac"]),
        (IFUPDOWN, "iface eth0 inet dhcp\n  hwaddress random\n", []),
        (IFUPDOWN, "iface eth0 inet dhcp\n  client 0123\n  hostname builder\n", ["net.dhcp-id", "net.dhcp-name"]),
        ("/etc/network/interfaces.d/eth0", "iface eth0 inet6 static\n  address 2001:db8::5\n", ["net.address"]),
        ("/etc/network/interfaces.d/50-cloud-init", "iface eth0 inet static\n  address 10.0.0.5\n", []),
        (MANAGER, "[connection]\nuuid=1\ninterface-name=enp0s3\n", ["net.card"]),
        (MANAGER, "[connection]\nuuid=1\ninterface-name=eth0\n[ipv4]\nmethod=auto\n", []),
        (MANAGER, "[ethernet]\ncloned-mac-address=52:54:00:12:34:56\n", ["net.mac"]),
        (MANAGER, "[ethernet]\ncloned-mac-address=stable\n", []),
        (MANAGER, "[ipv4]\ndhcp-client-id=builder\ndhcp-hostname=builder\n", ["net.dhcp-id", "net.dhcp-name"]),
        (MANAGER, "[ipv4]\ndhcp-client-id=mac\n", []),
        ("/etc/sysconfig/network-scripts/ifcfg-enp0s3", "BOOTPROTO=dhcp\n", ["net.card"]),
        ("/etc/sysconfig/network-scripts/ifcfg-eth0", "BOOTPROTO=dhcp\nDHCP_CLIENT_ID=a\n", ["net.dhcp-id"]),
        ("/etc/wicked/ifconfig/a.xml", "<address><local> 10.0.0.5/24 </local></address>\n", ["net.address"]),
        (DHCPCD, "hostname\nclientid\npersistent\n", []),
        (DHCPCD, "interface eth0\nstatic ip_address=10.0.0.5/24\nhostname builder\n", ["net.address", "net.dhcp-name"]),
        (DHCLIENT, "send host-name = gethostname();\nsend dhcp-client-identifier = hardware;\n", []),
        (DHCLIENT, 'send host-name "builder";\n', ["net.dhcp-name"]),
        (DHCLIENT, "send dhcp-client-identifier 1:0:a0:24:ab:fb:9c;\n", ["net.dhcp-id"]),
        ("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 builder.lan builder\n", ["net.hosts"]),
        ("/etc/hosts", "10.128.0.2 build.c.p.internal build  # Added by Google\n", ["net.hosts"]),
        ("/etc/hosts", "169.254.169.254 metadata.google.internal metadata\n::1 ip6-localhost\n", []),
    ],
)
def test_a_setting(tmp_path: Path, path: str, text: str, expected: list[str]) -> None:
    assert [(code, place) for code, _, place in told(network, tmp_path, {path: text})] == [(c, path) for c in expected]


def test_names_that_may_hold_are_warnings(tmp_path: Path) -> None:
    files = {
        NETPLAN: ethernet("addresses: [10.0.0.5/24]", "enp0s3"),
        DHCLIENT: 'send host-name "builder";\n',
        "/etc/hosts": "127.0.1.1 builder\n",
    }
    severities = {code: severity for code, severity, _ in told(network, tmp_path, files)}
    assert severities == {
        "net.address": "error", "net.card": "warning", "net.dhcp-name": "warning", "net.hosts": "warning",
    }  # fmt: skip


def test_a_finding_names_all_values_of_a_file_once(tmp_path: Path) -> None:
    text = "iface eth0 inet static\n address 10.0.0.5\niface eth0:1 inet static\n address 10.0.0.6\n"
    (finding,) = findings(network, tmp_path, {IFUPDOWN: text * 2})
    assert finding.subject == "the fixed addresses 10.0.0.5, 10.0.0.6"


def test_a_file_that_interfaces_names_is_read(tmp_path: Path) -> None:
    files = {IFUPDOWN: "source /srv/net/*\nsource ../x\n", "/srv/net/a": "iface eth0 inet static\n address 10.0.0.5\n"}
    assert told(network, tmp_path, files) == [("net.address", "error", "/srv/net/a")]


@pytest.mark.timeout(60)
def test_a_file_made_to_keep_a_reader_busy_does_not(tmp_path: Path) -> None:
    many = 30_000
    merged = "a0: &a0 {x: y}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 60))
    files = {
        "/etc/netplan/a.yaml": f"network: {{ethernets: {{lan: {{addresses: [10.0.0.5/24]}}}}}}\n{merged}",
        "/etc/netplan/b.yaml": "[" * many,
        "/etc/netplan/c.yaml": "network: {ethernets: {" + "a: &a {}, " * (many // 8) + "}}\n",
        "/etc/network/interfaces": "iface " * many + "\n" + " " * many + "iface e\n address\t" + " " * many,
        DHCLIENT: "send host-name" + " " * many + "\nsend " * many,
        "/etc/hosts": "1.2.3.4 " * many,
        MANAGER: "[" * many + "\n" + "=" * many,
    }
    assert ("net.address", "error", "/etc/netplan/a.yaml") in told(network, tmp_path, files)
