"""A server on its way into the pools."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bootstrap.deploy.model import GatePlan, OldServer, PoolPlan, TierPlan
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
        return ProbeRequest(self._filled(gate.probe, pools), gate.status, tuple(map(self._contains, gate.contains)))

    def _contains(self, text: str) -> str:
        return self._filled(text, ())

    def _filled(self, text: str, pools: tuple[PoolPlan, ...]) -> str:
        """The text with its placeholders filled in. {port} is that of the tier's first pool."""
        places = {
            "address": self.address or "",
            "server": self.name,
            "revision": self.revision,
            "deploy_id": self.deploy,
            "port": str(pools[0].port) if pools else "",
        }
        for name, value in places.items():
            text = text.replace("{" + name + "}", value)
        return text

    @property
    def environment(self) -> dict[str, str]:
        """What the tier's specs and commands are told of it."""
        return {"name": self.name, "address": self.address or ""}


def adopted(old: OldServer, tier: TierPlan, slot: int, clock: float) -> Candidate:
    """A candidate for a server that an earlier deploy has made and that still exists."""
    return Candidate(
        slot, 1, old.name, old.id, old.deploy, old.revision or tier.revision, clock, old.address, is_adopted=True
    )
