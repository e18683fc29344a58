"""The tables of leftovers that `seal` looks for by place: nothing of them may be in an image that is cloned."""

from __future__ import annotations

from bootstrap.image.leftovers.access import ACCESS
from bootstrap.image.leftovers.agents import AGENTS
from bootstrap.image.leftovers.caches import CACHES
from bootstrap.image.leftovers.cloud import CLOUD
from bootstrap.image.leftovers.credentials import CREDENTIALS
from bootstrap.image.leftovers.disks import DISKS
from bootstrap.image.leftovers.identity import IDENTITY
from bootstrap.image.leftovers.jobs import JOBS
from bootstrap.image.leftovers.network import NETWORK
from bootstrap.image.leftovers.ours import OURS
from bootstrap.image.leftovers.rule import Leftover
from bootstrap.image.leftovers.services import SERVICES
from bootstrap.image.leftovers.shared_keys import SHARED_KEYS
from bootstrap.image.leftovers.traces import TRACES

# In the order of the reference page.
LEFTOVERS: tuple[Leftover, ...] = (
    *OURS,
    *ACCESS,
    *JOBS,
    *CREDENTIALS,
    *SERVICES,
    *AGENTS,
    *SHARED_KEYS,
    *IDENTITY,
    *DISKS,
    *NETWORK,
    *CLOUD,
    *TRACES,
    *CACHES,
)
