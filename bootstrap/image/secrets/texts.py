"""Searches a text for secrets in one pass: long runs of letters first, then the patterns whose needles are near one."""

from __future__ import annotations

import re
import string

from bootstrap.image.secrets import assignments
from bootstrap.image.secrets.api_tokens import API_TOKENS
from bootstrap.image.secrets.keys import KEYS
from bootstrap.image.secrets.pattern import Secret
from bootstrap.image.secrets.tokens import CLOUD_TOKENS, FORGE_TOKENS

BY_PATTERN = (*KEYS, *CLOUD_TOKENS, *FORGE_TOKENS, *API_TOKENS)

# Every key and token has 20 of these in a row, and hardly a word or a name does.
_RUN = 20
_ALNUM = string.ascii_letters + string.digits
_RUN_LETTERS = bytes(ord("a") if chr(byte) in _ALNUM or byte in b"_-+/=" else ord(" ") for byte in range(256))
_LONG = b"a" * _RUN
# A needle stands at most so far before such a run (`SharedAccessKey=`), or behind it (` vagrant`).
_BEFORE, _BEHIND = 32, 9
_WORDS = bytes(byte if chr(byte) in _ALNUM else ord(" ") for byte in range(256))
# A word of letters and digits that begins with a needle has at least so many.
_LONG_WORD = 14

# A run without a digit is a name or a line.
_NO_DIGITS = bytes(byte for byte in range(256) if byte not in b"0123456789")

_WIDE = [(needle, secret) for secret in BY_PATTERN if secret.wide for needle in secret.needles]
_SHORT = [(needle, secret) for secret in BY_PATTERN if secret.short for needle in secret.needles]
_WIDE_OR_SHORT = [*_WIDE, *_SHORT]
_NEAR = [(needle, secret) for secret in BY_PATTERN if not secret.wide and not secret.short for needle in secret.needles]
# Needles in three groups, so that one look at the words of a text tells of nearly all: a whole word (`ghp` of `ghp_`),
# the beginning of a long word (`AKIA`), and the few that begin with another sign.
_BY_WORD: dict[bytes, list[tuple[bytes, Secret]]] = {}
_BY_BEGIN: dict[bytes, list[tuple[bytes, Secret]]] = {}
_OTHERS: list[tuple[bytes, Secret]] = []
for _needle, _secret in _NEAR:
    _word = re.match(rb"[A-Za-z0-9]*", _needle)[0]  # type: ignore[index]
    if not _word or b"~" in _needle:
        _OTHERS.append((_needle, _secret))
    elif _word == _needle:
        _BY_BEGIN.setdefault(_needle[:2], []).append((_needle, _secret))
    else:
        _BY_WORD.setdefault(_word, []).append((_needle, _secret))
_WHOLE_WORDS = frozenset(_BY_WORD)
_BEGINS = tuple({needle for rows in _BY_BEGIN.values() for needle, _ in rows})


def in_text(text: bytes, *, settings: bool) -> list[Secret]:
    """The kinds of secret that a piece of a text holds. settings: whether it is one of settings, or a script."""
    rows = [row for row in (_WIDE_OR_SHORT if settings else _WIDE) if row[0] in text]
    near = _around_runs(text)
    if near:
        words = near.translate(_WORDS).split()
        rows += [row for word in _WHOLE_WORDS.intersection(words) for row in _BY_WORD[word] if row[0] in near]
        begins = {word[:2] for word in words if len(word) >= _LONG_WORD and word.startswith(_BEGINS)}
        rows += [row for begin in begins for row in _BY_BEGIN[begin] if row[0] in near]
        rows += [row for row in _OTHERS if row[0] in near]
    kinds = [secret for secret in dict.fromkeys(secret for _, secret in rows) if secret.is_in(text)] if rows else []
    if settings:
        kinds += [assignments.ASSIGNED] if assignments.assigned(text) else []
        kinds += [assignments.IN_URL] if assignments.in_url(text) else []
    return kinds


def _around_runs(text: bytes) -> bytes:
    """The long runs of letters in a text, each with the bytes beside it."""
    letters = text.translate(_RUN_LETTERS)
    pieces = []
    begin = letters.find(_LONG)
    while begin >= 0:
        end = letters.find(b" ", begin + _RUN)
        if end < 0:
            end = len(text)
        if text[begin:end].translate(None, _NO_DIGITS):
            pieces.append(text[begin - _BEFORE if begin > _BEFORE else 0 : end + _BEHIND])
        begin = letters.find(_LONG, end)
    return b"\n".join(pieces)
