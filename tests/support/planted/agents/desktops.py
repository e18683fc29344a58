"""Leftovers of the table `agents.desktops`, planted: (code, path, content)."""

from __future__ import annotations

DESKTOPS: tuple[tuple[str, str, str | bytes], ...] = (
    ("agent.cockpit", "/etc/cockpit/ws-certs.d/0-self-signed.cert", "x"),
    ("agent.cockpit", "/etc/cockpit/ws-certs.d/10-one.crt", "x"),
    ("agent.fwupd", "/var/lib/fwupd/pki/secret.key", "x"),
    ("agent.fwupd", "/var/lib/fwupd/pki/client.pem", "x"),
    ("agent.teamviewer", "/etc/teamviewer/global.conf", "[int32] ClientID = 123\n"),
    ("agent.teamviewer", "/home/alice/.config/teamviewer/client.conf", "[int32] ClientID = 123\n"),
    ("agent.anydesk", "/etc/anydesk/service.conf", "ad.anynet.pkey=abc\n"),
    ("agent.anydesk", "/home/alice/.anydesk/system.conf", "ad.anynet.pkey=abc\n"),
    ("agent.rustdesk", "/home/alice/.config/rustdesk/RustDesk.toml", "x"),
    ("agent.rustdesk", "/var/lib/rustdesk-server/id_ed25519.pub", "x"),
    ("agent.nomachine", "/usr/NX/etc/uuid", "x"),
    ("agent.nomachine", "/usr/NX/etc/node.lic", "x"),
    ("agent.dwagent", "/usr/share/dwagent/config.json", '{"key": "abc"}\n'),
    ("agent.dwagent", "/opt/dwagent/config.json", '{"key": "abc"}\n'),
    ("agent.chrome-desktop", "/home/alice/.config/chrome-remote-desktop/host#1.json", "x"),
    ("agent.xrdp", "/etc/xrdp/rsakeys.ini", "[keys]\npri_exp=0x01,0x02\n"),
    ("agent.libvirt", "/etc/libvirt/libvirtd.conf", 'host_uuid = "5c3e8f6a-0000-4000-8000-000000000001"\n'),
    ("agent.libvirt", "/etc/libvirt/virtqemud.conf", 'host_uuid = "5c3e8f6a-0000-4000-8000-000000000001"\n'),
)
