"""A real collector beside a copy: this machine's files and programs, the copy's network.

Nothing on this machine listens for it: it is reached over connections that the copy's first process makes.
"""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from bootstrap.client.own_collector import OwnCollector
from bootstrap.errors import CollectorError
from bootstrap.rehearse.copy import Copy

# No check and no service of a spec meets these: an address of the loopback that nothing else listens on, and ports
# below those that the kernel gives to connections. A program that listens on all addresses only takes its own port.
ADDRESS = "127.83.114.9"
_PORTS = range(23_600, 24_000)
_USUAL = ("127.0.0.1", 8443)


class Collector(OwnCollector):
    """The collector of a copy, which listens in the copy's network.

    place: the address and port to listen on; those of unused_place() meet nothing of a spec. The rest is as for
    OwnCollector.
    """

    def __init__(
        self,
        copy: Copy,
        folder: Path | None = None,
        secret: bytes | None = None,
        *,
        place: tuple[str, int] = _USUAL,
    ) -> None:
        super().__init__(place, folder, secret, purpose="the rehearsal's")
        self._copy = copy

    def start(self, argv: Sequence[str], **popen: Any) -> AbstractContextManager[subprocess.Popen[bytes]]:
        """Start the program in the copy's network."""
        return self._copy.in_its_network(argv, **popen)

    def connect(self) -> socket.socket:
        """A connection that the copy's first process makes."""
        return self._copy.connect(self.port, self.address)


def unused_place(texts: str, *, is_shared: bool) -> tuple[str, int]:
    """An address and a port that the texts of a payload do not name.

    is_shared: in this machine's own network, where the port must be free as well. Raises CollectorError when there is
    none, which would take a text with all of them.
    """
    for port in _PORTS:
        if str(port) not in texts and not (is_shared and _is_taken(port)):
            return ADDRESS, port
    raise CollectorError(f"the rehearsal's collector finds no free port from {_PORTS[0]} to {_PORTS[-1]}")


def _is_taken(port: int) -> bool:
    with socket.socket() as any_socket:
        # A port in TIME_WAIT is free for the collector, which sets this option as well.
        any_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            any_socket.bind((ADDRESS, port))
        except OSError:
            return True
    return False
