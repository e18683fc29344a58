"""Identities of agents: what a product has given one machine, and every clone would share.

Each row names its product and its source: the page of the product's own documents, or the file of its source that names
the path. --clean removes an identity only where the product makes a new one by itself at its next start; for all others
the fix says the command that renews it.
"""

from __future__ import annotations

from bootstrap.image.leftovers.agents.builds import BUILDS
from bootstrap.image.leftovers.agents.clouds import CLOUDS
from bootstrap.image.leftovers.agents.configuration import CONFIGURATION
from bootstrap.image.leftovers.agents.containers import CONTAINERS
from bootstrap.image.leftovers.agents.databases import DATABASES
from bootstrap.image.leftovers.agents.desktops import DESKTOPS
from bootstrap.image.leftovers.agents.devices import DEVICES
from bootstrap.image.leftovers.agents.domains import DOMAINS
from bootstrap.image.leftovers.agents.hashicorp import HASHICORP
from bootstrap.image.leftovers.agents.kubernetes import KUBERNETES
from bootstrap.image.leftovers.agents.logs import LOGS
from bootstrap.image.leftovers.agents.monitoring import MONITORING
from bootstrap.image.leftovers.agents.overlays import OVERLAYS
from bootstrap.image.leftovers.agents.security import SECURITY
from bootstrap.image.leftovers.agents.storage import STORAGE
from bootstrap.image.leftovers.agents.subscriptions import SUBSCRIPTIONS
from bootstrap.image.leftovers.rule import Leftover

# In the order of the reference page.
AGENTS: tuple[Leftover, ...] = (
    *CONTAINERS,
    *KUBERNETES,
    *HASHICORP,
    *CONFIGURATION,
    *MONITORING,
    *LOGS,
    *SECURITY,
    *BUILDS,
    *SUBSCRIPTIONS,
    *CLOUDS,
    *OVERLAYS,
    *DOMAINS,
    *STORAGE,
    *DATABASES,
    *DEVICES,
    *DESKTOPS,
)
