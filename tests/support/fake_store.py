"""A store in memory, for tests that are about something else. It passes the stores' own tests."""

from __future__ import annotations

import time
from typing import Any

from fake_shelf import MemoryShelf

from bootstrap.collector.leases import Lease, LeaseRequest, Ledger, settle_lease
from bootstrap.collector.model import Expected, Report, Run, StoredEvent, decode, encode
from bootstrap.collector.refusal import Refusal
from bootstrap.collector.store import Changed, Clock, Expect, Key, Write, keys_of, refs_of, settle


class MemoryStore:
    """See `bootstrap.collector.store.Store`."""

    recheck_s = 3600.0

    def __init__(self, clock: Clock = time.time) -> None:
        self._clock = clock
        self._records: dict[Key, str] = {}
        self._events: list[tuple[Key, StoredEvent, float]] = []
        self._changed: Changed = lambda keys: None
        self._leases: dict[str, Lease] = {}
        self._last_fence = 0
        self.shelf = MemoryShelf(lambda: {deploy_id for _, deploy_id in self._records}, clock)

    async def open(self, changed: Changed) -> None:
        self._changed = changed

    async def close(self) -> None:
        pass

    async def take(self, report: Report) -> int:
        return self._write(report)

    async def expect(self, manifests: tuple[Expected, ...]) -> None:
        self._write(Expect(manifests))

    def _write(self, write: Write) -> int:
        now = self._clock()
        runs = {key: decode(self._records[key]) for key in keys_of([write]) if key in self._records}
        settled = settle([write], runs, now)
        self._records |= {key: encode(run) for key, run in settled.runs.items()}
        self._events += [(key, stored, now) for key, stored in settled.events]
        self.shelf.refs |= refs_of([write])
        (outcome,) = settled.outcomes
        if isinstance(outcome, Refusal):
            raise outcome
        if settled.runs:
            self._changed(list(settled.runs))
        return outcome

    async def run(self, server: str, deploy_id: str | None) -> Run | None:
        deploys = [key[1] for key in self._records if key[0] == server and deploy_id in (None, key[1])]
        return decode(self._records[server, max(deploys)]) if deploys else None

    async def runs(self, deploy_id: str | None) -> list[Run]:
        servers = sorted({key[0] for key in self._records})
        runs = [await self.run(server, deploy_id) for server in servers]
        return [run for run in runs if run is not None]

    async def events(self, server: str, deploy_id: str) -> list[dict[str, Any]]:
        return [
            {**stored.event, "journal": stored.journal, "received_at": at, "late": stored.late}
            for key, stored, at in self._events
            if key == (server, deploy_id)
        ]

    async def lease(self, request: LeaseRequest) -> Lease:
        others = sum(lease.pool != request.pool for lease in await self.leases())
        settled = settle_lease(
            request, Ledger(self._leases.get(request.pool), others, self._last_fence), self._clock()
        )
        if request.ttl_s == 0:
            self._leases.pop(request.pool, None)
        else:
            self._leases[request.pool] = settled
            self._last_fence = max(self._last_fence, settled.fence)
        return settled

    async def leases(self) -> list[Lease]:
        now = self._clock()
        return sorted((lease for lease in self._leases.values() if lease.until > now), key=lambda lease: lease.pool)
