"""What the core asks of the world: ten calls of a cloud, and one object for time, probes, reports and commands.

A driver makes one attempt of each call and raises a fault of `faults` when it did not do what was asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from bootstrap.deploy.model import Member, Server, ServerRequest


class Servers(Protocol):
    """The servers of one account."""

    def preflight(self, requests: Sequence[ServerRequest]) -> list[str]:
        """Every reason why these servers cannot be made now: quota, image, flavor, network, size of the payload.

        It changes nothing. A reason is a sentence with the value that is wrong, and what to do.
        """

    def create(self, request: ServerRequest) -> Server:
        """Ask for a server with these marks. It need not be active, nor have an address, when this returns."""

    def find(self, pool: str) -> tuple[Server, ...]:
        """Every server whose own body carries our marks for this pool, of whichever deploy.

        A filter of the cloud may make it faster, but decides nothing: some clouds ignore filters.
        """

    def get(self, server_id: str) -> Server:
        """One server, with the marks of its own body as they are now. Raises Gone."""

    def delete(self, server_id: str) -> None:
        """Ask for its end. Raises Gone where there is none."""

    def console(self, server_id: str) -> str:
        """The last lines of its console; empty where the cloud has none."""


class Pool(Protocol):
    """One pool of a balancer, whose members share a port. The first `add` makes a pool that does not exist.

    `members` raises Gone when the pool does not exist, Broken when it has no monitor.
    """

    name: str

    def members(self) -> tuple[Member, ...]:
        """All members, also those that are not ours."""

    def add(self, name: str, address: str) -> None:
        """Put a server into the pool. A member of this name and address that drains serves again.

        Raises Exists when the address belongs to a member of another name.
        """

    def drain(self, member_id: str) -> None:
        """Give it no new sessions; those that it has go on. Raises Gone."""

    def remove(self, member_id: str) -> None:
        """Take it out, with what sessions it has. A file that the balancer reads is written first. Raises Gone."""


@dataclass(frozen=True)
class ProbeRequest:
    """One look at a server from outside. contains: texts that the answer must contain."""

    url: str
    status: int = 200
    contains: tuple[str, ...] = ()
    timeout_s: float = 3.0


@dataclass(frozen=True)
class Report:
    """The report of one server. state: as in reports, None: not heard of; lines: the reason of a failure.

    outputs: of its stages; addresses: as the host itself reports them.
    """

    state: str | None
    reason: str | None = None
    lines: tuple[str, ...] = ()
    outputs: Mapping[str, str] | None = None
    addresses: tuple[str, ...] = ()


class Outside(Protocol):
    """All else that the core needs of the world. Tests and `simulate` bring one with a clock of their own."""

    def now(self) -> float:
        """Seconds since 1970, for people."""

    def clock(self) -> float:
        """Seconds that only grow, also while the machine sleeps, for deadlines."""

    def pause(self, seconds: float) -> None:
        """Let time pass. Raises Stopped when the user has asked for the end."""

    def probe(self, probes: Sequence[ProbeRequest]) -> list[str | None]:
        """For each: None when it passed, else what was seen instead. They are made at the same time."""

    def reports(self, deploy_id: str, names: Sequence[str]) -> Mapping[str, Report]:
        """The report of each of these servers. Raises Unknown while the collector does not answer."""

    def command(self, line: str, environment: Mapping[str, str], timeout_s: float) -> tuple[int, str]:
        """Run a command of the deploy file. Its exit code and its last lines."""


class Payloads(Protocol):
    """Renders what a server carries."""

    def payload(self, tier: str, server: str, values: Mapping[str, Any]) -> Any:
        """The payload of one server. values: `tiers`, what the earlier tiers are. Raises BootstrapError."""


class Lease(Protocol):
    """The right to change the pools of a deploy, which one deployer has at a time."""

    def take(self) -> None:
        """Get the right, or keep it. Raises Lost with the name of the one who has it."""

    def check(self) -> None:
        """Return if the right is still ours, renewed when it is due. Raises Lost with the holder's name."""

    def release(self) -> None:
        """Give the right back. It is safe to call twice."""
