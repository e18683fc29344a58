"""Runs the app: listening socket, TLS, uvicorn, and a stop that no long poll can hold up."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from bootstrap.collector.context import Collector
from bootstrap.collector.texts import keep_sweeping
from bootstrap.errors import CollectorError, UsageError

BACKLOG = 4096  # a fleet that boots together connects together; the kernel's somaxconn bounds it too
STOP_S = 5
KEEP_ALIVE_S = 30


@dataclass(frozen=True)
class Listen:
    """The address to listen on. port 0: the kernel chooses."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_listen(text: str) -> Listen:
    """`HOST:PORT` or `[IPV6]:PORT`. Raises UsageError."""
    host, colon, port = text.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    # Brackets belong to an IPv6 address and to nothing else: without them its last group would read as a port.
    is_host = bool(bare) and (bare == host) == (":" not in bare)
    if not (colon and is_host and port.isascii() and port.isdigit() and int(port) < 65536):
        raise UsageError(
            f"--listen {text!r} is not HOST:PORT", hint="for example 127.0.0.1:8080, 0.0.0.0:8443 or [::1]:8080"
        )
    return Listen(bare, int(port))


def bind(listen: Listen) -> socket.socket:
    """A socket bound to the address. Raises CollectorError when that is not possible."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with contextlib.ExitStack() as undo:
            bound = undo.enter_context(socket.socket(family, kind, protocol))
            # A collector that is started again must not wait for the connections of the one before it to expire.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            undo.pop_all()
    except OSError as error:
        raise CollectorError(
            f"cannot listen on {listen.host}:{listen.port}: {error.strerror}",
            hint="choose another --listen; port 0 takes a free one",
        ) from error
    return bound


def url_of(bound: socket.socket, listen: Listen, is_tls: bool) -> str:
    """The URL of this socket, with the real port."""
    host = f"[{listen.host}]" if ":" in listen.host else listen.host
    return f"{'https' if is_tls else 'http'}://{host}:{bound.getsockname()[1]}"


class _Server(uvicorn.Server):
    """Opens the store before it listens, and ends long polls before it waits for connections to end.

    The store is not opened in a lifespan of the app: uvicorn would turn an error there into an exit without a message.
    """

    def __init__(self, config: uvicorn.Config, app: Starlette, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._collector: Collector = app.state.collector
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await self._collector.store.open(self._collector.hub.changed)
        await self._collector.texts.keep_own()
        self._sweeper = asyncio.create_task(keep_sweeping(self._collector.texts))
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._collector.hub.close()
        await super().shutdown(sockets)
        self._sweeper.cancel()
        await self._collector.texts.settle()
        await self._collector.store.close()


def serve(
    app: Starlette,
    bound: socket.socket,
    *,
    tls: tuple[Path, Path] | None = None,
    ready: Callable[[], None] = lambda: None,
) -> None:
    """Serve until TERM or INT. tls: certificate chain and key. ready: called once it listens. Raises CollectorError."""
    _raise_file_limit()
    # The app has neither a lifespan nor WebSockets. uvloop and httptools halve the processor time of a report.
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        backlog=BACKLOG,
        access_log=False,
        log_config=None,  # `serve` has set up logging already
        server_header=False,
        date_header=False,  # /healthz alone has a date
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_S,
        proxy_headers=False,  # any client could write them
        ssl_certfile=tls[0] if tls else None,
        ssl_keyfile=tls[1] if tls else None,
    )
    with _signals_are_a_good_end():
        _Server(config, app, ready).run(sockets=[bound])


@contextlib.contextmanager
def _signals_are_a_good_end() -> Iterator[None]:
    """Ignore the signal that uvicorn raises again after it has stopped cleanly: nothing is left to end by then."""
    stops = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.signal(number, lambda *_: None) for number in stops}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _raise_file_limit() -> None:
    """Raise the soft limit of open files, often 1024, to the hard one: each connection is a descriptor."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
