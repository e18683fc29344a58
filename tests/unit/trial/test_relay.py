"""The relay brings a guest's connection to a port of the loopback, with half a close."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading

from bootstrap.trial import relay

ANSWER = b"HTTP/1.0 200 OK\r\n\r\n" + b"x" * 300_000


def test_an_answer_comes_back_after_all_was_asked() -> None:
    requests = []

    def serve(listener: socket.socket) -> None:
        line, _ = listener.accept()
        with line:
            parts = []
            # To the end, which only a close of half the connection brings.
            while part := line.recv(65536):
                parts.append(part)
            requests.append(b"".join(parts))
            line.sendall(ANSWER)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        argv = [sys.executable, "-I", "-S", relay.__file__, str(listener.getsockname()[1])]
        done = subprocess.run(argv, input=b"GET / HTTP/1.0\r\n\r\n", capture_output=True, timeout=60)
        thread.join()
    assert (done.returncode, done.stdout, done.stderr) == (0, ANSWER, b"")
    assert requests == [b"GET / HTTP/1.0\r\n\r\n"]


def test_where_nobody_listens_it_ends_and_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    argv = [sys.executable, "-I", "-S", relay.__file__, str(port)]
    done = subprocess.run(argv, input=b"GET", capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
