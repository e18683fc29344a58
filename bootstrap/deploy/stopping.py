"""How a roll-out ends before its time: the user's wish, a failure of the new servers, a lost lease."""

from __future__ import annotations

from bootstrap.errors import BootstrapError, ExitCode


class Stopped(Exception):
    """The user has asked for the end (Ctrl-C, SIGTERM). It is raised once, at the next boundary between two steps."""


class Left(BaseException):
    """The user has asked a second time: everything is left as it is, and `resume` goes on."""


class Failure(Exception):
    """The new servers did not prove themselves, so that the roll-out turns back.

    text: one sentence; code: FAILED or TIMEOUT; server: the one that failed, where it is one; lines: what it left.
    """

    def __init__(
        self, text: str, code: ExitCode = ExitCode.FAILED, *, server: str | None = None, lines: tuple[str, ...] = ()
    ) -> None:
        super().__init__(text)
        self.text, self.code, self.server, self.lines = text, code, server, lines


class Lost(BootstrapError):
    """Somebody else has the right to change these pools. This program must not touch them any more.

    holder: the other one's words about itself, None where it is not known.
    """

    exit_code = ExitCode.REFUSED
    code = "deploy.lease"

    def __init__(self, message: str, holder: str | None = None, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.holder = holder
