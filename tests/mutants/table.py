"""All mutants."""

from __future__ import annotations

from mutants import beside, promises, rows, signatures, wire
from mutants.mutant import Mutant

MUTANTS: list[Mutant] = [*promises.MUTANTS, *rows.MUTANTS, *signatures.MUTANTS, *beside.MUTANTS, *wire.MUTANTS]
