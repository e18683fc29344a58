"""What builders leave in images: a list made from the documents of the products, to try `seal` against.

The list does not follow the tables of `seal`: an item stands here since a product writes it, whether `seal` knows it
or not.
"""

from __future__ import annotations

from builder_leftovers.access import ACCESS
from builder_leftovers.agents import AGENTS
from builder_leftovers.cloud_inits import CLOUD_INIT
from builder_leftovers.clouds import CLOUDS
from builder_leftovers.clusters import CLUSTERS
from builder_leftovers.data_stores import DATA_STORES
from builder_leftovers.disks import DISKS
from builder_leftovers.forges import FORGES
from builder_leftovers.histories import HISTORIES
from builder_leftovers.hosts import HOSTS
from builder_leftovers.item import Item
from builder_leftovers.jobs import JOBS
from builder_leftovers.keys import KEYS
from builder_leftovers.logs import LOGS
from builder_leftovers.monitors import MONITORS
from builder_leftovers.networks import NETWORKS
from builder_leftovers.programs import PROGRAMS
from builder_leftovers.services import SERVICES
from builder_leftovers.settings import SETTINGS
from builder_leftovers.ssh import SSH
from builder_leftovers.tool_caches import CACHES

# In the order of the table in docs/reference/seal.md.
GROUPS: dict[str, tuple[Item, ...]] = {
    "host identity, disks, network": (*HOSTS, *DISKS, *NETWORKS),
    "credentials and keys of people and programs": (*CLOUDS, *CLUSTERS, *FORGES, *DATA_STORES, *PROGRAMS, *KEYS),
    "secrets of services and VPNs": SERVICES,
    "agents": (*AGENTS, *MONITORS),
    "cloud-init": CLOUD_INIT,
    "ssh": SSH,
    "access": ACCESS,
    "jobs": JOBS,
    "traces, caches, logs": (*LOGS, *HISTORIES, *CACHES),
    "builder's settings": SETTINGS,
}
