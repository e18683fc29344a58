"""The plan is read out of a bundle as the toolkit reads it; what is damaged or too large is said, and nothing else."""

from __future__ import annotations

import bz2
import hashlib
import json
import zlib

import pytest
from handmade import payload, stage, whole_code

from bootstrap.payload.bundle import compose, unpack
from bootstrap.payload.pack import encode
from bootstrap.render.model import RenderedFile
from bootstrap.runner.baked.planned import MOST_UNPACKED, Unplanned, is_torn, plan_in, travels_beside
from bootstrap.runner.form import SEPARATOR
from bootstrap.runner.host import BUNDLE, TRIGGER

FILES = (
    RenderedFile("/etc/rc.local", b"#!/bin/sh\n", 0o755, deliver="inject"),
    RenderedFile("/srv/ä b", bytes(range(256)), deliver="inject"),
    RenderedFile("/srv/inside", b"x"),
)
with whole_code():
    ONE = payload([stage("one", "true")], files=FILES)


def parts_of(bundle: bytes) -> list[str]:
    return bundle.decode().split("\nD='", 1)[1].split("'\n", 1)[0].split(SEPARATOR)


def with_plan(plan: object) -> bytes:
    """A whole bundle with this plan, whatever it is."""
    code, _, files, *rest = parts_of(ONE.bundle)
    text = plan if isinstance(plan, bytes) else json.dumps(plan).encode()
    return compose([code, encode(zlib.compress(text)), files, *rest])


def test_it_reads_what_the_toolkit_reads_signed_or_not() -> None:
    assert plan_in(ONE.bundle) == unpack(ONE.bundle).plan
    signed = payload([stage("one", "true")], files=FILES, sign=lambda _: "QUJD")
    assert plan_in(signed.bundle) == unpack(ONE.bundle).plan


def test_what_is_to_be_injected_travels_beside_and_so_may_the_units() -> None:
    found = travels_beside(ONE.bundle)
    plan = unpack(ONE.bundle).plan
    assert {path: found.pop(path) for path in plan["units"]} == {
        path: (len(text), hashlib.sha256(text.encode()).hexdigest()) for path, text in plan["units"].items()
    }
    assert found == {f.path: (len(f.content), hashlib.sha256(f.content).hexdigest()) for f in FILES[:2]}


@pytest.mark.parametrize("path", [TRIGGER, BUNDLE, f"{BUNDLE}.1", f"{BUNDLE}.9"])
def test_what_the_bundle_writes_itself_does_not(path: str) -> None:
    entry = {"path": path, "size": 1, "sha256": "0" * 64, "deliver": "inject"}
    assert travels_beside(with_plan({"files": [entry]})) == {}


ENTRY = {"path": "/srv/a", "size": 1, "sha256": "0" * 64, "deliver": "inject"}


@pytest.mark.parametrize(
    "plan",
    [
        b"{", b"\xff", b"[" * 100_000, [], {}, {"files": {"a": 1}}, {"files": [], "units": ["a"]},
        {"files": [], "units": {"/srv/a": "\ud800"}},
        *({"files": [{**ENTRY, **wrong}]} for wrong in (
            {"path": "srv/a"}, {"path": "/srv/../a"}, {"path": "//srv/a"}, {"path": "/srv/a/"}, {"path": "/srv/\0"},
            {"path": "/srv/\ud800"}, {"path": 7}, {"size": "1"}, {"size": None}, {"sha256": 7}, {"sha256": "0"},
        )),
    ],
    ids=lambda plan: repr(plan)[:60],
)  # fmt: skip
def test_a_plan_that_is_none_of_ours_is_refused(plan: object) -> None:
    with pytest.raises(Unplanned):
        travels_beside(with_plan(plan))


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("wrong", ["", "~", "!" * 64, "~" * 64, "\x7f" * 16, encode(b"BZh9" + bytes(40))])
def test_a_damaged_part_is_refused(number: int, wrong: str) -> None:
    parts = parts_of(ONE.bundle)
    parts[number] = wrong
    with pytest.raises(Unplanned):
        travels_beside(compose(parts))


def test_what_is_cut_off_is_refused() -> None:
    code, plan, files = parts_of(ONE.bundle)
    with pytest.raises(Unplanned):
        travels_beside(compose([code, plan[: len(plan) // 32 * 16], files]))
    with pytest.raises(Unplanned, match="does not know its form"):
        travels_beside(ONE.bundle[:-1])


def test_neither_plan_nor_code_grows_beyond_its_bound() -> None:
    large = b" " * (MOST_UNPACKED + 1)
    parts = parts_of(ONE.bundle)
    with pytest.raises(Unplanned, match="larger than %d bytes" % MOST_UNPACKED):  # noqa: UP031
        travels_beside(with_plan(b"{}" + large))
    with pytest.raises(Unplanned):
        travels_beside(compose([encode(bz2.compress(large)), *parts[1:]]))


@pytest.mark.parametrize(
    ("there", "torn"),
    [(b"", True), (b"ab", True), (b"ab\0", True), (bytes(3), True), (b"abc\0", False), (b"abcd", False), (b"b", False)],
)
def test_torn_is_the_beginning_with_nothing_or_zeros_behind(there: bytes, torn: bool) -> None:
    assert is_torn(there, b"abc") == torn
