"""What the collector needs of a store, and the rules that all stores share.

A store is the only place of the collector that waits for a disk. Everything it decides is `settle`, which is pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bootstrap.collector.ingest import expect, take
from bootstrap.collector.model import Expected, Kept, Report, Run
from bootstrap.collector.refusal import Refusal

Key = tuple[str, str]  # (server, deploy_id)
Changed = Callable[[Iterable[Key]], None]
Clock = Callable[[], float]

MAX_BATCH = 512  # writes that share one commit; more would only make the first of them wait longer
MAX_WAITING = 20_000  # writes in the queue; beyond it the collector says 429 instead of growing


class Store(Protocol):
    """Keeps runs and events. recheck_s: how long a reader may rely on `changed` alone before it looks again."""

    recheck_s: float

    async def open(self, changed: Changed) -> None:
        """Connect and bring the schema up to date. changed: called on the loop, after commit, with what has changed.

        Raises CollectorError when the store cannot be used.
        """

    async def close(self) -> None:
        """Finish what is queued and let go of everything."""

    async def take(self, report: Report) -> int:
        """Add a report; the number up to which its journal is known, once that is on disk. Raises Refusal 429, 503."""

    async def expect(self, manifests: tuple[Expected, ...]) -> None:
        """Register announced servers; durable when it returns."""

    async def run(self, server: str, deploy_id: str | None) -> Run | None:
        """One server in a deploy; in its current one (the greatest id) when none is named."""

    async def runs(self, deploy_id: str | None) -> list[Run]:
        """Every server of a deploy, or every server in its current deploy, by name."""

    async def events(self, server: str, deploy_id: str) -> list[dict[str, Any]]:
        """All events in the order in which they took effect, with journal, received_at and late."""


@dataclass(frozen=True)
class Expect:
    """A write: servers announced together."""

    manifests: tuple[Expected, ...]


Write = Report | Expect


@dataclass
class Settled:
    """What a batch of writes comes to. outcomes: for each write its acked number, or why it was refused."""

    runs: dict[Key, Run] = field(default_factory=dict)
    kept: list[tuple[Key, Kept]] = field(default_factory=list)
    outcomes: list[int | Refusal] = field(default_factory=list)


def keys_of(writes: Sequence[Write]) -> set[Key]:
    """Every (server, deploy_id) that these writes may change."""
    keys: set[Key] = set()
    for write in writes:
        keys.update([write.key] if isinstance(write, Report) else [(m.server, m.deploy_id) for m in write.manifests])
    return keys


def settle(writes: Sequence[Write], known: dict[Key, Run], now: float) -> Settled:
    """Apply writes in order. known: the runs of `keys_of(writes)` that exist; not changed here."""
    settled = Settled()

    def present(key: Key) -> Run:
        return settled.runs.get(key) or known.get(key) or Run(*key)

    for write in writes:
        if isinstance(write, Expect):
            for manifest in write.manifests:
                key = (manifest.server, manifest.deploy_id)
                settled.runs[key] = expect(present(key), manifest, now)
            settled.outcomes.append(0)
            continue
        try:
            taken = take(present(write.key), write, now)
        except Refusal as refusal:
            settled.outcomes.append(refusal)
            continue
        settled.outcomes.append(taken.acked)
        if taken.changed:
            settled.runs[write.key] = taken.run
            settled.kept += [(write.key, kept) for kept in taken.kept]
    return settled
