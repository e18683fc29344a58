"""Leftovers to plant into a clean root, a module for each table of `seal`."""

from __future__ import annotations

from planted.access import ACCESS
from planted.agents import AGENTS
from planted.caches import CACHES
from planted.cloud import CLOUD
from planted.contents import CONTENTS
from planted.credentials import CREDENTIALS
from planted.disks import DISKS
from planted.identity import IDENTITY
from planted.jobs import JOBS
from planted.network import NETWORK
from planted.ours import OURS
from planted.services import SERVICES
from planted.shared_keys import SHARED_KEYS
from planted.traces import TRACES

# code, path, content.
PLANTED = (
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
    *CONTENTS,
)
