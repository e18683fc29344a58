"""Leftovers of the table `network`, planted: (code, path, content)."""

from __future__ import annotations

NETWORK: tuple[tuple[str, str, str | bytes], ...] = (
    ("net.udev", "/etc/udev/rules.d/70-persistent-net.rules", "SUBSYSTEM==net\n"),
    ("net.udev-mac", "/etc/udev/rules.d/10-network.rules", 'ATTR{address}=="52:54:00:12:34:56", NAME="lan"\n'),
    ("net.dhcp", "/var/lib/dhcp/dhclient.eth0.leases", "lease {}\n"),
    ("net.dhcp-server", "/var/lib/dhcpd/dhcpd.leases", "lease 10.0.0.9 {}\n"),
    ("net.networkmanager", "/var/lib/NetworkManager/secret_key", "x"),
    ("net.cloud-init", "/etc/netplan/50-cloud-init.yaml", "network: {}\n"),
    ("net.cloud-init", "/etc/NetworkManager/conf.d/30-cloud-init-ip6-addr-gen-mode.conf", "[connection]\n"),
    ("net.cloud-init", "/etc/sysconfig/network-scripts/ifcfg-eth2", "# Created by cloud-init\nHWADDR=52:54:00:0:0:1\n"),
    ("net.ifcfg-ids", "/etc/sysconfig/network-scripts/ifcfg-eth0", "DEVICE=eth0\nHWADDR=52:54:00:00:00:01\n"),
    ("net.ifcfg", "/etc/sysconfig/network-scripts/ifcfg-eth1", "BOOTPROTO=static\nIPADDR=10.0.0.5\n"),
    ("net.routes", "/etc/sysconfig/network-scripts/route-eth1", "10.9.0.0/16 via 10.0.0.1\n"),
    ("net.connection", "/etc/NetworkManager/system-connections/home.nmconnection", "[wifi-security]\npsk=x\n"),
    ("net.connection", "/etc/NetworkManager/system-connections/lan.nmconnection", "[ipv4]\naddress1=10.0.0.5/24\n"),
    ("net.resolver", "/etc/resolvconf/resolv.conf.d/original", "nameserver 10.0.0.1\n"),
    ("net.resolver", "/etc/resolv.conf", "nameserver 10.0.0.1\n"),
)
