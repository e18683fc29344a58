"""The proof of readers: tokens, cookies, and the file of the token."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from bootstrap.collector.tokens import COOKIE_LIFE_S, Readers, read_or_make_token
from bootstrap.errors import UsageError

NOW = 1_000_000.0


def test_a_token_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "token"
    token = read_or_make_token(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(token) >= 43
    assert read_or_make_token(path) == token


@pytest.mark.parametrize("text", ["", "short", "with space in it, and long enough", "é" * 30])
def test_a_malformed_token_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "token"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(UsageError, match="holds no token"):
        read_or_make_token(path)


def test_a_bearer_is_the_token_and_nothing_else() -> None:
    readers = Readers("the-token")
    assert readers.bearer("Bearer the-token") and readers.bearer("bearer  the-token ")
    for wrong in (None, "", "the-token", "Bearer", "Bearer x", "Basic the-token", "Bearer the-tokeñ"):
        assert not readers.bearer(wrong)


def test_the_token_for_deployers_may_read_too_and_no_other_may_deploy() -> None:
    readers = Readers("the-token", "the-other")
    assert readers.bearer("Bearer the-token") and readers.bearer("Bearer the-other")
    assert readers.token("the-token") and readers.token("the-other")
    assert readers.deployer("Bearer the-other") and readers.has_deployers
    for wrong in (None, "", "Bearer", "Bearer the-token", "the-other", "Basic the-other", "Bearer the-othe\u00f1"):
        assert not readers.deployer(wrong)


def test_without_a_token_for_deployers_nobody_may_deploy() -> None:
    readers = Readers("the-token")
    assert not readers.has_deployers
    for wrong in (None, "", "Bearer", "Bearer ", "Bearer None", "Bearer the-token"):
        assert not readers.deployer(wrong)


def test_a_cookie_ends_and_cannot_be_made_longer() -> None:
    readers = Readers("the-token")
    cookie = readers.cookie(NOW)
    assert "the-token" not in cookie
    assert readers.cookie_holds(cookie, NOW) and readers.cookie_holds(cookie, NOW + COOKIE_LIFE_S - 1)
    assert not readers.cookie_holds(cookie, NOW + COOKIE_LIFE_S + 1)
    until, _, signature = cookie.partition(".")
    assert not readers.cookie_holds(f"{int(until) + 1}.{signature}", NOW)
    assert not Readers("another").cookie_holds(cookie, NOW)


@pytest.mark.parametrize("value", [None, "", ".", "x.y", "9999999999.", "²." + "0" * 64, "é.é"])
def test_nonsense_is_no_cookie(value: str | None) -> None:
    assert not Readers("the-token").cookie_holds(value, NOW)
