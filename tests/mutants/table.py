"""All mutants."""

from __future__ import annotations

from mutants import (
    beside,
    carried,
    carriers,
    deploy,
    fetched,
    outside,
    promises,
    rows,
    signatures,
    state,
    verbs,
    watched,
    wire,
)
from mutants.mutant import Mutant

PARTS = (promises, rows, signatures, beside, carried, carriers, state, wire, verbs, outside, watched, deploy, fetched)
MUTANTS: list[Mutant] = [mutant for part in PARTS for mutant in part.MUTANTS]
