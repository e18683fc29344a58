"""Durations with a unit (`90s`, `15m`, `1h`), as specs, options and the Python API take them."""

from __future__ import annotations

import re

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def seconds(text: str) -> float | None:
    """Return the seconds of a duration; None for a text that is not a number with a unit."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)", text)
    return float(match[1]) * _UNITS[match[2]] if match else None
