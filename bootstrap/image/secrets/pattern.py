"""One row of the tables of secrets: a pattern of content, or of names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bootstrap.image.finding import Cleaning

# A few matches are judged, not all: a file of a thousand placeholders is a manual.
_MOST_MATCHES = 40
# The longest that a match with a beginning before its needle goes on behind it.
_SPAN = 8 << 10
_PLACEHOLDER = re.compile(rb"(?i)example|placeholder|changeme|your[_-]|x{6}|\*{4}|\.{3}|redacted|dummy")


@dataclass(frozen=True)
class Secret:
    """One pattern of content.

    needles: words of which one is in every match. back: bytes before its needle in which a match may begin; with 0 it
    begins at its needle. wide: a needle may stand far from a long run of letters, so it is looked for in the whole
    text; short: the same, in settings alone. far: a match is longer than what is looked at
    around such a run. is_real: a judge of a match, where the pattern alone does not tell enough.
    """

    code: str
    needles: tuple[bytes, ...]
    pattern: re.Pattern[bytes]
    subject: str
    reason: str = "whoever has a clone has it"
    fix: str = "remove it, and replace it by a new one wherever it is in use"
    wide: bool = False
    short: bool = False
    far: bool = False
    back: int = 0
    is_real: Callable[[bytes], bool] | None = None

    def is_in(self, text: bytes) -> bool:
        """Whether a piece of a text holds one that is no placeholder."""
        judge = self.is_real or _is_no_placeholder
        for number, match in enumerate(self._matches(text)):
            if judge(match[0]):
                return True
            if number > _MOST_MATCHES:
                return False
        return False

    def _matches(self, text: bytes) -> Iterator[re.Match[bytes]]:
        """The matches at or around each needle: a search from end to end costs a hundred times as much."""
        for needle in self.needles:
            at = text.find(needle)
            while at >= 0:
                begin = max(0, at - self.back)
                match = self.pattern.search(text, begin, at + _SPAN) if self.back else self.pattern.match(text, at)
                if match:
                    yield match
                at = text.find(needle, max(match.end() if match else 0, at + 1))


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


def secret(code: str, subject: str, needles: str, pattern: bytes, back: int = 0, far: bool = False) -> Secret:
    """One row whose matches hold a long run of letters, with the needle in it or close before it."""
    return Secret(code, tuple(needles.encode().split(b"|")), re.compile(pattern), subject, back=back, far=far)


def token(issuer: str, code: str, needles: str, pattern: bytes, back: int = 0, far: bool = False) -> Secret:
    """The row of a token or key of an issuer."""
    return secret(f"token.{code}", f"a token or key of {issuer}", needles, pattern, back, far)


def always(_match: bytes) -> bool:
    """Whether a match is real, where every one is."""
    return True


def _is_no_placeholder(match: bytes) -> bool:
    # The end of a token is random; xxxxxxxx and 00000000 are not.
    return len(set(match[-12:])) > 3 and not _PLACEHOLDER.search(match)
