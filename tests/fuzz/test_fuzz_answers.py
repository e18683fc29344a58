"""Answers of servers: the runner takes them as Python's own HTTP client and JSON do, or has a fault of theirs."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest
from fuzz_strategies import any_text, cut_up, effort, values
from hypothesis import event, example, given
from hypothesis import strategies as st

from bootstrap.runner import jsontext
from bootstrap.runner.tick import web

HEAD = b"HTTP/1.1 200 OK\r\n"


@st.composite
def answers(draw: Callable[[Any], Any]) -> bytes:
    """An answer as servers write it, with early ones before it."""
    # For Python's own client no other one is early.
    early = b"HTTP/1.1 100 Continue\r\nlink: x\r\n\r\n" * draw(st.integers(0, 2))
    status = draw(st.sampled_from([200, 204, 206, 301, 304, 404, 500, 503]))
    lines = [b"HTTP/1.1 %d %s" % (status, draw(st.sampled_from([b"OK", b"", b"Not \xe9"])))]
    for number in range(draw(st.integers(0, 5))):
        lines.append(b"x-%d: %s" % (number, draw(st.sampled_from([b"a", b" b ", b"c:d", b""]))))
    blocks = draw(st.lists(st.binary(min_size=1, max_size=300), max_size=4))
    body = b"".join(blocks)
    form = draw(st.sampled_from(["length", "chunked", "close"]))
    if form == "length":
        lines.append(b"Content-Length: %d" % len(body))
    elif form == "chunked":
        lines.append(b"Transfer-Encoding: chunked")
        mark = draw(st.sampled_from([b"", b";a=b"]))
        body = b"".join(b"%x%s\r\n%s\r\n" % (len(block), mark, block) for block in blocks) + b"0\r\n\r\n"
    return early + b"\r\n".join(lines) + b"\r\n\r\n" + body


def taken(answer: bytes) -> tuple[int, bytes]:
    """Status and body for the runner's client. The end of the answer ends the connection, so that nothing waits."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(10)
        # No more than the kernel takes without a reader.
        theirs.sendall(answer[:100_000])
        theirs.shutdown(socket.SHUT_WR)
        reply = web.Answer(ours)
        reply.ask("GET", "/", "a.example", {})
        return reply.status, b"".join(reply.blocks())


def taken_by_python(answer: bytes) -> tuple[int, bytes]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(answer[:100_000])
        theirs.shutdown(socket.SHUT_WR)
        reply = http.client.HTTPResponse(ours)
        reply.begin()
        return reply.status, reply.read()


@given(answer=answers())
@effort(300)
def test_a_right_answer_is_what_pythons_client_takes_it_for(answer: bytes) -> None:
    assert taken(answer) == taken_by_python(answer)


@given(answer=answers().flatmap(lambda raw: cut_up(raw.decode("latin-1"))) | st.binary(max_size=200))
@effort(400)
@example(answer=HEAD + b"content-length: -5\r\n\r\nhello")
@example(answer=HEAD + b"content-length: \xb2\r\n\r\nhello")
@example(answer=HEAD + b"content-length: " + b"9" * 5000 + b"\r\n\r\nhello")
@example(answer=HEAD + b"transfer-encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n")
@example(answer=HEAD + b"transfer-encoding: chunked\r\n\r\n" + b"f" * 300 + b"\r\nhello\r\n0\r\n\r\n")
@example(answer=HEAD + b"a: b\r\n" * 15_000)
@example(answer=b"HTTP/1.1 100 x\r\n\r\n" * 5000)
def test_a_damaged_answer_is_an_answer_or_a_fault(answer: bytes | str) -> None:
    raw = answer if isinstance(answer, bytes) else answer.encode("latin-1", "replace")
    try:
        taken(raw)
        event("taken")
    except (OSError, ValueError) as error:
        event(type(error).__name__)


@given(text=values.map(json.dumps) | values.map(json.dumps).flatmap(cut_up) | any_text)
@effort(400)
def test_json_is_that_of_python(text: str) -> None:
    try:
        theirs = json.loads(text)
    except (ValueError, RecursionError) as error:
        with pytest.raises(type(error)) as ours:
            jsontext.loads(text)
        assert str(ours.value) == str(error)
        return
    value = jsontext.loads(text)
    # By their text, since a value that is no number differs from itself.
    assert repr(value) == repr(theirs)
    assert jsontext.dumps(value) == json.dumps(theirs, sort_keys=True)
