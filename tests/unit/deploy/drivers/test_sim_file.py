"""A simulated world outlives its process in a file, which is whole at any moment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from servers_contract import marks

from bootstrap.deploy.drivers.sim import SimLease, SimPool, SimServers
from bootstrap.deploy.drivers.sim_file import SimFile
from bootstrap.deploy.faults import Gone
from bootstrap.deploy.model import ServerRequest
from bootstrap.deploy.simulate.nature import Nature
from bootstrap.errors import UsageError


def test_everything_is_there_again(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "world.json"
    first = SimFile(file, 7, Nature(reuse=True))
    server = SimServers(first).create(ServerRequest("shop-web-1-abcd", marks(), {}))
    SimPool(first, "web", 8080).add("shop-web-1-abcd", "10.0.0.2")
    SimLease(first, ["shop.web"], "anna").take()
    with first as world:
        before = (world.clock, world.dice.state, world.machines, world.balancers, world.leases, world.nature)
    with SimFile(file) as world:
        after = (world.clock, world.dice.state, world.machines, world.balancers, world.leases, world.nature)
    assert after == before
    assert SimServers(SimFile(file)).get(server.id).marks == marks()


def test_a_fault_takes_time_too(tmp_path: Path) -> None:
    file = SimFile(tmp_path / "world.json")
    with pytest.raises(Gone):
        SimServers(file).get("s9")
    with file as world:
        assert world.clock > 0


@pytest.mark.parametrize("text", ["", "[]", '{"version": 1}', '{"version": 2}', "ceci n'est pas"])
def test_a_file_that_is_no_world_is_refused_and_stays(tmp_path: Path, text: str) -> None:
    file = tmp_path / "world.json"
    file.write_text(text)
    with pytest.raises(UsageError, match=f"{file} is no simulated cloud"):
        SimServers(SimFile(file)).find("shop/web")
    assert file.read_text() == text


COUNT = """
import sys
from pathlib import Path
from bootstrap.deploy.drivers.sim_file import SimFile
for _ in range(40):
    with SimFile(Path(sys.argv[1])) as world:
        world.made += 1
"""


def test_two_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    file = tmp_path / "world.json"
    processes = [subprocess.Popen([sys.executable, "-c", COUNT, str(file)]) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert json.loads(file.read_text())["made"] == 80
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
