"""The packed runner only shrinks: it is over its budget, which `make size` says, and must not grow further."""

from __future__ import annotations

from pathlib import Path

from bootstrap import load
from bootstrap.payload import gates, pack
from bootstrap.payload.bundle import unpack

# Bytes of text, with every feature and for what examples/hello calls (docs/explanation/size.md).
HOT_CEILING, WHOLE_CEILING, FETCH_CEILING = 19_400, 32_400, 34_700
HELLO_HOT_CEILING, HELLO_WHOLE_CEILING = 17_960, 30_460


def test_the_packed_runner_does_not_grow() -> None:
    without_fetch = frozenset({"fetch"})
    assert pack.hot_bytes(without_fetch) <= HOT_CEILING
    assert len(pack.packed(absent=without_fetch)) <= WHOLE_CEILING
    assert len(pack.packed()) <= FETCH_CEILING


def test_what_hello_calls_does_not_grow(root: Path) -> None:
    plan = unpack(load(root / "examples/hello").plan("hello-1").render().pack("tree").payload.bundle).plan
    absent = gates.absent(plan)
    assert pack.hot_bytes(absent) <= HELLO_HOT_CEILING
    assert len(pack.packed(absent=absent)) <= HELLO_WHOLE_CEILING
