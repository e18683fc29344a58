"""A relay between standard input and output and a port of this machine's loopback: python relay.py PORT.

QEMU starts one for each connection of a guest to the metadata service. Its standard error is the guest's connection,
too, so it says nothing there: where nobody listens, the connection just ends.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading

BLOCK_BYTES = 1 << 16


def main(port: int) -> None:
    """Copy both ways until the service has ended the connection, or the guest has."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=10) as service:
        service.settimeout(None)
        threading.Thread(target=_upward, args=(service,), daemon=True).start()
        while block := service.recv(BLOCK_BYTES):
            _write(block)


def _upward(service: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while block := os.read(0, BLOCK_BYTES):
            service.sendall(block)
        # The guest has said all; the answer may still be on its way.
        service.shutdown(socket.SHUT_WR)


def _write(block: bytes) -> None:
    while block:
        block = block[os.write(1, block) :]


if __name__ == "__main__":
    main(int(sys.argv[1]))
