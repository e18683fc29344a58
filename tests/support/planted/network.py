"""Leftovers of the table `network`, planted: (code, path, content)."""

from __future__ import annotations

NETWORK: tuple[tuple[str, str, str | bytes], ...] = (
    ("net.udev", "/etc/udev/rules.d/70-persistent-net.rules", "SUBSYSTEM==net\n"),
    ("net.dhcp", "/var/lib/dhcp/dhclient.eth0.leases", "lease {}\n"),
    ("net.networkmanager", "/var/lib/NetworkManager/secret_key", "x"),
    ("net.cloud-init", "/etc/netplan/50-cloud-init.yaml", "network: {}\n"),
    ("net.ifcfg", "/etc/sysconfig/network-scripts/ifcfg-eth0", "HWADDR=52:54:00:00:00:01\n"),
    ("net.connection", "/etc/NetworkManager/system-connections/home.nmconnection", "[wifi-security]\npsk=x\n"),
    ("net.resolver", "/etc/resolv.conf", "nameserver 10.0.0.1\n"),
)
