"""The closed set of errors of the drivers. A driver maps each error of its cloud to one of them and never retries.

Only the core decides about retries, so that each rule of retrying stands once, and is tested once.
"""

from __future__ import annotations


class Fault(Exception):
    """A call of a driver did not do what was asked. message: the cloud's own words, on one line."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    @property
    def kind(self) -> str:
        """The name in the journal: busy, throttled, quota, denied, gone, exists, unknown, broken."""
        return type(self).__name__.lower()


class Busy(Fault):
    """Nothing was done since something else is at work on the object (409 immutable). A later try may succeed."""


class Throttled(Fault):
    """Nothing was done since there were too many calls. after_s: seconds until the next try; None: not said."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class Quota(Fault):
    """Nothing was done since a limit of the account is reached. It is never retried.

    resource, have, want: what the limit is about, how many of it are left, how many are needed; None: not said.
    """

    def __init__(
        self, message: str, resource: str | None = None, have: int | None = None, want: int | None = None
    ) -> None:
        super().__init__(message)
        self.resource, self.have, self.want = resource, have, want


class Denied(Fault):
    """Nothing was done: the credentials are wrong or have no right, also after one new login."""


class Gone(Fault):
    """The object does not exist (any more)."""


class Exists(Fault):
    """Nothing was done since another object has this name or this address."""


class Unknown(Fault):
    """The answer was lost: the call may have been done. The core reads back before it calls again."""


class Broken(Fault):
    """The object, or the service, is in a state from which no retry helps."""
