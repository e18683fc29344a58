"""A scripted server that answers in place of a collector."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest
from scripted_collector import Scripted


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Scripted) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        Scripted.asked, Scripted.bodies = [], []
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
