"""The one shape of every error the collector answers: {"error": {"code", "message"}}."""

from __future__ import annotations

from bootstrap.errors import CollectorError


class Refusal(CollectorError):
    """A request that is not done. status: HTTP; code: a stable word; retry_after_s: when asking again may help."""

    def __init__(self, status: int, code: str, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the answer."""
        return {} if self.retry_after_s is None else {"retry-after": str(self.retry_after_s)}

    @property
    def shape(self) -> dict[str, dict[str, str]]:
        """The body of the answer."""
        return {"error": {"code": self.code, "message": self.message}}


def malformed(message: str) -> Refusal:
    """422: the request can be read and is wrong; message names the place and the value."""
    return Refusal(422, "malformed", message)
