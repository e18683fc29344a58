"""Durations with a unit, the same for specs, options and the Python API."""

from __future__ import annotations

import pytest

from bootstrap.cli.options import duration as option
from bootstrap.durations import seconds
from bootstrap.spec.types import duration as key


@pytest.mark.parametrize(
    ("text", "value"), [("300ms", 0.3), ("90s", 90), ("1.5m", 90), ("1h", 3600), ("2d", 172_800), ("0s", 0)]
)
def test_a_number_and_a_unit_are_seconds(text: str, value: float) -> None:
    assert seconds(text) == value == option(text) == key(text)


@pytest.mark.parametrize("text", ["", "90", "s", "1 h", "1H", "-1s", "1w", "1m30s", "٣s", "1s\n"])
def test_anything_else_is_none(text: str) -> None:
    assert seconds(text) is None
