"""The URLs of bundles: their ends, their signatures, and the check of what is uploaded."""

from __future__ import annotations

import pytest
from whole_bundles import bundle_of, text_of

from bootstrap.collector.bundles import check_bundle, check_text, end_of, require_signed, url_of
from bootstrap.collector.refusal import Refusal

SECRET, HOUR, NOON = bytes(range(32)), 3600, 1_795_867_200
DIGEST = "ab" * 32


@pytest.mark.parametrize(
    ("now", "expires_s", "end"),
    [
        (NOON, HOUR, NOON + HOUR),
        (NOON + 1, HOUR, NOON + HOUR),
        (NOON + 59.9, HOUR, NOON + HOUR),
        (NOON + 61, HOUR, NOON + 2 * HOUR),
        (NOON - 1, HOUR, NOON + HOUR),
        (NOON + 1800, 24 * HOUR, NOON + 25 * HOUR),
        # The caller has counted to the full hour, and the request took a second.
        (NOON + 1801.3, 24 * HOUR + 1800 - 1, NOON + 25 * HOUR),
        (NOON + 0.3, 60, NOON + 61),
        (NOON, 3599, NOON + 3599),
    ],
)
def test_a_url_of_an_hour_or_more_ends_at_a_full_hour(now: float, expires_s: int, end: int) -> None:
    assert end_of(now, expires_s) == end


@pytest.mark.parametrize("expires_s", [60, 3599, 3600, 86400])
def test_a_url_is_good_as_long_as_was_asked_but_for_a_minute(expires_s: int) -> None:
    moments = range(NOON, NOON + HOUR)
    more_s = [end_of(now, expires_s) - now - expires_s for now in moments]
    assert (min(more_s) >= -60, max(more_s) <= HOUR) == (True, True)


def parts(url: str) -> tuple[str, str, str]:
    """(SHA-256, end, signature) of a URL."""
    path, _, query = url.partition("?")
    expires, signature = (pair.partition("=")[2] for pair in query.split("&"))
    return path.rpartition("/")[2], expires, signature


def test_a_url_is_good_until_its_end_and_at_no_later_moment() -> None:
    url = url_of(SECRET, DIGEST, NOON)
    assert url.startswith(f"/v1/bundles/{DIGEST}?expires={NOON}&signature=") and len(url) == 138
    require_signed(SECRET, *parts(url), NOON - 0.1)
    with pytest.raises(Refusal) as caught:
        require_signed(SECRET, *parts(url), NOON)
    assert (caught.value.status, caught.value.message) == (
        410, "this URL was good until 2026-11-28 12:00 UTC; publish the bundle again",
    )  # fmt: skip


def test_a_signature_is_of_one_secret_digest_and_end() -> None:
    _, expires, signature = parts(url_of(SECRET, DIGEST, NOON))
    for secret, sha256, end in (
        (bytes(32), DIGEST, expires),
        (SECRET, "ac" * 32, expires),
        (SECRET, DIGEST, str(NOON + 1)),
        # The line between digest and end belongs to the signed text.
        (SECRET, DIGEST + "\n" + expires[:1], expires[1:]),
    ):
        with pytest.raises(Refusal) as caught:
            require_signed(secret, sha256, end, signature, NOON - 1)
        assert (caught.value.code, caught.value.message) == ("unsigned", "this URL has no signature of this collector")


def test_uploads_that_are_right_are_taken() -> None:
    check_text(*text_of("one"))
    check_bundle(*bundle_of("one"))
    for check, upload in ((check_text, bundle_of("one")), (check_bundle, text_of("one"))):
        with pytest.raises(Refusal):
            check(*upload)


def test_a_bundle_of_the_toolkit_is_whole() -> None:
    import bootstrap
    from bootstrap.resources import path

    rendering = bootstrap.load(path("examples/hello/hello.yaml")).plan("hello-1").render()
    payload = rendering.pack("user-data").payload
    check_bundle(payload.digest, payload.bundle)
