"""A refusal that names every problem at once, so that one look at the terminal is enough to fix a payload."""

from __future__ import annotations

from collections.abc import Sequence

from bootstrap.errors import PayloadError, Problem


class Refused(PayloadError):
    """A payload with problems, all of which it has. Nothing has been written when it is raised."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self._problems = tuple(problems)

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self._problems
