"""JSON that strangers send: whatever it is, it is taken or refused, and a refusal names the place."""

from __future__ import annotations

import json
from typing import Any

import pytest
import reports
from hypothesis import given, settings
from hypothesis import strategies as st

from bootstrap.collector.body import MAX_DEPTH, loads, read_expect, read_report
from bootstrap.collector.fields import EVENT_BY_TYPE
from bootstrap.collector.ingest import take
from bootstrap.collector.model import Run
from bootstrap.collector.refusal import Refusal
from bootstrap.collector.state import server_json
from bootstrap.runner.contract import EVENT_TYPES

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.sampled_from(sorted({key.rstrip("!") for fields in EVENT_BY_TYPE.values() for key in fields}))


def read(raw: Any) -> Any:
    return read_report(json.dumps(raw).encode(), "web-1", reports.DEPLOY, reports.JOURNAL, 1)


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(EVENT_TYPES), st.dictionaries(KEYS, JSON | st.sampled_from(["done", "failed", "healthy"])))
def test_an_event_is_refused_or_understood_whatever_it_carries(kind: str, fields: dict[str, Any]) -> None:
    """No value that passes the check may break what reads it later."""
    try:
        report = read(reports.body([{**reports.event(1, kind), **fields}]))
    except Refusal as refusal:
        assert refusal.status == 422
        return
    run = take(Run("web-1", reports.DEPLOY), report, 5000.0).run
    assert json.loads(json.dumps(server_json(run, 6000.0)))["server"] == "web-1"


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(reports.body([]))), JSON)
def test_a_body_is_refused_or_understood_whatever_it_carries(key: str, value: Any) -> None:
    try:
        read({**reports.body(reports.healthy_story("a")), key: value})
    except Refusal as refusal:
        assert (refusal.status, refusal.code) == (422, "malformed")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_json_or_refused(content: bytes) -> None:
    try:
        loads(content)
    except Refusal as refusal:
        assert refusal.status == 422


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def test_depth_is_bounded() -> None:
    loads(nested(MAX_DEPTH))
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(Refusal, match=f"nested deeper than {MAX_DEPTH}"):
            loads(nested(depth))
    # Width is not depth.
    assert len(loads(json.dumps([{"a": [1]}] * 1000).encode())) == 1000


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"9" * 400 + b".5"])
def test_a_number_that_is_infinite_is_refused(number: bytes) -> None:
    """Found by fuzzing: it was answered again as Infinity, which no browser reads."""
    with pytest.raises(Refusal, match=r"the number .* is too large"):
        loads(b'[{"more": %s}]' % number)


@pytest.mark.parametrize("key", ["at", "uptime_s", "took_s", "seq"])
@pytest.mark.parametrize("number", [10**400, -(10**400), 2**53], ids=["large", "small", "past-floats"])
def test_a_number_of_hundreds_of_digits_is_refused(key: str, number: int) -> None:
    """Found by fuzzing: it was a bug of the collector's, with a 500."""
    event = reports.event(1, "stage.ended", stage="a", result="done")
    with pytest.raises(Refusal, match=rf"events\[0\].{key}: -?\d+(\.\.\.)? is not a"):
        read(reports.body([{**event, key: number}]))


def test_half_a_character_becomes_a_mark() -> None:
    r"""JSON can spell a lone surrogate; no page, terminal or database can show one."""
    raw = loads(rb'{"a\ud800": ["x\udfffy", "\ud83d\ude80"]}')
    assert raw == {"a\ufffd": ["x\ufffdy", "\N{ROCKET}"]}


def test_unknown_types_and_keys_are_kept() -> None:
    event = reports.event(1, "brand.new", stage=7, result={})
    assert read({**reports.body([event]), "unknown": 1}).events == (event,)


def test_null_is_as_good_as_absent_where_a_value_is_optional() -> None:
    event = reports.event(1, "health", ok=True, check=None, saw=None)
    raw = {**reports.body([event]), "revision": None, "deadline_s": None}
    assert read(raw).revision is None


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({}, "the body is not a list of manifests"),
        ([1], "manifests[0] is not an object"),
        ([{"server": "a", "deploy_id": "d"}], "manifests[0].deadline_s is missing"),
        ([{"server": "a b", "deploy_id": "d", "deadline_s": 1}], 'manifests[0].server: "a b" is not a name'),
    ],
)
def test_announcements_are_checked(raw: Any, message: str) -> None:
    with pytest.raises(Refusal) as caught:
        read_expect(json.dumps(raw).encode())
    assert caught.value.message.startswith(message)


def test_announcements_come_as_a_list_or_under_a_key() -> None:
    manifests = [{"server": "a", "deploy_id": "d", "deadline_s": 1}]
    assert read_expect(json.dumps(manifests).encode()) == read_expect(json.dumps({"manifests": manifests}).encode())
