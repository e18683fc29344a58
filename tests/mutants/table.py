"""All mutants."""

from __future__ import annotations

from mutants import beside, promises, rows, signatures, verbs
from mutants.mutant import Mutant

MUTANTS: list[Mutant] = [*promises.MUTANTS, *rows.MUTANTS, *signatures.MUTANTS, *beside.MUTANTS, *verbs.MUTANTS]
