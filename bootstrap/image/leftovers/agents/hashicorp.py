"""Identities of Consul, Nomad, Vault and Boundary."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import FILLED, LISTED, Leftover

# The data folders of the packages, of the tutorials, and of the older ones.
_CONSUL = ("/opt/consul", "/opt/consul/data", "/var/lib/consul", "/var/consul", "/srv/consul", "/etc/consul.d/data")
_NOMAD = ("/opt/nomad/data", "/opt/nomad", "/var/lib/nomad", "/var/nomad", "/srv/nomad")

HASHICORP = (
    Leftover(
        "agent.consul", tuple(f"{top}/{name}" for top in _CONSUL for name in ("node-id", "checkpoint-signature")),
        "the id of a Consul node", "the cluster refuses a second member with the same id",
        "remove it: Consul makes a new one when it starts", product="Consul",
        source="https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file/node",
    ),
    Leftover(
        "agent.consul-keyring", tuple(f"{top}/serf/*.keyring" for top in _CONSUL),
        "the gossip keys of a Consul cluster", "whoever has a clone could read the cluster's gossip",
        "remove it, and give it to each clone", LISTED, product="Consul", source="hashicorp/consul: agent/keyring.go",
    ),
    Leftover(
        "agent.consul-settings", ("/etc/consul.d/*.hcl", "/etc/consul.d/*.json", "/etc/consul/*.json",
        "/etc/consul/*.hcl"), "a node id, or the gossip key of a Consul cluster",
        "clones would share the id, and whoever has one could read the gossip",
        "give it to each clone at its first boot", LISTED,
        holds=rb"(?m)^\s*\"?(?:encrypt|node_id)\"?\s*[:=]\s*\"[^\"]", product="Consul",
        source="https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file/encryption",
    ),
    Leftover(
        "agent.consul-state", tuple(f"{top}/{name}" for top in _CONSUL for name in ("raft", "services", "checks",
        "proxy", "serf/*.snapshot", "acl-tokens.json")), "the state of a Consul agent",
        "every clone would take itself for that one member, and offer its services",
        "remove it, and let each clone join", LISTED, FILLED, product="Consul",
        source="https://developer.hashicorp.com/consul/docs/reference/agent/configuration-file/general",
    ),
    Leftover(
        "agent.nomad", tuple(f"{top}/{name}" for top in _NOMAD for name in ("client/client-id", "client/secret-id",
        "node-id", "server/node-id", "checkpoint-signature")), "the id or the secret of a Nomad node",
        "the servers take all clones for one node", "remove it: Nomad makes a new one when it starts", product="Nomad",
        source="hashicorp/nomad: client/client.go, command/agent/agent.go",
    ),
    Leftover(
        "agent.nomad-keys", tuple(f"{top}/server/{name}" for top in _NOMAD for name in ("*.keyring", "keystore/*",
        "serf/*")), "the keys of a Nomad cluster", "whoever has a clone could read what the cluster encrypts",
        "remove it, and let each server join", LISTED, product="Nomad", source="hashicorp/nomad: nomad/encrypter.go",
    ),
    Leftover(
        "agent.nomad-state", tuple(f"{top}/{name}" for top in _NOMAD for name in ("client/state.db", "server/raft",
        "alloc")), "the state of a Nomad agent", "a clone would go on with the builder's jobs", "remove it", LISTED,
        FILLED, product="Nomad", source="hashicorp/nomad: client/client.go",
    ),
    Leftover(
        "agent.vault", ("/etc/vault.d/role_id", "/etc/vault.d/secret_id", "/etc/vault.d/*role*id",
        "/etc/vault.d/*secret*id", "/etc/vault/role_id", "/etc/vault/secret_id", "/etc/vault-agent*/*role*id",
        "/etc/vault-agent*/*secret*id", "/etc/vault-agent.d/*token*", "/opt/vault/*token*", "/etc/openbao/*role*id",
        "/etc/openbao/*secret*id", "/run/vault/*token*", "/etc/vault.d/*-token", "/etc/vault.d/.vault-token",
        "/var/lib/vault/.vault-token",), "a Vault agent's role, secret or token",
        "every clone could read the builder's secrets", "remove it, and give each clone a secret id of its own",
        LISTED, product="Vault, OpenBao",
        source="https://developer.hashicorp.com/vault/docs/agent-and-proxy/autoauth/methods/approle",
    ),
    Leftover(
        "agent.vault-server", ("/opt/vault/data", "/var/lib/vault/data", "/opt/openbao/data"),
        "the data of a Vault server", "every clone would be that one server", "remove it", LISTED, FILLED,
        product="Vault, OpenBao", source="https://developer.hashicorp.com/vault/docs/configuration/storage/raft",
    ),
    Leftover(
        "agent.boundary", ("/opt/boundary/worker", "/var/lib/boundary", "/etc/boundary.d/worker",
        "/opt/boundary/data"), "a Boundary worker's credentials", "every clone would be that one worker",
        "remove it, and register each clone", LISTED, FILLED, product="Boundary",
        source="https://developer.hashicorp.com/boundary/docs/configuration/worker/pki-worker",
    ),
)  # fmt: skip
