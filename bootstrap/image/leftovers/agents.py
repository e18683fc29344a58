"""Identities of agents: what a product has given one machine, and every clone would share."""

from __future__ import annotations

from bootstrap.image.leftovers.rule import Leftover

# One row for each product and kind. source: the page of the product's own documents, or the file of its source, that
# names the path.
AGENTS: tuple[Leftover, ...] = ()
