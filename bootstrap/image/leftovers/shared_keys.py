"""Keys that an installation makes: fresh packages have them, and all clones of an image share them."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import Leftover

SHARED_KEYS: tuple[Leftover, ...] = ()
