"""Identities of the agents of devices, of homes, and of computing that people give away."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import LISTED, Leftover

_DEVICE = "every clone would be that one device"

DEVICES = (
    Leftover(
        "agent.mender", ("/var/lib/mender/mender-agent.pem", "/data/mender/mender-agent.pem",
        "/var/lib/mender/mender-store", "/data/mender/mender-store", "/var/lib/mender/mender-store-lock",
        "/etc/mender/mender-agent.pem"), "the key of a Mender device", _DEVICE,
        "remove it: Mender makes a new one when it starts", product="Mender",
        source="mendersoftware/mender-docs: 09.Server-installation/01.Overview/02.Certificates-and-keys/docs.md",
    ),
    Leftover(
        "agent.balena", ("/mnt/boot/config.json", "/boot/config.json", "/resin-boot/config.json",
        "/mnt/state/root-overlay/config.json"), "the key of a balena device", _DEVICE,
        "take out uuid, deviceId and deviceApiKey", LISTED, holds=rb'"(?:deviceApiKey|deviceId|uuid)"\s*:\s*["\d]',
        product="balenaOS",
        source="balena-os/meta-balena: meta-balena-common/recipes-core/os-config/os-config/os-config.json",
    ),
    Leftover(
        "agent.boinc", ("/var/lib/boinc-client/client_state*.xml", "/var/lib/boinc/client_state*.xml",
        "/var/lib/boinc-client/account_*.xml", "/var/lib/boinc/account_*.xml"), "the host id of a BOINC client",
        "a project takes all clones for one host", "boinccmd --project URL detach, and remove it", LISTED,
        product="BOINC",
        source="BOINC/boinc: android/BOINC/app/src/main/java/edu/berkeley/boinc/rpc/HostInfo.kt (host_cpid)",
    ),
    # The daemon makes this password at its first start; whoever has it rules the client.
    Leftover(
        "agent.boinc-password", ("/var/lib/boinc-client/gui_rpc_auth.cfg", "/var/lib/boinc/gui_rpc_auth.cfg",
        "/etc/boinc-client/gui_rpc_auth.cfg"), "the password of a BOINC client",
        "whoever has one clone could rule the client of all", "remove it: the client makes a new one when it starts",
        holds=rb"\S", product="BOINC", source="BOINC/boinc: .github/workflows/linux-package.yml",
    ),
    Leftover(
        "agent.folding", ("/var/lib/fahclient/client.db", "/var/lib/fah-client/client.db", "/etc/fahclient/config.xml",
        "/etc/fah-client/config.xml", "/var/lib/fahclient/configs/*"), "the id or the passkey of a folding client",
        "the server takes all clones for one client", "remove it", LISTED, holds=rb"SQLite|passkey|account-token",
        product="Folding@home", source="FoldingAtHome/fah-client-bastet: README.md",
    ),
    Leftover(
        "agent.openhab", ("/var/lib/openhab/uuid", "/var/lib/openhab2/uuid", "/var/lib/openhab/openhabcloud/secret",
        "/var/lib/openhab2/openhabcloud/secret"), "the id or the secret of an openHAB",
        "openHAB Cloud takes all clones for one home", "remove it: openHAB makes a new one when it starts",
        product="openHAB", source="https://www.openhab.org/addons/integrations/openhabcloud/",
    ),
    Leftover(
        "agent.homeassistant", ("/home/homeassistant/.homeassistant/.storage/core.uuid",
        "/srv/homeassistant/.storage/core.uuid", "/config/.storage/core.uuid", "/var/lib/hass/.storage/core.uuid",
        "/usr/share/hassio/homeassistant/.storage/core.uuid", "/var/lib/hass/.storage/auth",
        "/home/homeassistant/.homeassistant/.storage/auth"), "the id or the logins of a Home Assistant",
        "every clone would be that one home", "remove the folder .storage", LISTED, product="Home Assistant",
        source="home-assistant/core: homeassistant/helpers/instance_id.py",
    ),
    Leftover(
        "agent.unifi", ("/var/lib/unifi/system.properties", "/usr/lib/unifi/data/system.properties",
        "/var/lib/unifi/keystore", "/data/unifi/data/system.properties"), "the UUID or the key of a UniFi controller",
        "every clone would be that one controller", "remove it", LISTED,
        holds=rb"(?m)^uuid=|\A(?:\xfe\xed\xfe\xed|\x30\x82)", product="UniFi Network",
        source="https://help.ui.com/hc/en-us/articles/205202580 (system.properties)",
    ),
    Leftover(
        "agent.plex", ("/var/lib/plexmediaserver/Library/Application Support/Plex Media Server/Preferences.xml",),
        "the id or the token of a Plex server", "every clone would be that one server",
        "take out MachineIdentifier, ProcessedMachineIdentifier and PlexOnlineToken", LISTED,
        holds=rb"MachineIdentifier=\"[^\"]|PlexOnlineToken=\"[^\"]", product="Plex Media Server",
        source="https://support.plex.tv/articles/201105343-advanced-hidden-server-settings/",
    ),
    Leftover(
        "agent.matrix", ("/etc/matrix-synapse/homeserver.signing.key", "/etc/matrix-synapse/*.signing.key",
        "/data/*.signing.key", "/var/lib/matrix-synapse/*.signing.key"), "the signing key of a Matrix server",
        "every clone could speak for that one server", "remove it: the server makes a new one when it starts", LISTED,
        product="Synapse",
        source="matrix-org/synapse: docs/usage/configuration/config_documentation.md (signing_key_path)",
    ),
    Leftover(
        "agent.meshagent", ("/usr/local/mesh_services/meshagent/*.db", "/usr/local/mesh_services/meshagent/*.msh",
        "/opt/meshagent/*.db", "/usr/local/mesh/*.db", "/opt/tacticalmesh/*.db", "/opt/tacticalmesh/*.msh",
        "/usr/local/mesh_services/*/*/*.db", "/usr/local/mesh_services/*/*/*.msh"),
        "the node id of a MeshCentral agent", "MeshCentral takes all clones for one device",
        "remove the .db: the agent makes a new one when it starts", LISTED, product="MeshCentral",
        source="Ylianst/MeshAgent: modules/service-manager.js",
    ),
    Leftover(
        "agent.tacticalrmm", ("/etc/tacticalagent",), "the registration of a Tactical RMM agent",
        "the server takes all clones for one device", "install it on each clone", LISTED, product="Tactical RMM",
        source="amidaware/rmmagent: agent/agent_unix.go",
    ),
)  # fmt: skip
