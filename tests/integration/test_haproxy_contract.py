"""The driver of pools on a real HAProxy does what every driver of pools does, whatever its backend is like."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from haproxy_process import BACKENDS, HaproxyBench
from pool_contract import CONTRACT, Behaviour, name_of
from web_servers import WebServers

pytestmark = pytest.mark.integration


@pytest.fixture
def bench(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[HaproxyBench]:
    with WebServers() as servers:
        bench = HaproxyBench(tmp_path, servers, request.param)
        with bench.proxy:
            yield bench


@pytest.mark.parametrize("bench", BACKENDS, indirect=True)
@pytest.mark.parametrize("behaviour", CONTRACT, ids=name_of)
def test_the_pool_does_what_every_pool_does(behaviour: Behaviour, bench: HaproxyBench) -> None:
    behaviour(bench)
