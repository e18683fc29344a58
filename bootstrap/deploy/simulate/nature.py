"""The nature of a world: how long things take there, and how often they go wrong by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# A time that never comes. It is a number, so that a world is plain JSON.
NEVER = 1e12

Span = tuple[float, float]  # seconds, from and to

# The ends that a new server can come to, and what each of them means.
FATES = {
    "good": "builds, runs its stages, and its app answers",
    "error": "the cloud cannot build it",
    "stuck": "the cloud builds it for ever",
    "failed": "a stage fails",
    "silent": "its runner never reports",
    "mute": "it reports healthy, and its app never answers",
    "stale": "its app answers with another revision",
    "stranger": "its app answers with another server's name",
    "twin": "it gets the address of another server",
    "quiet": "its app answers, stops for a while, and goes on",
    "dies": "it dies some time after it was healthy",
}


@dataclass(frozen=True)
class Nature:
    """How a world is. Times are seconds; shares are between 0 and 1.

    run: from active to the end of the runner; answer: from there to the first answer of the app; check: for which the
    balancer's checks have to pass before a member is up; fall: after which they have failed; drain: for which sessions
    go on; latency: for one call; lag: for which a list shows what was before. forever: the share of members whose
    sessions never end. reuse: an address that is free again is given to the next server. filters: `find` obeys its
    filter. quota: servers at a time, None: no limit. late, dead: members that are up late, or never. keeps: servers
    whose delete is refused, or accepted and not done.
    """

    build: Span = (0.5, 4.0)
    run: Span = (0.3, 3.0)
    answer: Span = (0.2, 2.0)
    check: Span = (0.5, 2.0)
    fall: float = 1.0
    drain: Span = (0.0, 6.0)
    forever: float = 0.0
    latency: float = 0.1
    lag: float = 0.0
    leave: Span = (0.2, 2.0)
    fates: Mapping[str, float] = field(default_factory=dict)
    reuse: bool = False
    filters: bool = True
    quota: int | None = None
    late: float = 0.0
    dead: float = 0.0
    keeps: float = 0.0

    @property
    def is_kind(self) -> bool:
        """Whether nothing goes wrong by itself."""
        shares = (self.lag, self.forever, self.late, self.dead, self.keeps)
        return not self.fates and not any(shares)
