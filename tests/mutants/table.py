"""All mutants."""

from __future__ import annotations

from mutants import promises, rows, signatures
from mutants.mutant import Mutant

MUTANTS: list[Mutant] = [*promises.MUTANTS, *rows.MUTANTS, *signatures.MUTANTS]
