"""The rules of leases: who may have the right to change a pool, and until when. Pure; the stores keep the leases.

A lease ends by itself. Its number, the fence, grows with each lease that begins in a store, so that a holder that was
paused, and whose pool had another holder meanwhile, is known by its old number.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from bootstrap.collector.refusal import Refusal

MIN_TTL_S, MAX_TTL_S = 1, 3600
# Leases that are held at the same time. Ended ones are removed when there is no room, so the table never grows beyond.
MAX_LEASES = 1000


@dataclass(frozen=True)
class LeaseRequest:
    """A wish for a lease. fence: that of the lease to renew or to end, None for a new one; ttl_s 0 ends it."""

    pool: str
    holder: str
    ttl_s: float
    fence: int | None = None


@dataclass(frozen=True)
class Lease:
    """The right of one holder to change a pool. until: seconds since 1970, by the clock of the store."""

    pool: str
    fence: int
    holder: str
    until: float


@dataclass(frozen=True)
class Ledger:
    """The part of a store that decides about one request.

    present: the last lease of this pool, None where nothing is remembered; others: leases of other pools that have not
    ended; last_fence: the greatest fence that was ever given in this store.
    """

    present: Lease | None
    others: int
    last_fence: int


def settle_lease(request: LeaseRequest, ledger: Ledger, now: float) -> Lease:
    """The lease after a request. Its `until` is `now` where it has ended. Raises Refusal 409 or 429.

    A lease whose time is over, and whose pool nobody has taken since, may still be renewed.
    """
    present = ledger.present
    if request.fence is None:
        if present is not None and present.until > now:
            raise Refusal("held", _held_by(present))
        if ledger.others >= MAX_LEASES:
            raise Refusal("full", f"{ledger.others} leases are held, and no more are kept", retry_after_s=60)
        return Lease(request.pool, ledger.last_fence + 1, request.holder, now + request.ttl_s)
    is_own = present is not None and (present.fence, present.holder) == (request.fence, request.holder)
    if is_own or (request.ttl_s == 0 and present is None):
        return Lease(request.pool, request.fence, request.holder, now + request.ttl_s)
    over = f"lease {request.fence} of pool {request.pool} is not yours, or not any more"
    raise Refusal("lost", over if present is None or present.until <= now else f"{over}: {_held_by(present)}")


def _held_by(lease: Lease) -> str:
    until = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(lease.until))
    return f"pool {lease.pool} is held by {lease.holder} until {until}"
