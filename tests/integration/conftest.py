"""What several of these files share: other people's services, each started when a test first asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import postgres
import pytest
from fake_store import MemoryStore
from moto_server import MotoServer
from nova import Nova
from one_cloud.site import Site
from stores import NOW, MakeStore, empty
from swift import Swift

from bootstrap.collector.store_sqlite import SqliteStore


@pytest.fixture(scope="session")
def nova() -> Iterator[Nova]:
    """A real Nova for all tests of this process."""
    with Nova() as running:
        yield running


@pytest.fixture(scope="module")
def swift(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Swift]:
    """A real Swift for the tests of a file."""
    with Swift(tmp_path_factory.mktemp("swift")) as running:
        yield running


@pytest.fixture(scope="module")
def moto() -> Iterator[MotoServer]:
    """An S3 and EC2 of moto for the tests of a file, empty at their start."""
    with MotoServer() as running:
        yield running


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL for all tests of this process."""
    programs = postgres.binaries()
    if programs is None:
        pytest.skip("no PostgreSQL in /usr/lib/postgresql: apt-get install postgresql")
    with postgres.cluster(programs) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres", "memory"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> MakeStore:
    """Makes stores that share what they keep, as collectors that are started one after another do."""
    if request.param == "sqlite":
        return lambda: SqliteStore(tmp_path / "collector.db", clock=lambda: NOW)
    if request.param == "memory":
        store = MemoryStore(clock=lambda: NOW)
        return lambda: store
    from bootstrap.collector.store_postgres import PostgresStore

    url = request.getfixturevalue("postgres_url")
    asyncio.run(empty(url))
    return lambda: PostgresStore(url, clock=lambda: NOW)


@pytest.fixture
def make_ticking(request: pytest.FixtureRequest, make_store: MakeStore, tmp_path: Path) -> MakeStore:
    """Makes stores whose clock goes. Leases in PostgreSQL go by its own clock in any case."""
    if request.node.callspec.params["make_store"] == "sqlite":
        return lambda: SqliteStore(tmp_path / "ticking.db")
    if request.node.callspec.params["make_store"] == "memory":
        store = MemoryStore()
        return lambda: store
    return make_store


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
