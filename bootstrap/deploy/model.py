"""The facts of a roll-out: what is planned, and what is seen of servers and members. Nothing here acts."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# The keys of a server's metadata. A server without all of them is not ours, whatever its name is.
PREFIX = "initialrunner-"


@dataclass(frozen=True)
class Marks:
    """What a server's metadata say about it.

    pool: DEPLOY_FILE_NAME/TIER, the servers that replace each other; deploy: the roll-out that made it; slot: counts
    from 1 in a tier; attempt: counts from 1 in a slot; revision: of the tier's spec.
    """

    pool: str
    deploy: str
    slot: int
    attempt: int
    revision: str

    def metadata(self) -> dict[str, str]:
        """The marks as a cloud stores them."""
        return {PREFIX + name: str(value) for name, value in vars(self).items()}

    @staticmethod
    def read(metadata: Mapping[str, str]) -> Marks | None:
        """The marks in a server's own metadata, or None: somebody else's server."""
        try:
            texts = {name: metadata[PREFIX + name] for name in Marks.__dataclass_fields__}
            return Marks(texts["pool"], texts["deploy"], int(texts["slot"]), int(texts["attempt"]), texts["revision"])
        except (KeyError, ValueError):
            return None


class ServerState(enum.Enum):
    """The state of a server at its cloud, not of what runs on it."""

    BUILDING = "building"
    ACTIVE = "active"
    ERROR = "error"
    DELETING = "deleting"


@dataclass(frozen=True)
class Server:
    """A server as its own body describes it. id: the cloud's; fault: the cloud's words when it is in ERROR."""

    id: str
    name: str
    state: ServerState
    address: str | None = None
    marks: Marks | None = None
    fault: str | None = None


class MemberState(enum.Enum):
    """The balancer's own word about a member. UNKNOWN: it has no monitor, so nobody knows whether it serves."""

    UP = "up"
    DOWN = "down"
    DRAINING = "draining"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Member:
    """A member of a pool. name: that of its server, given when it was added; sessions: None where nobody counts."""

    id: str
    name: str
    address: str
    port: int
    state: MemberState
    sessions: int | None = None


@dataclass(frozen=True)
class ServerRequest:
    """What a create call asks for. settings: the `server:` map of the deploy file; payload: the rendered one."""

    name: str
    marks: Marks
    settings: Mapping[str, Any]
    payload: Any = field(default=None, repr=False)


@dataclass(frozen=True)
class PoolPlan:
    """A pool of a balancer: the port of its members, and the port that clients connect to (None: no listener)."""

    name: str
    port: int
    listen: int | None = None


@dataclass(frozen=True)
class GatePlan:
    """What a new server has to show. Times are seconds.

    probe: a URL with {address}, {port}, {server}, {revision} and {deploy_id} to fill in, None: only its report counts.
    contains: texts, filled in the same way, all of which its answer has to contain. before_swap: a command.
    """

    probe: str | None = None
    status: int = 200
    contains: tuple[str, ...] = ()
    stable_s: float = 30.0
    deadline_s: float = 900.0
    before_swap: str | None = None


@dataclass(frozen=True)
class OldServer:
    """A server of an earlier deploy, as it was found when the plan was made. pools: names of those it served in."""

    id: str
    name: str
    address: str | None
    deploy: str
    pools: tuple[str, ...] = ()
    revision: str | None = None


@dataclass(frozen=True)
class TierPlan:
    """One tier. pool: the mark of its servers; floor: members that have to be up in each pool, at any time.

    batch: how many slots at a time, None: all. reports: whether the spec reports, so that the gate waits for it.
    old: the servers that this deploy replaces. adopted: servers of an earlier deploy that take the place of new ones,
    so that none is made (`deploy --previous`).
    """

    name: str
    pool: str
    revision: str
    count: int
    floor: int
    settings: Mapping[str, Any]
    pools: tuple[PoolPlan, ...]
    gate: GatePlan
    batch: int | None = None
    drain_s: float = 60.0
    keep_old_s: float = 600.0
    replace_errors: int = 3
    reports: bool = True
    old: tuple[OldServer, ...] = ()
    adopted: tuple[OldServer, ...] = ()

    @property
    def slots(self) -> tuple[int, ...]:
        """The numbers of its servers, from 1."""
        return tuple(range(1, self.count + 1))


@dataclass(frozen=True)
class DeployPlan:
    """One roll-out, decided. name: that of the deploy file; deploy_id: sorts by time."""

    name: str
    deploy_id: str
    tiers: tuple[TierPlan, ...]

    def server_name(self, tier: TierPlan, slot: int, attempt: int) -> str:
        """The name of one server: its own in every deploy and attempt, so that no answer of an earlier one passes."""
        tail = self.deploy_id.rsplit("-", 1)[-1]
        again = f"-{attempt}" if attempt > 1 else ""
        return f"{self.name}-{tier.name}-{slot}-{tail}{again}"
