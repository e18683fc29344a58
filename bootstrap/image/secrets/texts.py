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

# A run without a digit is a name or a line.
_NO_DIGITS = bytes(byte for byte in range(256) if byte not in b"0123456789")

_WIDE = [(needle, secret) for secret in BY_PATTERN if secret.wide for needle in secret.needles]
_SHORT = [(needle, secret) for secret in BY_PATTERN if secret.short for needle in secret.needles]
_WIDE_OR_SHORT = [*_WIDE, *_SHORT]
_NEAR = [(needle, secret) for secret in BY_PATTERN if not secret.wide and not secret.short for needle in secret.needles]
# The words of a text tell of a needle at less cost than a search for each: by a whole word, as `ghp` of `ghp_`, or by
# the first two letters of one that goes on, as those of AKIA.
_BY_WORD: dict[bytes, list[tuple[bytes, Secret]]] = {}
_BY_BEGIN: dict[bytes, list[tuple[bytes, Secret]]] = {}
_OTHERS: list[tuple[bytes, Secret]] = []
for _row in _NEAR:
    _word = re.search(rb"[A-Za-z0-9]+", _row[0])
    # Before this sign of Azure's keys stands no whole word.
    if _word is None or _row[0] == b"Q~":
        _OTHERS.append(_row)
    elif _word.end() < len(_row[0]):
        _BY_WORD.setdefault(_word[0], []).append(_row)
    else:
        _BY_BEGIN.setdefault(_word[0][:2], []).append(_row)
_WHOLE_WORDS, _BEGINS = frozenset(_BY_WORD), frozenset(_BY_BEGIN)


def in_text(text: bytes, *, settings: bool) -> list[Secret]:
    """The kinds of secret that a piece of a text holds. settings: whether it is one of settings, or a script."""
    rows = [row for row in (_WIDE_OR_SHORT if settings else _WIDE) if row[0] in text]
    near = _around_runs(text)
    if near:
        words = near.translate(_WORDS).split()
        rows += [row for word in _WHOLE_WORDS.intersection(words) for row in _BY_WORD[word] if row[0] in near]
        begins = _BEGINS.intersection([word[:2] for word in words])
        rows += [row for begin in begins for row in _BY_BEGIN[begin] if row[0] in near]
        rows += [row for row in _OTHERS if row[0] in near]
    # What is around the runs is a small part of a text, and holds most matches whole.
    kinds = [
        secret
        for secret in dict.fromkeys(secret for _, secret in rows)
        if (secret.wide or secret.short or secret.far or secret.is_in(near)) and secret.is_in(text)
    ]
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
