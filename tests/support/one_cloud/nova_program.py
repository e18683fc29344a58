"""The Nova of nova_process.py, whose driver starts a machine for each server, with an address of its own.

    python nova_program.py FOLDER CATALOG PYTHON

CATALOG: JSON of (type, region, URL); PYTHON: for the program of the machines. A build fails with the words that stand
in FOLDER/refuse.json beside a part of the server's name, and takes as long as FOLDER/build_s says.
"""

from __future__ import annotations

import base64
import itertools
import json
import logging
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

# After the environment's own: these folders have a nova.py and a keystone.py.
sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1])]

import nova_process
from machines import Machine
from nova.exception import BuildAbortException
from nova.tests.fixtures.neutron import NeutronFixture
from nova.virt.fake import FakeDriver

FOLDER, CATALOG, PYTHON = Path(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3]
MACHINES: dict[str, Machine] = {}
# Of the network in Nova's fixtures, whose addresses Nova accepts; the first hundred are left to tests.
ADDRESSES = itertools.cycle(f"192.168.1.{number}" for number in range(100, 250))


def settings(name: str, default: Any) -> Any:
    """What a test wrote for this program."""
    path = FOLDER / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else default


def powering_on(spawn: Any) -> Any:
    """The driver's spawn(), which then starts the machine."""

    def powered_on(self: Any, context: Any, instance: Any, *more: Any, **named: Any) -> None:
        for part, words in settings("refuse", {}).items():
            if part in instance.display_name:
                # Others are tried on the next host, and lose their words there.
                raise BuildAbortException(instance_uuid=instance.uuid, reason=words)
        time.sleep(settings("build_s", 0))
        spawn(self, context, instance, *more, **named)
        networks = named.get("network_info") or more[4]
        user_data = FOLDER / f"{instance.uuid}.user-data"
        user_data.write_bytes(base64.b64decode(instance.user_data or ""))
        with (FOLDER / f"{instance.uuid}.console").open("wb") as console:
            MACHINES[instance.uuid] = Machine(networks[0].fixed_ips()[0]["address"], user_data, console, PYTHON)

    return powered_on


def powering_off(destroy: Any) -> Any:
    """The driver's destroy(), after the machine has ended."""

    def powered_off(self: Any, context: Any, instance: Any, *more: Any, **named: Any) -> None:
        if machine := MACHINES.pop(instance.uuid, None):
            machine.power_off()
        destroy(self, context, instance, *more, **named)

    return powered_off


def console(self: Any, context: Any, instance: Any) -> str:
    """The words of the machine's program."""
    return (FOLDER / f"{instance.uuid}.console").read_text()


def addressed(create_port: Any) -> Any:
    """The stand-in for Neutron's create_port(), with an address that no other port has."""

    def created(self: Any, body: Any = None) -> Any:
        answer, address = create_port(self, body), next(ADDRESSES)
        for port in (answer["port"], self._ports[answer["port"]["id"]]):
            port["fixed_ips"] = [{**port["fixed_ips"][0], "ip_address": address}]
        return answer

    return created


class Serve(nova_process.Serve):
    """A Nova with machines."""

    def setUp(self) -> None:
        FakeDriver.spawn = powering_on(FakeDriver.spawn)
        FakeDriver.destroy = powering_off(FakeDriver.destroy)
        FakeDriver.get_console_output = console
        NeutronFixture.create_port = addressed(NeutronFixture.create_port)
        super().setUp()

    def runTest(self) -> None:
        """Serve, and put Nova's own complaints into the log."""
        complaints = logging.StreamHandler()
        complaints.setLevel(logging.ERROR)
        logging.getLogger().addHandler(complaints)
        super().runTest()

    def services(self, nova_url: str) -> Iterable[tuple[str, str, str]]:
        """The catalogue as the test wants it: there, something stands before this Nova."""
        return [(kind, region, url) for kind, region, url in CATALOG]


if __name__ == "__main__":
    nova_process.main(Serve)
