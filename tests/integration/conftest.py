"""What several of these files share: other people's services, each started when a test first asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from nova import Nova


@pytest.fixture(scope="session")
def nova() -> Iterator[Nova]:
    """A real Nova for all tests of this process."""
    with Nova() as running:
        yield running
