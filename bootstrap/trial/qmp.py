"""QEMU's own control line (QMP), over a pair of sockets that only QEMU and this process have."""

from __future__ import annotations

import json
import socket
from typing import Any

_ANSWER_S = 20.0


class QmpError(Exception):
    """QEMU refused a command, or has gone."""


class Qmp:
    """The line to one QEMU. theirs: the other end, which QEMU inherits and the caller closes then.

    A pair has no path, so no path can be too long for a socket, and nobody else can connect.
    """

    def __init__(self) -> None:
        self._ours, self.theirs = socket.socketpair()
        self._ours.settimeout(_ANSWER_S)
        self._file = self._ours.makefile("rb")
        self._is_greeted = False

    def close(self) -> None:
        self._file.close()
        self._ours.close()
        self.theirs.close()

    def call(self, execute: str, **arguments: Any) -> Any:
        """Run one command and return its answer. Raises QmpError."""
        try:
            if not self._is_greeted:
                self._answer("QMP")
                self._is_greeted = True
                self.call("qmp_capabilities")
            self._ours.sendall(json.dumps({"execute": execute, "arguments": arguments}).encode() + b"\n")
            return self._answer("return")
        except (OSError, ValueError) as error:
            raise QmpError(f"{execute}: {error}") from error

    def _answer(self, key: str) -> Any:
        """Read up to the answer. What comes between are events: a reset, a shutdown."""
        while True:
            line = self._file.readline()
            if not line:
                raise QmpError("QEMU has gone")
            message = json.loads(line)
            if "error" in message:
                raise QmpError(message["error"]["desc"])
            if key in message:
                return message[key]
