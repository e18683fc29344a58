"""A proxy in front of an API that lets calls fail as networks and clouds do: after their effect, or before, or slowly.

    proxy = FaultProxy("compute")
    proxy.target = "http://127.0.0.1:8774"
    proxy.faults.append(Fault("POST", r"/servers$", LOSE))      # the next create is done, and its answer lost
    proxy.calls                                                  # every call that came, with the status it was given

By a script (`faults`, in their order), or by a seed (`chaos`).
"""

from __future__ import annotations

import http.client
import json
import random
import re
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

# Instead of a status: the connection ends without an answer, after the call was done, or before.
LOSE, CUT = "lose", "cut"
# What belongs to one connection, not to a message.
HOPS = {"connection", "keep-alive", "transfer-encoding", "content-length", "proxy-connection"}


@dataclass
class Fault:
    """What the next `times` calls get that match; None: all of them. path: a regular expression, to be found in it.

    give: a status, LOSE or CUT; None: the call is only late. body: the answer's, {} where the status says it all.
    """

    method: str
    path: str
    give: int | str | None = None
    times: int | None = 1
    body: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    late_s: float = 0.0


@dataclass(frozen=True)
class Call:
    """One call as it came. given: the status, LOSE or CUT; is_fault: whether the proxy made that up."""

    method: str
    path: str
    given: int | str
    is_fault: bool


class Chaos:
    """Faults by a seed from the first changing call on: the same for the same calls in the same order."""

    def __init__(self, seed: int, share: float) -> None:
        self._random, self._share = random.Random(seed), share
        self._has_begun = False

    def fault(self, method: str) -> Fault | None:
        """The fault of this call, if it gets one."""
        self._has_begun = self._has_begun or method != "GET"
        if not self._has_begun or self._random.random() >= self._share:
            return None
        gives: list[int | str] = [CUT, 429, 500, 503] if method == "GET" else [LOSE, CUT, 409, 429, 500]
        return Fault(method, "", self._random.choice(gives), headers={"Retry-After": "0"})


class FaultProxy:
    """One port. name: for messages; target: the API behind it."""

    def __init__(self, name: str) -> None:
        self.name, self.target = name, ""
        self.faults: list[Fault] = []
        self.chaos: Chaos | None = None
        self.calls: list[Call] = []
        self._lock = threading.Lock()
        handler = type("Bound", (_Handler,), {"proxy": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        # A client that did not wait for a slow answer is no fault of this proxy.
        self._server.handle_error = lambda request, address: None  # type: ignore[method-assign]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()

    def calm(self) -> None:
        """No more faults, and an empty list of calls."""
        self.faults.clear()
        self.calls.clear()
        self.chaos = None

    def given(self, status: int | str, method: str = "", path: str = "") -> list[Call]:
        """The calls that were given this, by method and path where these are named."""
        those = [call for call in self.calls if call.given == status and method in ("", call.method)]
        return [call for call in those if re.search(path, call.path)]

    def next_fault(self, method: str, path: str) -> Fault | None:
        """The fault for this call, used up."""
        with self._lock:
            for fault in self.faults:
                if fault.method in (method, "*") and re.search(fault.path, path):
                    if fault.times is not None:
                        fault.times -= 1
                        if fault.times == 0:
                            self.faults.remove(fault)
                    return fault
            return self.chaos.fault(method) if self.chaos else None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: FaultProxy

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _handle(self) -> None:
        asked = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.proxy.next_fault(self.command, self.path)
        if fault:
            time.sleep(fault.late_s)
        if fault and fault.give == CUT:
            self._cut(CUT)
        elif fault and isinstance(fault.give, int):
            body = fault.body or {"fault": {"message": f"made up by the proxy of {self.proxy.name}"}}
            headers = {"Content-Type": "application/json", **fault.headers}
            self._answer(fault.give, headers, json.dumps(body).encode(), is_fault=True)
        else:
            status, headers, text = self._forward(asked)
            if fault and fault.give == LOSE:
                self._cut(LOSE)
            else:
                self._answer(status, headers, text, is_fault=False)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _handle

    def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        target = urlsplit(self.proxy.target)
        line = http.client.HTTPConnection(target.hostname or "", target.port, timeout=120)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOPS}
            line.request(self.command, self.path, body or None, headers)
            answer = line.getresponse()
            text = answer.read()
            kept = {name: value for name, value in answer.getheaders() if name.lower() not in HOPS}
            return answer.status, kept, text
        finally:
            line.close()

    def _note(self, given: int | str, is_fault: bool) -> None:
        self.proxy.calls.append(Call(self.command, self.path, given, is_fault))

    def _answer(self, status: int, headers: Mapping[str, str], text: bytes, *, is_fault: bool) -> None:
        self._note(status, is_fault)
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def _cut(self, given: str) -> None:
        self._note(given, is_fault=True)
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
