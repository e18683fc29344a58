"""Identities of the members of overlay networks, and of tunnels."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import FILLED, LISTED, Leftover, in_home

_MEMBER = "every clone would be that one member of the network"

OVERLAYS = (
    Leftover(
        "agent.tailscale", ("/var/lib/tailscale/tailscaled.state", "/var/lib/tailscale/tailscaled.log.conf",
        "/var/snap/tailscale/common/tailscaled.state", "/var/packages/Tailscale/etc/tailscaled.state",
        "/var/lib/tailscale/certs/*.key", "/var/lib/tailscale/profile-data/*/*"), "the key of a Tailscale node",
        _MEMBER, "tailscale logout, or remove it", LISTED, product="Tailscale",
        source="tailscale/tailscale: cmd/tailscaled/tailscaled.go",
    ),
    Leftover(
        "agent.zerotier", ("/var/lib/zerotier-one/identity.secret", "/var/lib/zerotier-one/identity.public",
        "/var/lib/zerotier-one/authtoken.secret", "/var/lib/zerotier-one/metricstoken.secret"),
        "the identity of a ZeroTier node", _MEMBER, "remove it: zerotier-one makes a new one when it starts", LISTED,
        product="ZeroTier", source="zerotier/ZeroTierOne: README.md",
    ),
    Leftover(
        "agent.zerotier-networks", ("/var/lib/zerotier-one/networks.d", "/var/lib/zerotier-one/peers.d"),
        "networks that a ZeroTier node has joined", "clones would ask to join them", "remove it", LISTED, FILLED,
        product="ZeroTier", source="zerotier/ZeroTierOne: README.md",
    ),
    Leftover(
        "agent.netbird", ("/etc/netbird/config.json", "/var/lib/netbird/*.json", "/etc/wiretrustee/config.json",
        "/var/lib/netbird/*/*.json"), "the key of a NetBird peer", _MEMBER, "netbird deregister, or remove it", LISTED,
        holds=rb'"(?:PrivateKey|SSHKey|PreSharedKey)"\s*:\s*"[^"]', product="NetBird",
        source="netbirdio/netbird: client/cmd/root.go, client/internal/profilemanager/service.go",
    ),
    Leftover(
        "agent.netmaker", ("/etc/netclient/netclient.json", "/etc/netclient/netclient.yml",
        "/etc/netclient/nodes.json", "/etc/netclient/servers.json", "/etc/netclient/config/*", "/etc/netclient/*.key"),
        "the key of a Netmaker client", _MEMBER, "netclient leave, or remove it", LISTED, product="Netmaker",
        source="gravitl/netclient: config/config.go, config/node.go, config/server.go",
    ),
    Leftover(
        "agent.cloudflared", ("/etc/cloudflared/*.json", "/etc/cloudflared/cert.pem",
        "/usr/local/etc/cloudflared/*.json", *in_home(".cloudflared/*.json", ".cloudflared/cert.pem")),
        "the credentials of a Cloudflare tunnel", "every clone would answer for that one tunnel",
        "remove it, and give each clone a tunnel of its own", LISTED, product="cloudflared",
        source="cloudflare/cloudflared: cmd/cloudflared/linux_service.go",
    ),
    Leftover(
        "agent.cloudflared-token", ("/etc/systemd/system/cloudflared.service", "/etc/init.d/cloudflared",
        "/etc/default/cloudflared"), "the token of a Cloudflare tunnel",
        "every clone would answer for that one tunnel", "cloudflared service uninstall", LISTED,
        holds=rb"--token[ =]\S{20}|TUNNEL_TOKEN=\S", product="cloudflared",
        source="cloudflare/cloudflared: cmd/cloudflared/linux_service.go",
    ),
    Leftover(
        "agent.warp", ("/var/lib/cloudflare-warp/reg.json", "/var/lib/cloudflare-warp/conf.json"),
        "the registration of a WARP client", "every clone would be that one device", "warp-cli registration delete",
        LISTED, product="Cloudflare WARP",
        source="https://developers.cloudflare.com/cloudflare-one/team-and-resources/devices/warp/",
    ),
    Leftover(
        "agent.ngrok", (*in_home(".config/ngrok/ngrok.yml", ".ngrok2/ngrok.yml", ".ngrok"), "/etc/ngrok.yml",
        "/etc/ngrok/ngrok.yml", "/opt/ngrok/ngrok.yml"), "the token of an ngrok agent",
        "whoever has a clone could use the account", "take out authtoken", LISTED,
        holds=rb"(?m)^\s*(?:authtoken|auth_token|api_key):[ \t]*\S", product="ngrok",
        source="https://ngrok.com/docs/agent/config/",
    ),
    Leftover(
        "agent.nebula", ("/etc/nebula/host.key", "/etc/nebula/host.crt", "/etc/nebula/*.key",
        "/etc/defined/*/dnclient.*"), "the certificate or key of a Nebula host", _MEMBER,
        "remove it, and sign a certificate for each clone", LISTED, product="Nebula",
        source="slackhq/nebula: examples/config.yml",
    ),
    Leftover(
        "agent.yggdrasil", ("/etc/yggdrasil.conf", "/etc/yggdrasil/yggdrasil.conf",
        "/var/lib/yggdrasil/yggdrasil.conf"), "the key of an Yggdrasil node", _MEMBER,
        "yggdrasil -genconf at each clone's first boot", LISTED,
        holds=rb"(?m)^[ \t]*\"?PrivateKey\"?\s*:\s*\"?[0-9a-f]{64}", product="Yggdrasil",
        source="yggdrasil-network/yggdrasil-go: README.md",
    ),
    Leftover(
        "agent.openziti", ("/opt/openziti/etc/identities/*.json", "/opt/openziti/etc/identities/*.jwt",
        "/etc/openziti/*.json", "/var/lib/ziti/*.json"), "the identity of an OpenZiti endpoint", _MEMBER,
        "remove it, and enrol each clone", LISTED, product="OpenZiti",
        source="https://openziti.io/docs/reference/tunnelers/linux/linux-tunnel-options",
    ),
    Leftover(
        "agent.twingate", ("/etc/twingate/connector.conf", "/etc/twingate/service_key.json", "/etc/twingate/*.key"),
        "the tokens of a Twingate connector", _MEMBER, "remove it, and set up each clone", LISTED,
        holds=rb"(?i)token\S*[=:]\s*\S|private_key|BEGIN", product="Twingate",
        source="https://www.twingate.com/docs/connectors-on-linux",
    ),
    Leftover(
        "agent.hamachi", ("/var/lib/logmein-hamachi/h2-engine.*", "/var/lib/logmein-hamachi/h2-engine"),
        "the identity of a Hamachi client", _MEMBER, "remove it: logmein-hamachi makes a new one when it logs in",
        LISTED, product="LogMeIn Hamachi", source="https://support.logmeininc.com/hamachi (linux: cloned clients)",
    ),
    Leftover(
        "agent.tinc", ("/etc/tinc/*/rsa_key.priv", "/etc/tinc/*/ed25519_key.priv", "/etc/tinc/rsa_key.priv"),
        "the key of a tinc node", _MEMBER, "tincd --generate-keys for each clone", LISTED, product="tinc",
        source="https://www.tinc-vpn.org/documentation/Generating-keypairs.html",
    ),
    Leftover(
        "agent.innernet", ("/etc/innernet/*.conf", "/var/lib/innernet/*.json", "/etc/innernet-server/*.conf"),
        "the key of an innernet peer", _MEMBER, "innernet uninstall", LISTED, holds=rb"private-key|\"endpoint\"",
        product="innernet", source="tonarino/innernet: README.md",
    ),
    Leftover(
        "agent.syncthing", tuple(f"{top}/{name}" for top in ("~/.config/syncthing", "~/.local/state/syncthing",
        "/var/lib/syncthing", "/var/lib/syncthing/.config/syncthing", "/var/syncthing/config") for name in ("cert.pem",
        "key.pem", "https-cert.pem", "https-key.pem")), "the key of a Syncthing device",
        "every clone would be that one device", "remove it: Syncthing makes a new one when it starts", LISTED,
        product="Syncthing", source="syncthing/docs: dev/device-ids.rst, users/config.rst",
    ),
    Leftover(
        "agent.syncthing-settings", ("~/.config/syncthing/config.xml", "~/.local/state/syncthing/config.xml",
        "/var/lib/syncthing/.config/syncthing/config.xml", "/var/lib/syncthing/config.xml"),
        "the API key of Syncthing", "whoever has one clone could use it on all", "take out apikey", LISTED,
        holds=rb"<apikey>[^<]", product="Syncthing", source="syncthing/docs: users/config.rst",
    ),
    Leftover(
        "agent.resilio", ("/var/lib/resilio-sync/*", "~/.sync/settings.dat", "~/.config/resilio-sync/*",
        "~/.sync/*.dat"), "the identity of a Resilio peer", "every clone would be that one peer",
        "remove the storage folder", LISTED, product="Resilio Sync",
        source="https://help.resilio.com/ (Storage folder)",
    ),
    Leftover(
        "agent.ipfs", tuple(f"{top}/{name}" for top in ("~/.ipfs", "/var/lib/ipfs", "/var/lib/ipfs/.ipfs",
        "/data/ipfs", "/var/snap/ipfs/common") for name in ("config", "swarm.key", "keystore/*")),
        "the key of an IPFS peer", "every clone would be that one peer",
        "ipfs key rotate, or ipfs init for each clone", LISTED,
        holds=rb'"PrivKey"\s*:\s*"[^"]|/key/swarm/psk|\A[\0-\x1f]', product="IPFS (Kubo)",
        source="ipfs/kubo: config/identity.go",
    ),
)  # fmt: skip
