"""The packed runner only shrinks: it is over its budget, which `make size` says, and must not grow further."""

from __future__ import annotations

from bootstrap.payload import pack

# Bytes of text, with every feature (docs/explanation/size.md); lower these with every diet.
HOT_CEILING, WHOLE_CEILING, FETCH_CEILING = 18_700, 31_700, 34_200


def test_the_packed_runner_does_not_grow() -> None:
    assert pack.hot_bytes() <= HOT_CEILING
    assert len(pack.packed(fetches=False)) <= WHOLE_CEILING
    assert len(pack.packed()) <= FETCH_CEILING
