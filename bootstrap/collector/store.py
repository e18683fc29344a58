"""The interface of a store, and the rules that all stores share.

Only a store waits for a disk. All its decisions are made by `settle`, which is pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bootstrap.collector.ingest import expect, take
from bootstrap.collector.leases import Lease, LeaseRequest
from bootstrap.collector.model import Expected, Report, Run, StoredEvent
from bootstrap.collector.refusal import Refusal
from bootstrap.collector.shelf import Shelf

Key = tuple[str, str]  # (server, deploy_id)
Ref = tuple[str, str]  # (SHA-256 of a runner text, id of a deploy that needs it)
Changed = Callable[[Iterable[Key]], None]
Clock = Callable[[], float]

MAX_BATCH = 512  # writes that share one commit; more would only make the first of them wait longer
MAX_WAITING = 20_000  # writes in the queue; beyond it the collector says 429 instead of growing


class Store(Protocol):
    """Stores runs and events. recheck_s: the time after which a reader looks again even without a call of `changed`.

    shelf: the runner texts and bundles that it keeps.
    """

    recheck_s: float

    @property
    def shelf(self) -> Shelf:
        """See `shelf.Shelf`."""

    async def open(self, changed: Changed) -> None:
        """Connect and bring the schema up to date. changed: called on the loop, after commit, with what has changed.

        Raises CollectorError when the store cannot be used.
        """

    async def close(self) -> None:
        """Finish what is queued and let go of everything."""

    async def take(self, report: Report) -> int:
        """Add a report. Returns the progress of its journal, once that is on disk. Raises Refusal 401, 429, 503."""

    async def expect(self, manifests: tuple[Expected, ...]) -> None:
        """Register announced servers; durable when it returns."""

    async def run(self, server: str, deploy_id: str | None) -> Run | None:
        """One server in a deploy; in its current one (the greatest id) when none is named."""

    async def runs(self, deploy_id: str | None) -> list[Run]:
        """The servers of a deploy, or all servers in their current deploys, by name."""

    async def events(self, server: str, deploy_id: str) -> list[dict[str, Any]]:
        """All events in the order in which they took effect, with journal, received_at and late."""

    async def lease(self, request: LeaseRequest) -> Lease:
        """Take, renew or end a lease; it is on disk when this returns. Raises Refusal 409, 429, 503."""

    async def leases(self) -> list[Lease]:
        """The leases that have not ended, by pool."""


@dataclass(frozen=True)
class Expect:
    """A write: servers announced together."""

    manifests: tuple[Expected, ...]


Write = Report | Expect


@dataclass
class Settled:
    """The result of a batch of writes. outcomes: for each write its acked number, or its refusal."""

    runs: dict[Key, Run] = field(default_factory=dict)
    events: list[tuple[Key, StoredEvent]] = field(default_factory=list)
    outcomes: list[int | Refusal] = field(default_factory=list)


def keys_of(writes: Sequence[Write]) -> set[Key]:
    """Every (server, deploy_id) that these writes may change."""
    keys: set[Key] = set()
    for write in writes:
        keys.update([write.key] if isinstance(write, Report) else [(m.server, m.deploy_id) for m in write.manifests])
    return keys


def refs_of(writes: Sequence[Write]) -> set[Ref]:
    """The runner texts that announced servers need, each with the deploy."""
    expects = (write for write in writes if isinstance(write, Expect))
    return {(sha256, m.deploy_id) for write in expects for m in write.manifests for sha256 in m.runners}


def settle(writes: Sequence[Write], runs: dict[Key, Run], now: float) -> Settled:
    """Apply writes in order. runs: those of `keys_of(writes)` that exist; not changed here."""
    settled = Settled()

    def present(key: Key) -> Run:
        # A write sees the effect of the writes before it in the same batch.
        return settled.runs.get(key) or runs.get(key) or Run(*key)

    for write in writes:
        if isinstance(write, Expect):
            for manifest in write.manifests:
                key = (manifest.server, manifest.deploy_id)
                settled.runs[key] = expect(present(key), manifest, now)
            # Nobody reads this number; it only keeps outcomes and writes in step.
            settled.outcomes.append(0)
            continue
        try:
            effect = take(present(write.key), write, now)
        except Refusal as refusal:
            # One refused report must not undo the others that share its commit.
            settled.outcomes.append(refusal)
            continue
        settled.outcomes.append(effect.acked)
        if effect.changed:
            settled.runs[write.key] = effect.run
            settled.events += [(write.key, event) for event in effect.events]
    return settled
