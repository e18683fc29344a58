"""Identities of remote desktops, of desktops, and of a machine's own firmware and web consoles."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import LISTED, Leftover, in_home

_MACHINE = "every clone would be that one machine, and whoever may see one could see all"

DESKTOPS = (
    Leftover(
        "agent.cockpit", ("/etc/cockpit/ws-certs.d/0-self-signed.cert", "/etc/cockpit/ws-certs.d/0-self-signed.key",
        "/etc/cockpit/ws-certs.d/0-self-signed-ca.pem", "/etc/cockpit/ws-certs.d/*.key",
        "/etc/cockpit/ws-certs.d/*.cert", "/etc/cockpit/ws-certs.d/10-*.crt"), "the certificate of Cockpit",
        "whoever has one clone could pose as all",
        "remove it: Cockpit makes a new one when it starts, if it is the self-signed one", LISTED, product="Cockpit",
        source="cockpit-project/cockpit: doc/modules/guide/pages/https.adoc",
    ),
    Leftover(
        "agent.fwupd", ("/var/lib/fwupd/pki/secret.key", "/var/lib/fwupd/pki/client.pem"),
        "the key with which fwupd signs its reports", "all clones sign as one",
        "remove it: fwupd makes a new one when it needs it", product="fwupd",
        source="https://fwupd.github.io/ (fwupdmgr report-history --sign)",
    ),
    Leftover(
        "agent.teamviewer", ("/etc/teamviewer/global.conf", "/opt/teamviewer/config/global.conf",
        *in_home(".config/teamviewer/client.conf")), "the id of a TeamViewer", _MACHINE,
        "stop its daemon, and remove it", LISTED, holds=rb"(?i)ClientID|MachineId|SecurityPassword",
        product="TeamViewer",
        source="https://www.teamviewer.com/en/global/support/knowledge-base/ (same ID on cloned machines)",
    ),
    Leftover(
        "agent.anydesk", ("/etc/anydesk/service.conf", "/etc/anydesk/system.conf", *in_home(".anydesk/service.conf",
        ".anydesk/system.conf")), "the id of an AnyDesk", _MACHINE,
        "stop it, and remove it: it gets a new one when it starts", LISTED, holds=rb"(?m)^ad\.anynet\.",
        product="AnyDesk", source="https://support.anydesk.com/knowledge/anydesk-id-and-alias",
    ),
    Leftover(
        "agent.rustdesk", (*in_home(".config/rustdesk/RustDesk.toml", ".config/rustdesk/RustDesk2.toml"),
        "/var/lib/rustdesk-server/id_ed25519", "/opt/rustdesk/id_ed25519", "/var/lib/rustdesk-server/id_ed25519.pub"),
        "the id of a RustDesk", _MACHINE, "remove it: RustDesk makes a new one when it starts", LISTED,
        product="RustDesk", source="rustdesk/rustdesk: res/DEBIAN/postrm",
    ),
    Leftover(
        "agent.nomachine", ("/usr/NX/etc/uuid", "/usr/NX/etc/keys/host/*", "/usr/NX/etc/server.lic",
        "/usr/NX/etc/node.lic"), "the id or a key of a NoMachine server", _MACHINE,
        "/etc/NX/nxserver --keygen, and remove uuid", LISTED, product="NoMachine",
        source="https://kb.nomachine.com/ (cloned hosts and the file uuid)",
    ),
    Leftover(
        "agent.dwagent", ("/usr/share/dwagent/config.json", "/opt/dwagent/config.json"), "the key of a DWAgent",
        _MACHINE, "install it on each clone", LISTED, holds=rb'"(?:key|password)"\s*:\s*"[^"]',
        product="DWService agent", source="dwservice/agent: core/agent.py",
    ),
    Leftover(
        "agent.chrome-desktop", (*in_home(".config/chrome-remote-desktop/host#*.json"),),
        "the registration of Chrome Remote Desktop", _MACHINE, "remove it, and register each clone", LISTED,
        product="Chrome Remote Desktop", source="https://support.google.com/chrome/answer/1649523",
    ),
    Leftover(
        "agent.xrdp", ("/etc/xrdp/rsakeys.ini",), "the key of xrdp",
        "whoever has one clone could read the traffic of all", "xrdp-keygen xrdp auto, at each clone's first boot",
        LISTED, holds=rb"(?m)^pri_exp=\S", product="xrdp",
        source="https://github.com/neutrinolabs/xrdp (docs/man/xrdp-keygen.8)",
    ),
    Leftover(
        "agent.libvirt", ("/etc/libvirt/libvirtd.conf", "/etc/libvirt/virtqemud.conf"), "a host UUID for libvirt",
        "a manager takes all clones for one host", "take out host_uuid, or set host_uuid_source", LISTED,
        holds=rb"(?m)^host_uuid[ \t]*=[ \t]*\S", product="libvirt",
        source="libvirt/libvirt: src/remote/libvirtd.conf.in",
    ),
)  # fmt: skip
