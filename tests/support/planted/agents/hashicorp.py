"""Leftovers of the table `agents.hashicorp`, planted: (code, path, content)."""

from __future__ import annotations

HASHICORP: tuple[tuple[str, str, str | bytes], ...] = (
    ("agent.consul", "/opt/consul/node-id", "x"),
    ("agent.consul", "/etc/consul.d/data/checkpoint-signature", "x"),
    ("agent.consul-keyring", "/opt/consul/serf/one.keyring", "x"),
    ("agent.consul-keyring", "/etc/consul.d/data/serf/one.keyring", "x"),
    ("agent.consul-settings", "/etc/consul.d/one.hcl", 'encrypt = "mmPFwxdj"\n'),
    ("agent.consul-settings", "/etc/consul/one.hcl", 'encrypt = "mmPFwxdj"\n'),
    ("agent.consul-state", "/opt/consul/raft", "one"),
    ("agent.nomad", "/opt/nomad/data/client/client-id", "x"),
    ("agent.nomad", "/srv/nomad/checkpoint-signature", "x"),
    ("agent.nomad-keys", "/opt/nomad/data/server/one.keyring", "x"),
    ("agent.nomad-keys", "/srv/nomad/server/serf/one", "x"),
    ("agent.nomad-state", "/opt/nomad/data/client/state.db", "one"),
    ("agent.vault", "/etc/vault.d/role_id", "x"),
    ("agent.vault", "/var/lib/vault/.vault-token", "x"),
    ("agent.vault-server", "/opt/vault/data", "one"),
    ("agent.boundary", "/opt/boundary/worker", "one"),
)
