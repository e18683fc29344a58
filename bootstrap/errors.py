"""Every error the toolkit raises, the exit code each one means, and how a problem in a file is shown.

Library code raises; only the two `main`s print and exit.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class ExitCode(enum.IntEnum):
    """What `bootstrap` exits with. The text after each is shown in `--help` and in the docs."""

    GOOD = 0
    BUG = 1
    USAGE = 2
    SPEC = 3
    REFUSED = 4
    FAILED = 5
    TIMEOUT = 6
    OWED = 7

    @property
    def meaning(self) -> str:
        """One line for people."""
        return {
            ExitCode.GOOD: "good",
            ExitCode.BUG: "a bug in this program (run again with --debug for the traceback)",
            ExitCode.USAGE: "wrong use of the command line, or a file that cannot be read",
            ExitCode.SPEC: "the spec, its templates or its values are wrong",
            ExitCode.REFUSED: "refused: the payload, a limit, or an image",
            ExitCode.FAILED: "a stage or a check failed on the host",
            ExitCode.TIMEOUT: "not reached in time",
            ExitCode.OWED: "cleaned up only in part: something is owed",
        }[self]


@dataclass(frozen=True)
class Where:
    """A place in a text file. line and column count from 1, in characters; width is what the caret underlines."""

    file: str
    line: int
    column: int
    source: str = ""
    width: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Problem:
    """One thing wrong with an input: what (message), where, its stable code (`spec.unit`) and how to mend it."""

    code: str
    message: str
    where: Where | None = None
    hint: str | None = None
    severity: str = "error"

    def __str__(self) -> str:
        return render_problem(self)

    def as_json(self) -> dict[str, object]:
        """The same, for `--json`."""
        place = self.where
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "file": place.file if place else None,
            "line": place.line if place else None,
            "column": place.column if place else None,
            "hint": self.hint,
        }


def render_problem(problem: Problem) -> str:
    """`file:line:col: error[code]: message`, the source line, a caret with the mend. No trailing newline."""
    head = f"{problem.severity}[{problem.code}]: {problem.message}"
    if problem.where is None:
        return head if problem.hint is None else f"{head}\n  {problem.hint}"
    place = problem.where
    lines = [f"{place}: {head}"]
    if place.source:
        number = f"{place.line:>5}"
        # A tab stays a tab under the line it came from, so that the caret stands where the eye looks.
        lead = "".join("\t" if c == "\t" else " " for c in place.source[: place.column - 1])
        room = max(1, len(place.source) - (place.column - 1))
        caret = "^" * max(1, min(place.width, room))
        mend = f" {problem.hint}" if problem.hint else ""
        lines += [f"{number} | {place.source}", f"{' ' * len(number)} | {lead}{caret}{mend}"]
    elif problem.hint:
        lines.append(f"  {problem.hint}")
    return "\n".join(lines)


class BootstrapError(Exception):
    """The root. message: what went wrong and the value; hint: how to mend it; where: the place in a file."""

    exit_code = ExitCode.BUG
    code = "error"

    def __init__(self, message: str, *, hint: str | None = None, where: Where | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What to show: one problem, or all of a file at once."""
        return (Problem(self.code, self.message, self.where, self.hint),)


class UsageError(BootstrapError):
    """The command line is wrong, or names something that cannot be read."""

    exit_code = ExitCode.USAGE
    code = "usage"


class SpecError(BootstrapError):
    """A spec with problems: all of them, in the order of the file."""

    exit_code = ExitCode.SPEC
    code = "spec"

    def __init__(self, problems: list[Problem] | tuple[Problem, ...]) -> None:
        super().__init__("; ".join(p.message for p in problems))
        self._problems = tuple(problems)

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self._problems


class RenderError(SpecError):
    """A template or a value in it that cannot be rendered."""

    code = "render"


class PayloadError(BootstrapError):
    """A payload that does not fit or would not be trusted. Raised before anything is written."""

    exit_code = ExitCode.REFUSED
    code = "payload"


class HostError(BootstrapError):
    """A stage or a check failed on a host, or a host (or a rehearsal) cannot do what is asked."""

    exit_code = ExitCode.FAILED
    code = "host"


class CollectorError(BootstrapError):
    """The collector cannot be reached, refuses us, or answers nonsense."""

    exit_code = ExitCode.USAGE
    code = "collector"


class GateError(BootstrapError):
    """A wait that ended without what it waited for."""

    exit_code = ExitCode.TIMEOUT
    code = "gate"
