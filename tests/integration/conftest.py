"""What several of these files share: other people's services, each started when a test first asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from nova import Nova
from one_cloud.site import Site


@pytest.fixture(scope="session")
def nova() -> Iterator[Nova]:
    """A real Nova for all tests of this process."""
    with Nova() as running:
        yield running


@pytest.fixture(scope="session")
def one_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A whole OpenStack for all tests of this process."""
    with Site(tmp_path_factory.mktemp("one-cloud")) as site:
        yield site


@pytest.fixture
def site(one_cloud: Site) -> Iterator[Site]:
    """The same, empty, and the test within its network."""
    with one_cloud.network.entered():
        try:
            yield one_cloud
        finally:
            one_cloud.clear()
