"""One row of the tables of secrets: a pattern of content, or of names."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from bootstrap.image.finding import Cleaning

# A few matches are judged, not all: a file of a thousand placeholders is a manual.
_MOST_MATCHES = 40
_PLACEHOLDER = re.compile(rb"(?i)example|placeholder|changeme|your[_-]|x{6}|\*{4}|\.{3}|redacted|dummy")


@dataclass(frozen=True)
class Secret:
    """One pattern of content.

    needles: words of which one is in every match. wide: such a word may stand far from a long run of letters, so it is
    looked for in the whole text. is_real: a judge of a match, where the pattern alone does not tell enough.
    """

    code: str
    needles: tuple[bytes, ...]
    pattern: re.Pattern[bytes]
    subject: str
    reason: str = "whoever has a clone has it"
    fix: str = "remove it, and replace it by a new one wherever it is in use"
    wide: bool = False
    is_real: Callable[[bytes], bool] | None = None

    def is_in(self, text: bytes) -> bool:
        """Whether a piece of a text holds one that is no placeholder."""
        judge = self.is_real or _is_no_placeholder
        for number, match in enumerate(self.pattern.finditer(text)):
            if judge(match[0]):
                return True
            if number > _MOST_MATCHES:
                return False
        return False


@dataclass(frozen=True)
class Named:
    """One pattern of names. begins: a pattern that the content must match, if there is one."""

    code: str
    name: re.Pattern[str]
    subject: str
    reason: str
    fix: str
    clean: Cleaning = Cleaning.LISTED
    begins: bytes | None = None


def secret(code: str, subject: str, needles: bytes, pattern: bytes, **texts: str) -> Secret:
    """One row whose matches hold a long run of letters, with the needle in it or close before it."""
    return Secret(code, tuple(needles.split()), re.compile(pattern), subject, **texts)


def token(issuer: str, code: str, needles: bytes, pattern: bytes) -> Secret:
    """The row of a token or key of an issuer."""
    return secret(f"token.{code}", f"a token or key of {issuer}", needles, pattern)


def always(_match: bytes) -> bool:
    """Whether a match is real, where every one is."""
    return True


def _is_no_placeholder(match: bytes) -> bool:
    # The end of a token is random; xxxxxxxx and 00000000 are not.
    return len(set(match[-12:])) > 3 and not _PLACEHOLDER.search(match)
