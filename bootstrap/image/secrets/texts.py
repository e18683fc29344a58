"""Searches a text for secrets in one pass: long runs of letters first, then the patterns whose needles are near one."""

from __future__ import annotations

import re

from bootstrap.image.secrets import assignments
from bootstrap.image.secrets.api_tokens import API_TOKENS
from bootstrap.image.secrets.keys import KEYS
from bootstrap.image.secrets.pattern import Secret
from bootstrap.image.secrets.tokens import CLOUD_TOKENS, FORGE_TOKENS

BY_PATTERN = (*KEYS, *CLOUD_TOKENS, *FORGE_TOKENS, *API_TOKENS)

# Every key and token has 20 of these in a row, and hardly a word or a name does.
_RUN = 20
_LETTERS = bytes(
    ord("a") if chr(byte).isalnum() and byte < 128 or byte in b"_-+/=" else ord(" ") for byte in range(256)
)
_LONG = b"a" * _RUN
# A needle stands at most so far before such a run (`SharedAccessKey=`), or behind it (` vagrant`).
_BEFORE, _BEHIND = 32, 9
_WIDE = [(needle, secret) for secret in BY_PATTERN if secret.wide for needle in secret.needles]
_NEAR = [secret for secret in BY_PATTERN if not secret.wide]
# The longest first: an alternative is taken before one that it begins with.
_NEEDLES = re.compile(
    b"|".join(map(re.escape, sorted({needle for secret in _NEAR for needle in secret.needles}, key=len, reverse=True)))
)


def in_text(text: bytes, *, settings: bool) -> list[Secret]:
    """The kinds of secret that a piece of a text holds. settings: whether it is one of settings, or a script."""
    kinds = [secret for needle, secret in _WIDE if needle in text]
    needles = set(_NEEDLES.findall(_around_runs(text)))
    if needles:
        kinds += [secret for secret in _NEAR if any(own in needle for needle in needles for own in secret.needles)]
    kinds = [secret for secret in dict.fromkeys(kinds) if secret.is_in(text)]
    if settings:
        kinds += [assignments.ASSIGNED] if assignments.assigned(text) else []
        kinds += [assignments.IN_URL] if assignments.in_url(text) else []
    return kinds


def _around_runs(text: bytes) -> bytes:
    """The long runs of letters in a text, each with the bytes beside it."""
    letters = text.translate(_LETTERS)
    pieces = []
    begin = letters.find(_LONG)
    while begin >= 0:
        end = letters.find(b" ", begin + _RUN)
        if end < 0:
            end = len(text)
        pieces.append(text[begin - _BEFORE if begin > _BEFORE else 0 : end + _BEHIND])
        begin = letters.find(_LONG, end)
    return b"\n".join(pieces)
