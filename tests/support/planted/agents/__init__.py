"""Leftovers of the tables `agents`, planted: (code, path, content), a module for each table."""

from __future__ import annotations

from planted.agents.builds import BUILDS
from planted.agents.clouds import CLOUDS
from planted.agents.configuration import CONFIGURATION
from planted.agents.containers import CONTAINERS
from planted.agents.databases import DATABASES
from planted.agents.desktops import DESKTOPS
from planted.agents.devices import DEVICES
from planted.agents.domains import DOMAINS
from planted.agents.hashicorp import HASHICORP
from planted.agents.kubernetes import KUBERNETES
from planted.agents.logs import LOGS
from planted.agents.monitoring import MONITORING
from planted.agents.overlays import OVERLAYS
from planted.agents.security import SECURITY
from planted.agents.storage import STORAGE
from planted.agents.subscriptions import SUBSCRIPTIONS

AGENTS = (
    *BUILDS,
    *CLOUDS,
    *CONFIGURATION,
    *CONTAINERS,
    *DATABASES,
    *DESKTOPS,
    *DEVICES,
    *DOMAINS,
    *HASHICORP,
    *KUBERNETES,
    *LOGS,
    *MONITORING,
    *OVERLAYS,
    *SECURITY,
    *STORAGE,
    *SUBSCRIPTIONS,
)
# Told as one: the content is the name of a file in the folder.
FOLDERS = {
    "agent.ssm-state",
    "agent.cloudwatch",
    "agent.codedeploy-state",
    "agent.cfn",
    "agent.azure-monitor",
    "agent.iotedge-state",
    "agent.google-osconfig",
    "agent.google-ops",
    "agent.vmware",
    "agent.puppet-state",
    "agent.chef-cache",
    "agent.docker-swarm",
    "agent.rabbitmq",
    "agent.elasticsearch",
    "agent.cassandra",
    "agent.samba-domain",
    "agent.consul-state",
    "agent.nomad-state",
    "agent.vault-server",
    "agent.boundary",
    "agent.etcd",
    "agent.rancher-server",
    "agent.rancher-state",
    "agent.k0s-server",
    "agent.microk8s",
    "agent.beats-state",
    "agent.elastic-vault",
    "agent.splunk-state",
    "agent.sumologic",
    "agent.icinga-state",
    "agent.sensu-state",
    "agent.datadog-state",
    "agent.newrelic",
    "agent.bigfix",
    "agent.zerotier-networks",
    "agent.wazuh-state",
    "agent.osquery",
    "agent.fleet-state",
    "agent.cortex",
    "agent.teleport-state",
    "agent.gluster-pool",
    "agent.networker",
    "agent.rhsm-state",
    "agent.landscape-messages",
}
