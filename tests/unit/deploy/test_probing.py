"""Probes of real servers: good ones, and those that lie, drip, hang, redirect or speak something else."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from certificates import self_signed

from bootstrap.deploy import probing
from bootstrap.deploy.probing import probe_all, probe_one
from bootstrap.deploy.protocols import ProbeRequest

DRIPS = 500

Handler = Callable[[socket.socket], None]


class Listener:
    """A server that gives each connection to a function, after it has read the request."""

    def __init__(self, handler: Handler, context: ssl.SSLContext | None = None) -> None:
        self._handler, self._context = handler, context
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.requests: list[bytes] = []
        self.most, self._now, self._lock = 0, 0, threading.Lock()
        self._threads = [threading.Thread(target=self._accept)]
        self.end = threading.Event()
        self._threads[0].start()

    @property
    def port(self) -> int:
        port: int = self._socket.getsockname()[1]
        return port

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(connection,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            with connection, contextlib.suppress(OSError):
                wrapped = self._context.wrap_socket(connection, server_side=True) if self._context else connection
                with wrapped:
                    self.requests.append(wrapped.recv(65536))
                    self._handler(wrapped)
        finally:
            with self._lock:
                self._now -= 1

    def close(self) -> None:
        self.end.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[..., Listener]]:
    with contextlib.ExitStack() as stack:

        def start(handler: Handler | bytes, context: ssl.SSLContext | None = None) -> Listener:
            answer = handler if callable(handler) else lambda connection: connection.sendall(handler)
            listener = Listener(answer, context)
            stack.callback(listener.close)
            return listener

        yield start


def page(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""])
    return head.encode() + body


def probe(listener: Listener, *contains: str, timeout_s: float = 20.0, status: int = 200, **more: str) -> str | None:
    scheme = more.get("scheme", "http")
    url = f"{scheme}://127.0.0.1:{listener.port}{more.get('path', '/ping?a=b')}"
    return probe_one(ProbeRequest(url, status, contains, timeout_s))


def test_a_server_that_answers_with_all_texts_passes(serve: Callable[..., Listener]) -> None:
    listener = serve(page(b"revision 0c5d2c7a91ef of web-1"))
    assert probe(listener, "0c5d2c7a91ef", "web-1") is None
    (request,) = listener.requests
    assert request.startswith(f"GET /ping?a=b HTTP/1.1\r\nHost: 127.0.0.1:{listener.port}\r\n".encode())


def test_texts_that_are_missing_are_all_named(serve: Callable[..., Listener]) -> None:
    listener = serve(page(b"revision 000000000000 of web-1"))
    assert probe(listener, "0c5d2c7a91ef", "web-1", "x") == "its answer does not contain '0c5d2c7a91ef' and 'x'"


@pytest.mark.parametrize("status", ["503 Service \x1b[2JUnavailable", "404 Not Found", "204 No Content"])
def test_another_status_is_named_by_its_number(serve: Callable[..., Listener], status: str) -> None:
    assert probe(serve(page(b"", status))) == f"status {status.split()[0]}"


def test_another_status_may_be_asked_for(serve: Callable[..., Listener]) -> None:
    assert probe(serve(page(b"", "404 Not Found")), status=404) is None


def test_no_redirect_is_followed(serve: Callable[..., Listener]) -> None:
    other = serve(page(b"good"))
    first = serve(page(b"", "302 Found", f"Location: http://127.0.0.1:{other.port}/"))
    assert probe(first, "good") == "status 302"
    assert other.requests == []


def test_no_proxy_of_the_environment_is_asked(serve: Callable[..., Listener], monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, listener = serve(page(b"no")), serve(page(b"yes"))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    monkeypatch.delenv("no_proxy", raising=False)
    assert probe(listener, "yes") is None
    assert proxy.requests == []


def test_name_and_password_of_a_url_are_not_sent(serve: Callable[..., Listener]) -> None:
    listener = serve(page(b""))
    assert probe_one(ProbeRequest(f"http://user:secret@127.0.0.1:{listener.port}/", 200, (), 20)) is None
    assert b"secret" not in listener.requests[0]


def test_only_the_first_64_kib_of_a_body_count(serve: Callable[..., Listener]) -> None:
    assert probe(serve(page(b"x" * 65536 + b"mark")), "mark") == "its answer does not contain 'mark'"
    assert probe(serve(page(b"x" * 65532 + b"mark")), "mark") is None


def test_an_endless_body_is_not_read_to_its_end(serve: Callable[..., Listener]) -> None:
    def pour(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nmark")
        # Ends only with the error that the probe's closing makes.
        while True:
            connection.sendall(b"x" * 65536)

    assert probe(serve(pour), "mark") is None


def test_an_endless_head_is_not_read_to_its_end(serve: Callable[..., Listener]) -> None:
    def pour(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)

    assert probe(serve(pour)) == "its answer is too long to be looked through"


@pytest.mark.parametrize(
    "head", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n"], ids=["head", "line", "body"]
)
def test_a_server_that_drips_does_not_hold_the_probe(serve: Callable[..., Listener], head: bytes) -> None:
    dripped = []

    def drip(connection: socket.socket) -> None:
        connection.sendall(head)
        # Bounded, so that the test of a probe that waits for ever ends too.
        while not listener.end.wait(0.02) and len(dripped) < DRIPS:
            connection.sendall(b"H")
            dripped.append(1)

    listener = serve(drip)
    assert probe(listener, timeout_s=0.3) == "no whole answer within 0.3 s"
    assert dripped


def test_a_server_that_says_nothing_does_not_hold_the_probe(serve: Callable[..., Listener]) -> None:
    listener = serve(lambda _: listener.end.wait() and None)  # type: ignore[func-returns-value]
    assert probe(listener, timeout_s=0.2) == "no whole answer within 0.2 s"


def test_a_full_backlog_does_not_hold_the_probe() -> None:
    with socket.socket() as full, contextlib.ExitStack() as stack:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}/"
        assert probe_one(ProbeRequest(url, 200, (), 0.2)) == "no whole answer within 0.2 s"


def test_a_closed_port_is_a_refused_connection() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        assert probe_one(ProbeRequest(url)) == "connection refused"


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"", "the connection was closed without an answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "its answer is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "its answer was cut off"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nshort", "its answer was cut off"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70000 + b"\r\n\r\n", "its answer is not HTTP"),
    ],
)
def test_an_answer_that_is_none_is_said_in_a_few_words(
    serve: Callable[..., Listener], answer: bytes, fault: str
) -> None:
    assert probe(serve(answer)) == fault


def test_a_connection_that_is_torn_is_said_in_a_few_words(serve: Callable[..., Listener]) -> None:
    def tear(connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    assert probe(serve(tear)) == "connection reset by peer"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/",
        "http:///x",
        "http://127.0.0.1:99999/",
        "http://[::1/",
        "http://127.0.0.1/a b",
        "x",
        "http://a\n",
    ],
)
def test_a_url_that_cannot_be_asked_is_quoted(url: str) -> None:
    fault = probe_one(ProbeRequest(url)) or ""
    assert "is no URL that can be asked: " in fault
    assert fault.isprintable()


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, ssl.SSLContext]]:
    """A certificate for 127.0.0.1 that nobody trusts yet, and the context of a server that has it."""
    cert, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    probing._context.cache_clear()
    yield cert, context
    probing._context.cache_clear()


def test_a_certificate_of_nobody_is_not_trusted(
    serve: Callable[..., Listener], certificate: tuple[Path, ssl.SSLContext]
) -> None:
    fault = probe(serve(page(b""), certificate[1]), scheme="https")
    assert fault == "its certificate is not trusted: self-signed certificate"


def test_a_trusted_certificate_passes(
    serve: Callable[..., Listener], certificate: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    assert probe(serve(page(b"hello"), certificate[1]), "hello", scheme="https") is None


def test_a_port_without_tls_is_said_in_a_few_words(serve: Callable[..., Listener]) -> None:
    listener = serve(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    assert probe(listener, scheme="https") == "TLS failed: wrong version number"


def test_a_handshake_that_drips_does_not_hold_the_probe(serve: Callable[..., Listener]) -> None:
    def drip(connection: socket.socket) -> None:
        # A record of a handshake that is 16 KiB long.
        connection.sendall(b"\x16\x03\x03\x40\x00")
        for _ in range(DRIPS):
            if not listener.end.wait(0.02):
                connection.sendall(b"\0")

    listener = serve(drip)
    assert probe(listener, scheme="https", timeout_s=0.3) == "no whole answer within 0.3 s"


# --- many -------------------------------------------------------------------------------------------------------------


def test_many_probes_are_made_at_the_same_time_and_keep_their_order(serve: Callable[..., Listener]) -> None:
    together = threading.Barrier(30, timeout=30)

    def answer(connection: socket.socket) -> None:
        together.wait()
        connection.sendall(page(b"late"))

    good, bad = serve(answer), serve(page(b"", "503 No"))
    probes = [ProbeRequest(f"http://127.0.0.1:{(good, bad)[i % 2].port}/", 200, ("late",), 40) for i in range(60)]
    assert probe_all(probes) == [None, "status 503"] * 30


def test_the_number_of_probes_at_a_time_is_bounded(
    serve: Callable[..., Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probing, "MAX_AT_ONCE", 4)
    listener = serve(lambda connection: (time.sleep(0.01), connection.sendall(page(b"")))[1])  # type: ignore[func-returns-value]
    probes = [ProbeRequest(f"http://127.0.0.1:{listener.port}/", 200, (), 20)] * 40
    assert probe_all(probes) == [None] * 40
    # A connection's end is seen here a moment after the probe has gone on to the next.
    assert listener.most <= 8


def test_a_name_whose_look_up_hangs_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    end = threading.Event()
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: end.wait() and [])
    try:
        assert probe_all([ProbeRequest("http://slow.example/", 200, (), 0.1)]) == ["no whole answer within 0.1 s"]
    finally:
        end.set()


def test_no_probes_are_no_answers() -> None:
    assert probe_all([]) == []
