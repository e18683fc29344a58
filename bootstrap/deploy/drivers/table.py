"""The table of drivers: what each is called, which module has it, and what it needs of the machine that deploys.

A new driver is a row here, its settings in `bootstrap/spec/deploy_drivers.py`, and a module with the functions of
`Module` for its kind. The table imports none of them, so that only the SDK of the driver in use is needed.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, cast

from bootstrap.deploy.model import PoolPlan
from bootstrap.deploy.protocols import Pool, Servers
from bootstrap.errors import UsageError

SERVERS, POOL = "servers", "pool"


class Module(Protocol):
    """The functions of a driver's module; one that has no pools needs no `pool`, and the reverse.

    settings: the driver's map of the deploy file, checked; times as seconds, paths absolute. Both raise UsageError when
    the machine lacks what the driver needs.
    """

    def servers(self, settings: Mapping[str, Any]) -> Servers:
        """The servers of an account."""

    def pool(self, settings: Mapping[str, Any], plan: PoolPlan) -> Pool:
        """One pool of a balancer, which need not exist yet."""


class Driver(NamedTuple):
    """One driver. kind: servers or pool; module: of this folder; needs: of the machine that deploys, for people.

    must_have_settings: whether it cannot do without its map in the deploy file.
    """

    name: str
    kind: str
    module: str
    needs: str
    must_have_settings: bool = False

    def code(self) -> Module:
        """Import the module on first use. Raises UsageError when a library of it is missing."""
        try:
            return cast(Module, importlib.import_module(f"bootstrap.deploy.drivers.{self.module}"))
        except ModuleNotFoundError as error:
            # A module of ours that is missing is a bug, and no advice to install something would help.
            if (error.name or "").split(".")[0] == "bootstrap":
                raise
            raise UsageError(
                f"the driver {self.name} needs {error.name}, which is not installed", hint=f"it needs {self.needs}"
            ) from error


_OPENSTACK = "openstacksdk (pip install 'initialrunner[openstack]'), and a cloud in clouds.yaml or OS_* variables"
DRIVERS = (
    Driver("openstack", SERVERS, "openstack", _OPENSTACK),
    Driver("octavia", POOL, "octavia", _OPENSTACK),
    Driver("local", SERVERS, "local", "root, Linux, and systemd-nspawn (Debian: systemd-container)", True),
    Driver("haproxy", POOL, "haproxy", "HAProxy on this machine, and the rights to its socket and its file", True),
    Driver("sim", SERVERS, "sim", "nothing"),
    Driver("sim", POOL, "sim", "nothing"),
)


def find(name: str, kind: str) -> Driver:
    """The row of a driver. Raises KeyError: the models of the deploy file let no other name pass."""
    return {(driver.name, driver.kind): driver for driver in DRIVERS}[name, kind]
