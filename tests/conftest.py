"""What every test gets: slow tests stop being started when CI's hour runs out."""

from __future__ import annotations

import os
import time

import pytest


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a slow test when the time CI gives them (INITIALRUNNER_SLOW_UNTIL, seconds since 1970) is over."""
    until = os.environ.get("INITIALRUNNER_SLOW_UNTIL")
    if until and item.get_closest_marker("slow") and time.time() > float(until):
        pytest.skip("no time left in this run for another slow test; make test-all runs it")
