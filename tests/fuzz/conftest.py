"""The fuzz tests' own limit of time, when they look long."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz_strategies import LONG

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """An hour for each test of a long look."""
    for item in items:
        if LONG and HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(3600))
