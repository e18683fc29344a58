"""Messages between a copy's first process and the outside: one JSON object each, with descriptors."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Sequence
from typing import Any

# Larger content travels as a descriptor. SEQPACKET would refuse a message larger than the socket's buffer anyway.
_LIMIT = 1 << 16
_MOST_FDS = 8

Message = tuple[dict[str, Any], list[int]]


def send(link: socket.socket, body: dict[str, Any], fds: Sequence[int] = ()) -> None:
    """Send one message. The descriptors stay open here.

    Raises OSError when nobody reads it, ValueError when it is too long.
    """
    data = json.dumps(body).encode()
    if len(data) > _LIMIT:
        raise ValueError(f"a message of {len(data)} bytes")
    socket.send_fds(link, [data], list(fds))


def receive(link: socket.socket) -> Message | None:
    """The next message; None when the other end is gone."""
    try:
        data, fds, _, _ = socket.recv_fds(link, _LIMIT, _MOST_FDS)
    except ConnectionResetError:
        # The other end closed before it had read all messages.
        return None
    if not data:
        return None
    for fd in fds:
        os.set_inheritable(fd, False)
    return json.loads(data), list(fds)
