"""The HTTP client of the runner, over real sockets: what a server may send, and what ends in a fault."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from scripted_site import Site

from bootstrap.runner.tick import web

HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


class Once:
    """A server that takes one connection, sends these bytes, and keeps what it was asked."""

    def __init__(self, answer: bytes, *, hold: bool = False) -> None:
        self.answer, self.hold, self.asked = answer, hold, b""
        self.released = threading.Event()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/x"

    def __enter__(self) -> Once:
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.released.set()
        self.thread.join()
        self.socket.close()

    def serve(self) -> None:
        made = self.socket.accept()[0]
        with made:
            while b"\r\n\r\n" not in self.asked and self.asked[:1] != b"\x16":
                self.asked += made.recv(65536)
            try:
                made.sendall(self.answer)
            except OSError:
                return
            if self.hold:
                self.released.wait(20)


@pytest.mark.parametrize(
    ("text", "port", "place"),
    [
        ("a.example:81", 80, ("a.example", 81)),
        ("a.example", 80, ("a.example", 80)),
        ("[::1]:81", 80, ("::1", 81)),
        ("[2001:db8::1]", 443, ("2001:db8::1", 443)),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, port: int, place: tuple[str, int]) -> None:
    assert web.address(text, port) == place


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (HEAD + b"Content-Length: 5\r\n\r\nhello, and more", b"hello"),
        (HEAD + b"\r\nhello", b"hello"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nx: y\r\n\r\n", b"hello"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\na: b\r\n\r\n" + HEAD + b"\r\nhello", b"hello"),
        (b"HTTP/1.0 200\ncontent-length: 5\n\nhello", b"hello"),
        (HEAD + b"content-length: 0\r\n\r\n", b""),
        (HEAD + b"\r\n" + b"x" * 100_000, b"x" * 65536),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n" + b"8000\r\n%s\r\n" % (b"x" * 0x8000) * 3, b"x" * 65536),
    ],
    ids=["length", "to-the-end", "chunked", "early-answers", "bare", "empty", "long", "long-chunked"],
)
def test_a_body_is_read_as_its_head_says(answer: bytes, body: bytes) -> None:
    with Once(answer) as server:
        assert web.http(server.url, {}, 5)[:2] == (200, body)


@pytest.mark.parametrize("status", [204, 304])
def test_an_answer_without_a_body_is_not_waited_for(status: int) -> None:
    with Once(b"HTTP/1.1 %d None\r\n\r\n" % status, hold=True) as server:
        assert web.http(server.url, {}, 5)[:2] == (status, b"")


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"", "answer cut off"),
        (HEAD, "answer cut off"),
        (HEAD + b"content-length: 9\r\n\r\nhello", "answer cut off, 4 bytes are missing"),
        (HEAD + b"content-length: 65537\r\n\r\n" + b"x" * 65537, "answer longer than 65536 bytes"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nhe", "answer cut off, 3 bytes are missing"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n", "answer cut off"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\nxyz\r\nhello\r\n", "invalid literal"),
        (HEAD + b"x: " + b"y" * 70_000 + b"\r\n\r\n", "answer cut off"),
        (HEAD + b"".join(b"x-%d: y\r\n" % n for n in range(10_000)) + b"\r\n", "more than 100 headers"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no answer of HTTP"),
        (b"HTTP/1.1 abc\r\n\r\n", "invalid literal"),
    ],
)
def test_an_answer_that_is_none_is_a_fault(answer: bytes, fault: str) -> None:
    with Once(answer) as server, pytest.raises((OSError, ValueError), match=fault):
        web.http(server.url, {}, 5)


def test_a_silent_server_is_given_up() -> None:
    with Once(HEAD + b"content-length: 9\r\n\r\n", hold=True) as server, pytest.raises(OSError, match="timed out"):
        web.http(server.url, {}, 0.2)


def test_a_request_has_all_that_a_server_needs() -> None:
    with Once(HEAD + b"\r\n") as server:
        web.http(server.url + "?a=b", {}, 5, headers={"webhook-id": "one"}, body=b"{}")
    head, body = server.asked.split(b"\r\n\r\n")
    line, *headers = head.decode().split("\r\n")
    assert (line, body) == ("POST /x?a=b HTTP/1.1", b"{}")
    host = server.url.split("/")[2]
    assert sorted(headers) == ["Connection: close", "Content-Length: 2", f"Host: {host}", "webhook-id: one"]


def test_a_name_is_tried_at_all_of_its_addresses(site: Site, mocker: pytest.MonkeyPatch) -> None:
    port = site.server.server_address[1]
    closed = socket.socket()
    closed.bind(("127.0.0.1", 0))
    # The first is of a family that this kernel does not have.
    places = [(99, 1, 6, "", ("::1", port)), (2, 1, 6, "", closed.getsockname()), (2, 1, 6, "", ("127.0.0.1", port))]
    mocker.patch("_socket.getaddrinfo", return_value=places)  # type: ignore[attr-defined]
    assert web.http(f"http://far.example:{port}{site.put('/x', b'hello').partition(str(port))[2]}", {}, 5)[0] == 200
    places.pop()
    with pytest.raises(ConnectionRefusedError):
        web.dial(("far.example", port), 5)
    closed.close()


@pytest.mark.parametrize("scheme", ["HTTPS", "ftp"])
def test_only_http_in_small_letters_is_sent_unencrypted(scheme: str) -> None:
    with Once(HEAD + b"\r\n") as server, pytest.raises(OSError, match="SSL"):
        web.http(server.url.replace("http", scheme), {}, 5)
    assert b"GET" not in server.asked


def test_a_url_cannot_add_lines_to_a_request() -> None:
    with pytest.raises(ValueError, match="spaces in URL"):
        web.http("http://127.0.0.1:1/x HTTP/1.1\r\nHost: other", {}, 5)


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("http://example.com/x", "http://proxy:3128"),
        ("https://example.com/x", None),
        ("http://in.example.org/x", None),
        ("http://127.0.0.1/x", None),
        ("http://169.254.169.254/x", None),
    ],
)
def test_a_proxy_serves_what_is_far(url: str, proxy: str | None) -> None:
    plan = {"proxy": {"http": "http://proxy:3128", "no_proxy": "example.org"}}
    assert web.proxy_for(plan, url) == proxy


def test_a_request_through_a_proxy_names_the_whole_url_and_logs_in(site: Site) -> None:
    proxy = site.put("/", b"").rstrip("/").replace("http://", "http://me:p%40ss@")
    site.put("http://far.example.com/x", b"by the proxy")
    status, body, _ = web.http("http://far.example.com/x", {"proxy": {"http": proxy}}, 5)
    assert (status, body) == (200, b"by the proxy")
    headers = {name.lower(): value for name, value in site.asked[-1][1].items()}
    assert headers["proxy-authorization"] == "Basic bWU6cEBzcw=="
