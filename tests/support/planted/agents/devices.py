"""Leftovers of the table `agents.devices`, planted: (code, path, content)."""

from __future__ import annotations

DEVICES: tuple[tuple[str, str, str | bytes], ...] = (
    ("agent.mender", "/var/lib/mender/mender-agent.pem", "x"),
    ("agent.mender", "/etc/mender/mender-agent.pem", "x"),
    ("agent.balena", "/mnt/boot/config.json", '{"uuid": "0123456789abcdef0123456789abcdef", "deviceApiKey": "abc"}\n'),
    (
        "agent.balena",
        "/mnt/state/root-overlay/config.json",
        '{"uuid": "0123456789abcdef0123456789abcdef", "deviceApiKey": "abc"}\n',
    ),
    ("agent.boinc", "/var/lib/boinc-client/client_stateone.xml", "x"),
    ("agent.boinc", "/var/lib/boinc/account_one.xml", "x"),
    ("agent.boinc-password", "/var/lib/boinc-client/gui_rpc_auth.cfg", "x"),
    ("agent.boinc-password", "/etc/boinc-client/gui_rpc_auth.cfg", "x"),
    ("agent.folding", "/var/lib/fahclient/client.db", b"SQLite format 3\x00"),
    ("agent.folding", "/var/lib/fahclient/configs/one", b"SQLite format 3\x00"),
    ("agent.openhab", "/var/lib/openhab/uuid", "x"),
    ("agent.openhab", "/var/lib/openhab2/openhabcloud/secret", "x"),
    ("agent.homeassistant", "/home/homeassistant/.homeassistant/.storage/core.uuid", "x"),
    ("agent.homeassistant", "/home/homeassistant/.homeassistant/.storage/auth", "x"),
    ("agent.unifi", "/var/lib/unifi/system.properties", "uuid=5c3e8f6a-0000-4000-8000-000000000001\n"),
    ("agent.unifi", "/data/unifi/data/system.properties", "uuid=5c3e8f6a-0000-4000-8000-000000000001\n"),
    (
        "agent.plex",
        "/var/lib/plexmediaserver/Library/Application Support/Plex Media Server/Preferences.xml",
        '<Preferences MachineIdentifier="abc"/>\n',
    ),
    ("agent.matrix", "/etc/matrix-synapse/homeserver.signing.key", "x"),
    ("agent.matrix", "/var/lib/matrix-synapse/one.signing.key", "x"),
    ("agent.meshagent", "/usr/local/mesh_services/meshagent/one.db", "x"),
    ("agent.meshagent", "/usr/local/mesh_services/one/one/one.msh", "x"),
    ("agent.tacticalrmm", "/etc/tacticalagent", "x"),
)
