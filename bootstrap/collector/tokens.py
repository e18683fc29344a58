"""The proof that readers bring: the token of the token file or, in a browser, a cookie made from it."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from pathlib import Path

from bootstrap.errors import UsageError
from bootstrap.secret import read_private, write_private

COOKIE = "initialrunner"
COOKIE_LIFE_S = 12 * 3600
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{20,200}", re.ASCII)


def _parts(authorization: str | None) -> tuple[str, str]:
    """The kind of an Authorization header, in small letters, and its credentials."""
    kind, _, credentials = (authorization or "").partition(" ")
    return kind.lower(), credentials.strip()


def read_or_make_token(path: Path) -> str:
    """The token of a file that only its owner may read; made with mode 0600 where there is none. Raises UsageError."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32) + "\n")
    token = read_private(path, "the token file")
    if _TOKEN.fullmatch(token) is None:
        raise UsageError(
            f"the token file {path} holds no token (20 to 200 letters, digits, - or _)",
            hint="remove the file; `bootstrap serve` then makes a new one",
        )
    return token


class Readers:
    """Judges the proof of a reader. Every comparison takes the same time, so that no answer's delay helps to guess.

    token: for reading; deploy_token: for reading and for leases, None: nobody has the right to deploy.
    """

    def __init__(self, token: str, deploy_token: str | None = None) -> None:
        self._token = token.encode()
        self._deploy_token = None if deploy_token is None else deploy_token.encode()

    @property
    def has_deployers(self) -> bool:
        """Whether any token has the right to deploy."""
        return self._deploy_token is not None

    def bearer(self, authorization: str | None) -> bool:
        """Whether an Authorization header carries one of the tokens."""
        kind, credentials = _parts(authorization)
        return self.token(credentials) and kind == "bearer"

    def deployer(self, authorization: str | None) -> bool:
        """Whether an Authorization header carries the token with the right to deploy."""
        kind, credentials = _parts(authorization)
        return self._is(credentials, self._deploy_token) and kind == "bearer"

    def token(self, text: str) -> bool:
        """Whether this is one of the tokens."""
        # Both are compared in any case: `or` would tell by its time which of them was nearly met.
        return self._is(text, self._token) | self._is(text, self._deploy_token)

    @staticmethod
    def _is(text: str, token: bytes | None) -> bool:
        return token is not None and hmac.compare_digest(text.encode("utf-8", "replace"), token)

    def cookie(self, now: float) -> str:
        """The value of a new cookie. It does not reveal the token, expires, and any replica can judge it."""
        until = str(int(now) + COOKIE_LIFE_S)
        return f"{until}.{self._sign(until)}"

    def cookie_holds(self, value: str | None, now: float) -> bool:
        """Whether a cookie was made here and has not expired."""
        until, _, mark = (value or "").partition(".")
        # The signature first: a number is read only from text that this collector has written.
        genuine = hmac.compare_digest(mark.encode("utf-8", "replace"), self._sign(until).encode())
        # isdigit() also accepts digits of other scripts, which int() would read.
        return genuine and until.isascii() and until.isdigit() and int(until) > now

    def _sign(self, until: str) -> str:
        return hmac.new(
            self._token, f"initialrunner/login\n{until}".encode("utf-8", "replace"), hashlib.sha256
        ).hexdigest()
