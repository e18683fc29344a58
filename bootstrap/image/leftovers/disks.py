"""Settings by the builder's disks, with which a clone may not start."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import Leftover

DISKS: tuple[Leftover, ...] = ()
