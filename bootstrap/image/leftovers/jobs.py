"""Jobs of the builder, which every clone would run."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import Leftover

# Cron spools, at jobs, persistent stamps of timers, units of users.
JOBS: tuple[Leftover, ...] = ()
