"""The errors that the toolkit raises, their exit codes, and the text of a problem in a file.

Library code raises; only the two `main`s print and exit.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

# Control characters but for line ends and tabs, and the marks that turn the direction of a text.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class ExitCode(enum.IntEnum):
    """The exit codes of `bootstrap`. `--help` and the docs show the meaning of each."""

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
        # Not a comment beside each member, since `--help` and the reference page print it.
        return {
            ExitCode.GOOD: "good",
            ExitCode.BUG: "a bug in this program (run again with --debug for the traceback)",
            ExitCode.USAGE: "wrong use of the command line, or a file that cannot be read",
            ExitCode.SPEC: "the spec, its templates or its values are wrong",
            ExitCode.REFUSED: "refused: the payload, a limit, an image, or a deploy before its first server",
            ExitCode.FAILED: "a stage or a check failed on the host; a deploy was taken back",
            ExitCode.TIMEOUT: "time ran out before the servers were healthy; a deploy was taken back",
            # The deployer's: `bootstrap deploy` lists what is left, and `reap` removes it.
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
    """One mistake in an input.

    code: a stable name for programs (`spec.unit`); message: the mistake, with the value; where: its place; hint: how to
    fix it; severity: error or warning.
    """

    code: str
    message: str
    where: Where | None = None
    hint: str | None = None
    severity: str = "error"

    def __str__(self) -> str:
        return render_problem(self)

    def as_json(self) -> dict[str, object]:
        """Return the problem as `--json` prints it. A problem without a place has null in its keys."""
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


def harmless(text: str) -> str:
    """Return a text that moves no cursor: names of files and words of servers in it may be anybody's."""
    # One for one, so that a caret below stays where it is.
    return _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", text)


def render_problem(problem: Problem) -> str:
    """Return `file:line:col: error[code]: message`, the source line, and a caret with the hint, on three lines."""
    return harmless("\n".join(_lines(problem)))


def _lines(problem: Problem) -> list[str]:
    head = f"{problem.severity}[{problem.code}]: {problem.message}"
    # A problem of the command line has no place in a file.
    if problem.where is None:
        return [head] if problem.hint is None else [head, f"  {problem.hint}"]
    place = problem.where
    lines = [f"{place}: {head}"]
    if place.source:
        # Wide enough for files of 99,999 lines, so that the bars of several problems stand below each other.
        number = f"{place.line:>5}"
        # A tab of the source is repeated below it, so that the caret stands under the value whatever a tab's width is.
        lead = "".join("\t" if c == "\t" else " " for c in place.source[: place.column - 1])
        # The value may go on in the next lines, of which only the first is shown.
        room = max(1, len(place.source) - (place.column - 1))
        caret = "^" * max(1, min(place.width, room))
        hint = f" {problem.hint}" if problem.hint else ""
        lines += [f"{number} | {place.source}", f"{' ' * len(number)} | {lead}{caret}{hint}"]
    elif problem.hint:
        lines.append(f"  {problem.hint}")
    return lines


class BootstrapError(Exception):
    """The root of all errors. message: the mistake, with the value; hint: how to fix it; where: its place in a file."""

    exit_code = ExitCode.BUG
    code = "error"

    def __init__(self, message: str, *, hint: str | None = None, where: Where | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where

    @property
    def problems(self) -> tuple[Problem, ...]:
        """The problems to show: one, or all those of a file."""
        return (Problem(self.code, self.message, self.where, self.hint),)


class UsageError(BootstrapError):
    """The command line is wrong, or names something that cannot be read."""

    exit_code = ExitCode.USAGE
    code = "usage"


class SpecError(BootstrapError):
    """A spec is wrong. Its problems are all that were found, in the order of the file."""

    exit_code = ExitCode.SPEC
    code = "spec"

    def __init__(self, problems: list[Problem] | tuple[Problem, ...]) -> None:
        # For those who print the exception itself; the two mains print the problems.
        super().__init__("; ".join(p.message for p in problems))
        self._problems = tuple(problems)

    @property
    def problems(self) -> tuple[Problem, ...]:
        return self._problems


class RenderError(SpecError):
    """A template, or a value in it, cannot be rendered."""

    code = "render"


class PayloadError(BootstrapError):
    """A payload does not fit, or a host would not trust it. Raised before anything is written."""

    exit_code = ExitCode.REFUSED
    code = "payload"


class HostError(BootstrapError):
    """A stage or a check failed on a host, or a host (or a rehearsal) cannot do what is asked."""

    exit_code = ExitCode.FAILED
    code = "host"


class CollectorError(BootstrapError):
    """The collector cannot be reached, refuses a request, or gives an answer that makes no sense."""

    exit_code = ExitCode.USAGE
    code = "collector"
