"""What a simulated world is made of: servers, members, pools and leases, with the times of their lives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bootstrap.deploy.faults import Broken
from bootstrap.deploy.model import Marks, Server, ServerState
from bootstrap.deploy.simulate.nature import NEVER


@dataclass
class Machine:
    """A server of the world. metadata: its marks; the times are those of its life, NEVER where nothing comes.

    healthy: how its runner ends; says: (server, revision, deploy) that its app answers with; quiet: when it does not;
    keeps: "refused" or "ignored" when it cannot be deleted.
    """

    id: str
    name: str
    metadata: dict[str, str]
    address: str
    made_at: float
    active_at: float
    ends_at: float = NEVER
    answers_at: float = NEVER
    error: str | None = None
    healthy: bool = True
    says: tuple[str, str, str] = ("", "", "")
    quiet: tuple[float, float] = (NEVER, NEVER)
    dies_at: float = NEVER
    keeps: str = ""
    deleted_at: float = NEVER
    gone_at: float = NEVER

    def __post_init__(self) -> None:
        # A list of all servers is asked for at every look, and little has changed since the last one.
        self._marks: tuple[dict[str, str], Marks | None] | None = None
        self._seen: tuple[ServerState, Marks | None, Server] | None = None

    @property
    def marks(self) -> Marks | None:
        """The marks in its metadata, which are replaced as a whole and never changed in place."""
        if self._marks is None or self._marks[0] is not self.metadata:
            self._marks = (self.metadata, Marks.read(self.metadata))
        return self._marks[1]

    def exists(self, clock: float) -> bool:
        """Whether the cloud still knows it."""
        return clock < self.gone_at

    def answers(self, clock: float) -> bool:
        """Whether its app answers."""
        if not self.answers_at <= clock < self.dies_at or clock >= self.deleted_at:
            return False
        return not self.quiet[0] <= clock < self.quiet[1]

    def state(self, clock: float) -> ServerState:
        """Its state at the cloud, which sees nothing of what runs on it."""
        if clock >= self.deleted_at:
            return ServerState.DELETING
        if clock < self.active_at:
            return ServerState.BUILDING
        return ServerState.ERROR if self.error else ServerState.ACTIVE

    def seen(self, clock: float) -> Server:
        """The server as its own body describes it."""
        state, marks = self.state(clock), self.marks
        if self._seen is None or self._seen[0] is not state or self._seen[1] is not marks:
            address = None if state is ServerState.BUILDING or self.error else self.address
            fault = self.error if state is ServerState.ERROR else None
            self._seen = (state, marks, Server(self.id, self.name, state, address, marks, fault))
        return self._seen[2]

    def as_dict(self) -> dict[str, Any]:
        """The machine as plain data."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}


@dataclass
class Seat:
    """A member of a pool of the world. check: for which checks have to pass; busy: for which its sessions go on;
    is_off: it is in maintenance, where nobody checks it.
    """

    id: str
    name: str
    address: str
    added_at: float
    check: float
    busy: float
    load: int
    drained_at: float = NEVER
    is_off: bool = False

    @property
    def serves(self) -> bool:
        """Whether it gets new sessions while its checks pass."""
        return self.drained_at == NEVER and not self.is_off


@dataclass
class Balancer:
    """One pool. monitored: its members are checked."""

    name: str
    port: int
    monitored: bool = True
    seats: dict[str, Seat] = field(default_factory=dict)

    def checked(self) -> Balancer:
        """Itself. Raises Broken when it has no monitor."""
        if not self.monitored:
            raise Broken(f"The pool {self.name} has no health monitor, so nobody knows which members serve.")
        return self


@dataclass
class Hold:
    """A lease in the store of the world."""

    holder: str
    fence: int
    until: float
