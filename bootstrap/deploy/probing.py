"""Looks at servers from outside, all at the same time: one GET each, whose whole time and size are bounded.

No proxy is used and no redirect is followed: what answers has to be this server. The faults are short sentences.
"""

from __future__ import annotations

import functools
import io
import queue
import socket
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urlsplit

from bootstrap.client.wording import plain
from bootstrap.deploy.protocols import ProbeRequest

if TYPE_CHECKING:
    import ssl

MAX_AT_ONCE = 64
MAX_BODY_BYTES = 64 << 10
MAX_HEAD_BYTES = 64 << 10
_SPARE_S = 0.5


def probe_all(probes: Sequence[ProbeRequest]) -> list[str | None]:
    """For each: None when it passed, else what was seen instead."""
    faults: list[str | None] = [f"no whole answer within {probe.timeout_s:g} s" for probe in probes]
    places: queue.SimpleQueue[int] = queue.SimpleQueue()
    for place in range(len(probes)):
        places.put(place)

    def work() -> None:
        while True:
            try:
                place = places.get_nowait()
            except queue.Empty:
                return
            faults[place] = probe_one(probes[place])

    # Daemons, not an executor: the look-up of a name cannot be cut short, and is left behind when time is over.
    threads = [threading.Thread(target=work, daemon=True) for _ in range(min(MAX_AT_ONCE, len(probes)))]
    for thread in threads:
        thread.start()
    rounds = -(-len(probes) // MAX_AT_ONCE)
    end = time.monotonic() + rounds * max((probe.timeout_s for probe in probes), default=0.0) + _SPARE_S
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return list(faults)


def probe_one(probe: ProbeRequest) -> str | None:
    """None when the server answers as it should, else a short sentence about what it does instead."""
    import http.client
    import ssl

    try:
        status, body = _ask(probe)
    except ssl.SSLCertVerificationError as error:
        return f"its certificate is not trusted: {plain(error.verify_message)}"
    except ssl.SSLError as error:
        return f"TLS failed: {plain(error.reason or error).replace('_', ' ').lower()}"
    except socket.gaierror as error:
        return f"its name is not known: {plain(error.strerror)}"
    except TimeoutError:
        return f"no whole answer within {probe.timeout_s:g} s"
    except http.client.RemoteDisconnected:
        return "the connection was closed without an answer"
    except ConnectionError as error:
        return plain(error.strerror or "the connection was cut").lower()
    except http.client.IncompleteRead:
        return "its answer was cut off"
    except http.client.HTTPException:
        return "its answer is not HTTP"
    except _TooLong:
        return "its answer is too long to be looked through"
    except OSError as error:
        return plain(error.strerror or type(error).__name__).lower()
    except ValueError as error:
        return f"{plain(probe.url)!r} is no URL that can be asked: {plain(error)}"
    if status != probe.status:
        return f"status {status}"
    missing = [text for text in probe.contains if text not in body]
    return f"its answer does not contain {' and '.join(map(repr, missing))}" if missing else None


class _TooLong(Exception):
    """An answer takes more bytes than any server needs."""


def _ask(probe: ProbeRequest) -> tuple[int, str]:
    """(status, body) of a GET. Raises OSError, HTTPException, and ValueError for the URL."""
    import http.client

    end = time.monotonic() + probe.timeout_s
    url = urlsplit(probe.url)
    if url.scheme not in ("http", "https") or not url.hostname or not probe.url.isprintable() or " " in probe.url:
        raise ValueError("it is not http://HOST or https://HOST")
    connection = _connect(url, end)
    try:
        connection.settimeout(_left(end))
        connection.sendall(_request(url))
        response = http.client.HTTPResponse(_Paced(connection, end), method="GET")  # type: ignore[arg-type]
        response.begin()
        body = response.read(MAX_BODY_BYTES)
        # read() with a number of bytes raises nothing when the connection ends early.
        if len(body) < MAX_BODY_BYTES and response.length:
            raise http.client.IncompleteRead(body, response.length)
        return response.status, body.decode("utf-8", "replace")
    finally:
        connection.close()


def _request(url: SplitResult) -> bytes:
    """The request. The user and the password of a URL are not sent."""
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    host = url.netloc.rpartition("@")[2]
    lines = [f"GET {target} HTTP/1.1", f"Host: {host}", "User-Agent: initialrunner", "Accept: */*", "Connection: close"]
    return ("\r\n".join([*lines, "", ""])).encode()


def _connect(url: SplitResult, end: float) -> socket.socket:
    """A connection to the first address of the host that takes one."""
    port = url.port or (443 if url.scheme == "https" else 80)
    addresses = socket.getaddrinfo(url.hostname, port, type=socket.SOCK_STREAM)
    failure: OSError = TimeoutError()
    for family, kind, protocol, _, address in addresses:
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(_left(end))
            connection.connect(address)
            return _wrapped(connection, url, end) if url.scheme == "https" else connection
        except OSError as error:
            connection.close()
            failure = error
    raise failure


def _wrapped(connection: socket.socket, url: SplitResult, end: float) -> socket.socket:
    connection.settimeout(_left(end))
    return _context().wrap_socket(connection, server_hostname=url.hostname)


@functools.cache
def _context() -> ssl.SSLContext:
    """The trust of the system. To read its hundred certificates for each probe would take longer than the probe."""
    import ssl

    return ssl.create_default_context()


def _left(end: float) -> float:
    """Seconds until the end. Raises TimeoutError when there are none."""
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _Paced(io.RawIOBase):
    """The bytes of a connection until `end`: a server that sends one byte a second gains no time by it.

    It stands where HTTPResponse expects a socket.
    """

    def __init__(self, connection: socket.socket, end: float) -> None:
        super().__init__()
        self._connection, self._end = connection, end
        self._room = MAX_HEAD_BYTES + MAX_BODY_BYTES

    def makefile(self, *_: Any) -> io.BufferedReader:
        """The reader that HTTPResponse asks its socket for."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._room <= 0:
            raise _TooLong
        self._connection.settimeout(_left(self._end))
        count = self._connection.recv_into(buffer)
        self._room -= count
        return count
