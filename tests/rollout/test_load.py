"""The clients count what fails, and why: a count that is always 0 would prove nothing."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import load
import pytest

Serve = Callable[[socket.socket, int], bool]
RIGHT = b"HTTP/1.1 200 OK\r\nX-Revision: r1\r\nX-Server: web-1\r\nContent-Length: %d\r\n\r\n%s"


def request(connection: socket.socket) -> bytes | None:
    """One request; None at the end of the connection."""
    head = b""
    while b"\r\n\r\n" not in head:
        part = connection.recv(65536)
        if not part:
            return None
        head += part
    return head


def taken(connection: socket.socket) -> bytes | None:
    """The body of one request; None at the end of the connection."""
    text = request(connection)
    return None if text is None else text.partition(b"\r\n\r\n")[2]


def answer(connection: socket.socket, count: int) -> bool:
    body = taken(connection)
    if body is None:
        return False
    connection.sendall(RIGHT % (len(body), body))
    return True


@contextmanager
def server(serve: Serve) -> Iterator[str]:
    """A server of HTTP whose connections are served by a function, until that says no. Its address."""
    counted = iter(range(1_000_000))

    def connected(connection: socket.socket) -> None:
        with connection:
            try:
                while serve(connection, next(counted)):
                    pass
            except OSError:
                return

    def accepted(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=connected, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        threading.Thread(target=accepted, args=(listener,), daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def test_every_right_answer_counts_for_its_revision_and_server() -> None:
    with server(answer) as address:
        tally = load.run(address, 300, 1000)
    assert tally.line() == "300 requests, 0 failed"
    assert tally.json()["by"] == [{"revision": "r1", "server": "web-1", "answers": 300}]
    assert "  r1: web-1 300" in tally.lines()


def test_half_of_the_requests_share_connections_and_a_fifth_have_a_body() -> None:
    connections, texts = set(), []

    def serve(connection: socket.socket, count: int) -> bool:
        connections.add(connection.getpeername())
        text = request(connection)
        if text is None:
            return False
        texts.append(text)
        body = text.partition(b"\r\n\r\n")[2]
        connection.sendall(RIGHT % (len(body), body))
        return True

    with server(serve) as address:
        load.run(address, 300, 500)
    assert len(texts) == 300
    assert len(connections) < 300
    assert 120 < len([text for text in texts if b"Connection: close" in text]) < 180
    assert 40 < len([text for text in texts if text.startswith(b"POST")]) < 80


def status(connection: socket.socket, count: int) -> bool:
    taken(connection)
    connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
    return True


def cut(connection: socket.socket, count: int) -> bool:
    taken(connection)
    return False


def half(connection: socket.socket, count: int) -> bool:
    taken(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345")
    return False


def other_body(connection: socket.socket, count: int) -> bool:
    body = taken(connection)
    connection.sendall(RIGHT % (5, b"other"))
    return body is not None


def garbage(connection: socket.socket, count: int) -> bool:
    taken(connection)
    connection.sendall(b"nothing of HTTP\r\n\r\n")
    return False


@pytest.mark.parametrize(
    ("serve", "reason"),
    [
        (status, "status 503"),
        (cut, "connection broken (IncompleteReadError)"),
        (half, "connection broken (IncompleteReadError)"),
        (garbage, "invalid literal"),
    ],
)
def test_a_failure_is_counted_with_its_reason(serve: Serve, reason: str) -> None:
    with server(serve) as address:
        tally = load.run(address, 20, 1000)
    assert tally.line() == "20 requests, 20 failed"
    assert {text.startswith(reason) for _, _, text in tally.failures} == {True}


def test_a_post_whose_body_comes_back_changed_has_failed() -> None:
    with server(other_body) as address:
        tally = load.run(address, 100, 1000)
    assert {(ask.split()[0], reason) for _, ask, reason in tally.failures} == {("POST", "not the body that was sent")}
    assert len(tally.times_s) + len(tally.failures) == 100


def test_more_are_sent_as_long_as_they_are_wanted() -> None:
    questions = iter([True] * 30)
    with server(answer) as address:
        tally = load.run(address, 10, 1000, lambda: next(questions, False))
    assert tally.line() == "40 requests, 0 failed"


def test_where_nobody_listens_all_fail() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    tally = load.run(f"127.0.0.1:{port}", 20, 1000)
    assert {reason for _, _, reason in tally.failures} == {"connection refused"}


def test_an_answer_that_does_not_come_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "TIMEOUT_S", 0.2)

    def silent(connection: socket.socket, count: int) -> bool:
        return taken(connection) is not None

    with server(silent) as address:
        tally = load.run(address, 5, 1000)
    assert {reason for _, _, reason in tally.failures} == {"timed out"}


def test_a_kept_connection_that_the_server_has_closed_is_not_used_again() -> None:
    with server(lambda connection, count: answer(connection, count) and False) as address:
        tally = load.run(address, 60, 50)
    assert tally.line() == "60 requests, 0 failed"


def test_a_kept_connection_is_not_used_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    connections = set()

    def serve(connection: socket.socket, count: int) -> bool:
        connections.add(connection.getpeername())
        return answer(connection, count)

    monkeypatch.setattr(load, "IDLE_S", 0.0)
    with server(serve) as address:
        load.run(address, 60, 1000)
    assert len(connections) == 60


def test_a_kept_connection_that_was_cut_is_not_used_in_secret_a_second_time() -> None:
    """A client that sent it again by itself would hide the failure."""

    def once(connection: socket.socket, count: int) -> bool:
        answer(connection, count)
        # The second request is on its way when the connection ends.
        taken(connection)
        return False

    with server(once) as address:
        tally = load.run(address, 60, 200)
    assert tally.failures
    assert len(tally.times_s) + len(tally.failures) == 60
