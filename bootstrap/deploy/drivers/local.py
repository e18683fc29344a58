"""Driver `local`: servers are systemd-nspawn containers of this machine, each with an address of its own on a bridge.

It needs root, and a Debian root that has systemd and python3. A server lives until it is deleted or this machine ends.
Its id is its name; its folder is its body, so that the folder alone says what exists.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bootstrap.deploy.drivers import local_preflight, local_settings
from bootstrap.deploy.drivers.local_commands import mapped
from bootstrap.deploy.drivers.local_machine import Machine
from bootstrap.deploy.drivers.local_settings import Settings
from bootstrap.deploy.drivers.local_store import Body, Store
from bootstrap.deploy.faults import Broken, Exists, Fault, Gone
from bootstrap.deploy.model import Server, ServerRequest, ServerState

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")  # of a host, and of a machine for systemd
_CUT_SHORT = "the making of it was cut short, so that it was never powered on"


def servers(settings: Mapping[str, Any]) -> LocalServers:
    """Make the driver. settings: `cloud.local` of the deploy file. Raises UsageError with every problem of them."""
    return LocalServers(local_settings.read(settings))


class LocalServers:
    """The servers of this machine."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = Store(settings)

    def preflight(self, requests: Sequence[ServerRequest]) -> list[str]:
        """Every reason why these servers cannot be made on this machine now."""
        with mapped():
            return local_preflight.problems(self.settings, self.store, requests)

    def create(self, request: ServerRequest) -> Server:
        """Make the server and power it on: about a tenth of a second."""
        root = self.settings.root_of(request.settings)
        wrong = [*local_preflight.server_problems(request), *local_preflight.root_problems(root)]
        if not _NAME.fullmatch(request.name):
            wrong.append(f"{request.name!r} is no name of a host: use small letters, digits and hyphens, at most 64")
        if wrong:
            raise Broken("; ".join(wrong))
        if Path("/run/netns", request.name).exists() and request.name not in self.store.names():
            raise Exists(f"there is a network namespace {request.name!r} of somebody else")
        with mapped(), self.store.new(request.name, request.marks.metadata(), root) as body:
            machine = self._machine(body)
            try:
                machine.plug()
                machine.mount()
                machine.put(local_preflight.payload_files(request))
                machine.power_on()
            except (Fault, OSError):
                machine.take_down()
                self.store.discard(body)
                raise
        return self.get(request.name)

    def find(self, pool: str) -> tuple[Server, ...]:
        """Every server with our marks for this pool."""
        with mapped():
            bodies = [body for body in self.store.bodies() if body.marks and body.marks.pool == pool]
            servers = []
            for body in bodies:
                with contextlib.suppress(Gone):
                    servers.append(self._server(body))
            return tuple(servers)

    def get(self, server_id: str) -> Server:
        """One server. Raises Gone."""
        with mapped():
            return self._server(self.store.body(server_id))

    def delete(self, server_id: str) -> None:
        """Power it off and remove all of it. One whose end was cut short before is ended. Raises Gone."""
        with mapped(), self.store.end(server_id) as body:
            self._machine(body).take_down()

    def console(self, server_id: str) -> str:
        """The last lines of its console. Raises Gone."""
        with mapped():
            return self._machine(self.store.body(server_id)).console()

    def _machine(self, body: Body) -> Machine:
        return Machine(self.settings, body, self.store.folder(body.name))

    def _server(self, body: Body) -> Server:
        state, fault = self._state(body)
        if state is ServerState.DELETING:
            # As at any cloud, an end that has begun goes on by itself, here with the next look after a deployer's end.
            with contextlib.suppress(Fault, OSError):
                self.delete(body.name)
        return Server(body.name, body.name, state, body.address, body.marks, fault)

    def _state(self, body: Body) -> tuple[ServerState, str | None]:
        """Its state, by the process that it really has."""
        machine = self._machine(body)
        # The holder comes first: whoever let go before this has either started a process or been killed.
        is_held, is_running = self.store.is_held(body.name), machine.is_running
        # It may have gone since its body was read.
        self.store.body(body.name)
        if self.store.is_ending(body.name):
            return ServerState.DELETING, None
        if is_running:
            return ServerState.ACTIVE, None
        if is_held:
            return ServerState.BUILDING, None
        if machine.pid is None:
            return ServerState.ERROR, _CUT_SHORT
        lines = " | ".join(machine.console(3).splitlines())
        return ServerState.ERROR, f"it runs no more; its last lines: {lines or 'none'}"
