"""Leftovers of the table `agents.containers`, planted: (code, path, content)."""

from __future__ import annotations

CONTAINERS: tuple[tuple[str, str, str | bytes], ...] = (
    ("agent.docker", "/var/lib/docker/engine-id", "x"),
    ("agent.docker", "/var/snap/docker/common/var-lib-docker/engine-id", "x"),
    ("agent.docker-key", "/etc/docker/key.json", "x"),
    ("agent.docker-swarm", "/var/lib/docker/swarm", "one"),
    ("agent.containerd", "/var/lib/containerd/io.containerd.grpc.v1.introspection/uuid", "x"),
    ("agent.containerd", "/var/lib/containerd/io.containerd.internal.v1.introspection/uuid", "x"),
    ("agent.portainer", "/var/lib/docker/volumes/portainer_agent_data/_data/agent_edge_key", "x"),
    ("agent.portainer", "/opt/portainer/agent_edge_key", "x"),
    ("agent.lxd", "/var/lib/lxd/server.key", "x"),
    ("agent.lxd", "/var/snap/lxd/common/lxd/cluster.key", "x"),
    ("agent.nova", "/var/lib/nova/compute_id", "x"),
    ("agent.nova", "/etc/nova/compute_id", "x"),
    ("agent.vdsm", "/etc/vdsm/vdsm.id", "x"),
    ("agent.vdsm", "/etc/pki/vdsm/certs/vdsmcert.pem", "x"),
    ("agent.cloudstack", "/etc/cloudstack/agent/agent.properties", "guid=5c3e8f6a-0000-4000-8000-000000000001\n"),
    ("agent.openvswitch", "/etc/openvswitch/system-id.conf", "x"),
    (
        "agent.openvswitch-bridges",
        "/etc/openvswitch/conf.db",
        '{"Open_vSwitch": {"external_ids": ["map", [["system-id", "x"]]]}}\n',
    ),
    (
        "agent.openvswitch-bridges",
        "/var/lib/openvswitch/conf.db",
        '{"Open_vSwitch": {"external_ids": ["map", [["system-id", "x"]]]}}\n',
    ),
)
