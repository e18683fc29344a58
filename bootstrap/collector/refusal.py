"""The one shape of every error the collector answers, {"error": {"code", "message"}}, and the table of its codes."""

from __future__ import annotations

from typing import NamedTuple

from bootstrap.errors import CollectorError


class Code(NamedTuple):
    """The HTTP status of an error code, and what the code means for the caller."""

    status: int
    meaning: str


# Callers branch on these words, so a word that has been released is never changed.
CODES = {
    "cut": Code(400, "the connection ended before the whole body had arrived"),
    "unauthorised": Code(401, "the token, or the cookie of a browser, is missing, wrong or expired"),
    "forged": Code(401, "the signature headers are missing or malformed, or another key has signed"),
    "forbidden": Code(403, "the token may read, but has no right to deploy"),
    "unsigned": Code(403, "the URL has no signature of this collector"),
    "not_found": Code(404, "nothing is known of this server or digest, or there is no such path"),
    "method_not_allowed": Code(405, "the path exists, but not with this method"),
    "slow": Code(408, "the body did not arrive in time"),
    "held": Code(409, "another holder has the lease; the message names it and says until when"),
    "lost": Code(409, "the lease to renew or to end is over, or another holder has had it since"),
    "expired": Code(410, "the URL was good until the hour that the message names"),
    "too_large": Code(413, "the body is too large; nothing of it was stored"),
    "wrong_host": Code(421, "the Host header is not a name of this collector (`bootstrap serve --allow-host NAME`)"),
    "malformed": Code(422, "a parameter or the body is wrong; the message names the place and the value"),
    "full": Code(429, "the collector has no room at the moment; try again after `retry-after` seconds"),
    "bug": Code(500, "the collector has a bug; its log has the details"),
    "stopping": Code(503, "the collector is stopping; try again after `retry-after` seconds"),
    "unavailable": Code(503, "the store did not answer; try again after `retry-after` seconds"),
    "no_room": Code(507, "the collector keeps as much of this as it may; only what expires makes room"),
}


class Refusal(CollectorError):
    """A request that is refused. code: a key of CODES; retry_after_s: when asking again may help."""

    def __init__(self, code: str, message: str, *, retry_after_s: int | None = None) -> None:
        super().__init__(message)
        # The status follows from the code, so that no two routes can answer one code differently.
        self.code = code
        self.status = CODES[code].status
        self.retry_after_s = retry_after_s

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the answer."""
        return {} if self.retry_after_s is None else {"retry-after": str(self.retry_after_s)}

    @property
    def shape(self) -> dict[str, dict[str, str]]:
        """The body of the answer."""
        return error_shape(self.code, self.message)


def error_shape(code: str, message: str) -> dict[str, dict[str, str]]:
    """The body of every error."""
    return {"error": {"code": code, "message": message}}


def malformed(message: str) -> Refusal:
    """422: the request can be read and is wrong; message names the place and the value."""
    return Refusal("malformed", message)
