"""Uploads to a collector: the URLs that they return, several attempts, and the messages of a refusal."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_mock import MockerFixture
from scripted_collector import Scripted

from bootstrap.client import uploads
from bootstrap.client.collector import Collector, Denied, Unreachable
from bootstrap.client.uploads import put_bundle, put_runner
from bootstrap.errors import CollectorError, UsageError

CONTENT = b"#!/bin/sh\n"
DIGEST = hashlib.sha256(CONTENT).hexdigest()
RUNNER, BUNDLE = f"/v1/runner/{DIGEST}", f"/v1/bundles/{DIGEST}"
STORED = {"url": f"{BUNDLE}?expires=1795867200&signature=ab", "expires": "2026-11-28T12:00:00Z"}


@pytest.fixture
def collector(url: str) -> Iterator[Collector]:
    client = Collector(url, "the-deploy-token")
    yield client
    client._session.close()


def error(status: int, message: str = "no") -> tuple[int, Any]:
    return status, {"error": {"code": "x", "message": message}}


@pytest.mark.parametrize("status", [201, 200])
def test_a_runner_text_is_sent_as_it_is_and_its_url_is_returned(collector: Collector, status: int) -> None:
    Scripted.script = [(status, {"url": RUNNER})]
    assert put_runner(collector, DIGEST, CONTENT) == collector.url + RUNNER
    assert Scripted.asked == [(RUNNER, "Bearer the-deploy-token")]
    assert Scripted.bodies == [CONTENT]


def test_a_bundle_has_the_url_and_the_end_that_the_collector_chose(collector: Collector) -> None:
    Scripted.script = [(201, STORED)]
    assert put_bundle(collector, DIGEST, CONTENT, 7200.9) == (collector.url + STORED["url"], 1_795_867_200)
    assert Scripted.asked[0][0] == f"{BUNDLE}?expires_s=7200"
    assert Scripted.bodies == [CONTENT]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {**STORED, "url": "https://elsewhere.example/x"},
        {**STORED, "url": f"/v1/bundles/{'0' * 64}?expires=1&signature=ab"},
        {**STORED, "url": BUNDLE + "?\u00e9"},
        {**STORED, "expires": "tomorrow"},
        {**STORED, "expires": 1},
    ],
)
def test_an_answer_that_names_no_url_of_this_bundle_is_refused(collector: Collector, answer: Any) -> None:
    Scripted.script = [(201, answer)]
    with pytest.raises(CollectorError):
        put_bundle(collector, DIGEST, CONTENT, 7200)


def test_other_bytes_than_the_digest_names_are_never_sent(collector: Collector) -> None:
    Scripted.script = [(201, STORED)]
    with pytest.raises(UsageError, match=f"the SHA-256 of these 11 bytes is not {DIGEST}"):
        put_runner(collector, DIGEST, CONTENT + b"x")
    assert Scripted.asked == []


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_refusal_that_passes_is_met_with_another_attempt(collector: Collector, status: int) -> None:
    Scripted.script = [error(status), (502, b""), (201, {"url": RUNNER})]
    assert put_runner(collector, DIGEST, CONTENT) == collector.url + RUNNER
    assert Scripted.bodies == [CONTENT] * 3


def test_the_attempts_end(collector: Collector, mocker: MockerFixture) -> None:
    mocker.patch.object(uploads, "PATIENCE_S", 0.3)
    Scripted.script = [error(503)]
    with pytest.raises(Unreachable, match="answers 503: no"):
        put_runner(collector, DIGEST, CONTENT)
    assert len(Scripted.asked) >= 2


def test_a_collector_without_room_is_asked_once(collector: Collector) -> None:
    Scripted.script = [error(507, "all bundles together have no room")]
    with pytest.raises(CollectorError, match="the collector refuses: all bundles together have no room") as caught:
        put_bundle(collector, DIGEST, CONTENT, 7200)
    assert not isinstance(caught.value, Unreachable)
    assert len(Scripted.asked) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_token_without_the_right_is_met_with_the_name_of_the_right_one(collector: Collector, status: int) -> None:
    Scripted.script = [error(status, "this token may read")]
    with pytest.raises(Denied) as caught:
        put_runner(collector, DIGEST, CONTENT)
    assert caught.value.message == "the collector refuses: this token may read"
    assert caught.value.hint == (
        "uploads need the token with the right to deploy: --token-file FILE, BOOTSTRAP_TOKEN_FILE or BOOTSTRAP_TOKEN; "
        "`bootstrap serve --deploy-token-file FILE` makes it"
    )


def test_a_collector_of_an_earlier_release_is_said_to_be_one(collector: Collector) -> None:
    Scripted.script = [error(404)]
    with pytest.raises(CollectorError, match="keeps no runner texts and no bundles") as caught:
        put_bundle(collector, DIGEST, CONTENT, 7200)
    assert caught.value.hint == "upgrade the collector, or publish to another place"
