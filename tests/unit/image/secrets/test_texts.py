"""Each form of a key and a token is found wherever it stands in a text, and no text keeps a pattern busy."""

from __future__ import annotations

import random

import pytest
from planted.contents import CONTENTS
from planted.texts import hexes, letters

from bootstrap.image.secrets.jwt import JWT
from bootstrap.image.secrets.texts import BY_PATTERN, in_text

TEXTS = [
    (code, content if isinstance(content, bytes) else content.encode())
    for code, _, content in CONTENTS
    if code in {secret.code for secret in BY_PATTERN} and b"\0" not in (content if isinstance(content, bytes) else b"")
]


@pytest.mark.parametrize(("code", "text"), TEXTS, ids=[code for code, _ in TEXTS])
def test_a_secret_is_found_at_the_begin_the_middle_and_the_end_of_a_text(code: str, text: bytes) -> None:
    prose = b"A line of a text.\nAnd another_name_that_is_long 0123.\n" * 50
    for whole in (text, prose + text + prose, prose + text.rstrip(b"\n"), b"x: '" + text):
        assert code in {secret.code for secret in in_text(whole, settings=True)}


@pytest.mark.parametrize(
    "text",
    [
        "ghp_" + "x" * 36,
        "sk-ant-api03-" + "x" * 95,
        "AKIAIOSFODNN7EXAMPLE",
        "hf_" + "a" * 34,
        "associoABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890",
        "https://hooks.slack.com/services/T00000000/B00000000/" + "X" * 24,
        "task-" + letters(60),
        "sha256:" + hexes(64),
        "glpat-" + "0" * 20,
        "-----BEGIN PRIVATE KEY-----",
        "AGE-SECRET-KEY-1",
        "PrivateKey = <your private key>",
    ],
)
def test_placeholders_and_look_alikes_are_none(text: str) -> None:
    assert in_text(f"a {text} b\n".encode(), settings=True) == []


def test_only_a_web_token_that_stays_valid_is_one() -> None:
    """eyJ... of the standard's own example, of an hour, of a year, and without an end."""
    import base64
    import json

    def web_token(**claims: object) -> bytes:
        parts = [json.dumps(part).encode() for part in ({"alg": "HS256"}, claims)]
        return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts) + b"." + letters(43).encode()

    assert JWT.is_in(web_token(iss="a", sub="b"))
    assert JWT.is_in(web_token(iss="a", iat=1_700_000_000, exp=1_731_536_000))
    assert not JWT.is_in(web_token(iss="a", iat=1_700_000_000, exp=1_700_003_600))
    assert not JWT.is_in(web_token(sub="1234567890", name="John Doe", iat=1516239022))
    assert not JWT.is_in(web_token(role="anon", iss="supabase"))
    assert not JWT.is_in(b"eyJhbGciOi.eyJzdWIiOi." + letters(43).encode())


@pytest.mark.timeout(120)
def test_a_text_made_to_keep_a_pattern_busy_does_not() -> None:
    chance = random.Random(14)
    needles = [needle for secret in BY_PATTERN for needle in secret.needles]
    for needle in needles:
        in_text(needle * (400_000 // len(needle)), settings=False)
        in_text((needle + b"a1-_=/+" * 8) * 4000, settings=False)
    for signs in (b"aA1", b"-A ", b"eyJ.", b"\n: a", b"\\nr ", b"0f-@/"):
        for _ in range(5):
            noise = bytes(chance.choice(signs) for _ in range(50_000))
            in_text(chance.choice(needles) + noise + chance.choice(needles) + noise, settings=True)
