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
    """Judges the proof of a reader. Every comparison takes the same time, so that no answer's delay helps to guess."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def bearer(self, authorization: str | None) -> bool:
        """Whether an Authorization header carries the token."""
        kind, _, credentials = (authorization or "").partition(" ")
        return self.token(credentials.strip()) and kind.lower() == "bearer"

    def token(self, text: str) -> bool:
        """Whether this is the token."""
        return hmac.compare_digest(text.encode("utf-8", "replace"), self._token)

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
