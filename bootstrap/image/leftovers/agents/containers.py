"""Identities of container engines and of the hosts of virtual machines."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import FILLED, LISTED, Leftover

CONTAINERS = (
    Leftover(
        "agent.docker", ("/var/lib/docker/engine-id", "/var/snap/docker/common/var-lib-docker/engine-id"),
        "the id of a Docker engine", "a swarm, and whatever counts engines, would take all clones for one",
        "remove it: dockerd makes a new one when it starts", product="Docker", source="moby/moby: daemon/id.go",
    ),
    # Before release 23 the id was the fingerprint of this key.
    Leftover(
        "agent.docker-key", ("/etc/docker/key.json",), "the key that is the id of an older Docker engine",
        "a swarm would take all clones for one engine", "remove it: dockerd makes a new one when it starts",
        product="Docker", source="https://github.com/docker/swarm/pull/1472 (the warning of docs/install-manual.md)",
    ),
    Leftover(
        "agent.docker-swarm", ("/var/lib/docker/swarm",), "a membership of a Docker swarm, with its keys",
        "every clone would be that one node", "docker swarm leave --force", LISTED, FILLED, product="Docker",
        source="moby/moby: daemon/cluster/cluster.go",
    ),
    Leftover(
        "agent.containerd", ("/var/lib/containerd/io.containerd.grpc.v1.introspection/uuid",
        "/var/lib/containerd/io.containerd.internal.v1.introspection/uuid"), "the id of a containerd",
        "clients would take all clones for one", "remove it: containerd makes a new one when it starts",
        product="containerd", source="containerd/containerd: plugins/services/introspection/local.go",
    ),
    # Builders set a proxy in a drop-in of the unit: image-builder takes it out again at the end of a build.
    Leftover(
        "agent.portainer", ("/var/lib/docker/volumes/portainer_agent_data/_data/agent_edge_key",
        "/opt/portainer/agent_edge_key"), "the key of a Portainer edge agent",
        "every clone would be that one environment", "remove it, and register each clone", LISTED,
        product="Portainer Agent", source="portainer/agent: README.md",
    ),
    Leftover(
        "agent.lxd", ("/var/lib/lxd/server.key", "/var/lib/lxd/cluster.key", "/var/lib/incus/server.key",
        "/var/lib/incus/cluster.key", "/var/snap/lxd/common/lxd/server.key", "/var/snap/lxd/common/lxd/cluster.key",),
        "the certificate's key of an LXD or Incus server", "every clone would be that one server",
        "remove it with its .crt: the daemon makes a new pair when it starts", LISTED, product="LXD, Incus",
        source="canonical/lxd: doc/authentication.md",
    ),
    Leftover(
        "agent.nova", ("/var/lib/nova/compute_id", "/etc/nova/compute_id"), "the id of a Nova compute node",
        "every clone would be that one hypervisor", "remove it: nova-compute makes a new one when it starts",
        product="OpenStack Nova", source="openstack/nova: doc/source/admin/compute-node-identification.rst",
    ),
    Leftover(
        "agent.vdsm", ("/etc/vdsm/vdsm.id", "/etc/pki/vdsm/keys/*.pem", "/etc/pki/vdsm/certs/vdsmcert.pem"),
        "the id and the certificate of an oVirt host", "every clone would be that one host",
        "remove it, and add each clone to the engine", LISTED, product="oVirt VDSM",
        source="oVirt/vdsm: lib/vdsm/host/__init__.py",
    ),
    Leftover(
        "agent.cloudstack", ("/etc/cloudstack/agent/agent.properties",), "the id of a CloudStack agent",
        "every clone would be that one host", "take out the line guid=", LISTED, holds=rb"(?m)^guid=\S",
        product="Apache CloudStack", source="apache/cloudstack: agent/conf/agent.properties",
    ),
    Leftover(
        "agent.openvswitch", ("/etc/openvswitch/system-id.conf",), "the system id of Open vSwitch",
        "a controller would take all clones for one switch", "remove it: ovs-ctl makes a new one at boot",
        product="Open vSwitch", source="openvswitch/ovs: Documentation/ref/ovs-ctl.8.rst",
    ),
    Leftover(
        "agent.openvswitch-bridges", ("/etc/openvswitch/conf.db", "/var/lib/openvswitch/conf.db"),
        "the bridges and the system id of Open vSwitch", "clones would have the builder's bridges",
        "remove it: ovs-ctl makes an empty one at boot", LISTED, holds=rb'"system-id"|"external_ids"',
        product="Open vSwitch", source="openvswitch/ovs: Documentation/internals/bugs.rst",
    ),
)  # fmt: skip
