"""A server on its way into the pools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bootstrap.deploy.model import GatePlan, OldServer, PoolPlan, TierPlan
from bootstrap.deploy.placeholders import address_in_url, fill
from bootstrap.deploy.protocols import ProbeRequest


@dataclass
class Candidate:
    """One server that has to prove itself. slot and attempt are those of its marks.

    since: the clock's time when its proving began; passed_since: when its present run of passed probes began, None: the
    last one failed; fault: what is missing still, for people. is_adopted: an earlier deploy made it.
    """

    slot: int
    attempt: int
    name: str
    id: str
    deploy: str
    revision: str
    since: float
    address: str | None = None
    passed_since: float | None = None
    ups: int = 0
    fault: str = "it has not been looked at yet"
    is_adopted: bool = False
    outputs: Mapping[str, str] = field(default_factory=dict)

    def probe(self, gate: GatePlan, pools: tuple[PoolPlan, ...]) -> ProbeRequest | None:
        """The look at this server from outside, or None where the gate has none."""
        if gate.probe is None:
            return None
        address = self.address or ""
        values = {
            "address": address,
            # The rules of a deploy file refuse {port} in a tier without pools.
            "port": pools[0].port if pools else "",
            "server": self.name,
            "revision": self.revision,
            "deploy_id": self.deploy,
        }
        url = fill(gate.probe, {**values, "address": address_in_url(address)})
        return ProbeRequest(url, gate.status, tuple(fill(text, values) for text in gate.contains))

    @property
    def environment(self) -> dict[str, str]:
        """What the tier's specs and commands are told of it."""
        return {"name": self.name, "address": self.address or ""}


def adopted(old: OldServer, tier: TierPlan, slot: int, clock: float) -> Candidate:
    """A candidate for a server that an earlier deploy has made and that still exists."""
    return Candidate(
        slot, 1, old.name, old.id, old.deploy, old.revision or tier.revision, clock, old.address, is_adopted=True
    )
