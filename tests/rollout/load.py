"""Clients of a site: so many requests a second, whatever the answers are, and a count of every one that failed.

    python tests/rollout/load.py 10.77.0.1:8000 --requests 5000 --rate 200

Half of them are sent on connections that are kept open, a fifth are POST requests with a body that has to come back,
and two of a hundred take the server 3 seconds. Nothing is sent a second time: a browser would hide what is to be seen.
Standard library only.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import itertools
import json
import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TIMEOUT_S, CONNECT_TIMEOUT_S = 20.0, 10.0
# As browsers and libraries do, a connection is not used again after a while: its server closes it sooner or later.
IDLE_S = 5.0
KEPT_SHARE, POST_SHARE, SLOW_SHARE = 0.5, 0.2, 0.02


@dataclass(frozen=True)
class Ask:
    """One request. number: of its place in the order; is_kept: on a connection that is kept open."""

    number: int
    is_kept: bool
    is_post: bool
    is_slow: bool

    @property
    def line(self) -> str:
        """Its method and path."""
        return f"{'POST' if self.is_post else 'GET'} {'/slow' if self.is_slow else '/echo' if self.is_post else '/'}"

    def text(self, host: str) -> bytes:
        """The bytes of the request."""
        body = f"request {self.number}" if self.is_post else ""
        lines = [f"{self.line} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
        lines += [] if self.is_kept else ["Connection: close"]
        return "\r\n".join([*lines, "", body]).encode()


@dataclass
class Answer:
    """One answer. is_last: the server closes the connection after it."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def is_last(self) -> bool:
        return self.headers.get("connection", "").lower() == "close"


@dataclass
class Tally:
    """The count. by: answers by (revision, server); failures: (seconds, request, reason)."""

    by: collections.Counter[tuple[str, str]] = field(default_factory=collections.Counter)
    failures: list[tuple[float, str, str]] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)

    @property
    def requests(self) -> int:
        return len(self.times_s) + len(self.failures)

    def line(self) -> str:
        """The line that everybody looks for."""
        return f"{self.requests} requests, {len(self.failures)} failed"

    def lines(self) -> list[str]:
        """The count in full, for people."""
        reasons = collections.Counter(f"{ask.split()[0]}, {reason}" for _, ask, reason in self.failures)
        rows = [f"  {count} x {reason}" for reason, count in reasons.most_common()]
        rows += [f"    after {at:.1f} s: {ask}: {reason}" for at, ask, reason in self.failures[:5]]
        by: dict[str, dict[str, int]] = {}
        for (revision, server), count in sorted(self.by.items()):
            by.setdefault(revision, {})[server] = count
        rows += [
            f"  {revision}: {', '.join(f'{server} {count}' for server, count in servers.items())}"
            for revision, servers in by.items()
        ]
        return [self.line(), *rows, self._latency()]

    def _latency(self) -> str:
        times = sorted(self.times_s) or [0.0]
        half, most = times[len(times) // 2], times[int(len(times) * 0.97)]
        return f"  half of the answers within {half * 1000:.0f} ms, 97 of 100 within {most * 1000:.0f} ms"

    def json(self) -> dict[str, Any]:
        """The count for programs."""
        by = [{"revision": r, "server": s, "answers": count} for (r, s), count in sorted(self.by.items())]
        failures = [{"at": round(at, 2), "request": ask, "reason": reason} for at, ask, reason in self.failures]
        return {"requests": self.requests, "failed": len(self.failures), "failures": failures, "by": by}


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Clients:
    """The clients of one run. A connection that is kept open is used by one request at a time."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._idle: collections.deque[tuple[float, Connection]] = collections.deque()
        self.tally = Tally()

    async def run(self, requests: int, rate: float, is_wanted: Callable[[], bool] = lambda: False) -> Tally:
        """Send them all, each at its own time, and more as long as they are wanted; wait for the answers."""
        draw = random.Random(1)
        start, tasks = time.monotonic(), []
        for number in itertools.count():
            if number >= requests and not is_wanted():
                break
            late_s = start + number / rate - time.monotonic()
            if late_s > 0:
                await asyncio.sleep(late_s)
            ask = Ask(number, *(draw.random() < share for share in (KEPT_SHARE, POST_SHARE, SLOW_SHARE)))
            tasks.append(asyncio.create_task(self._count(ask, start)))
        await asyncio.gather(*tasks)
        for _, (_, writer) in self._idle:
            writer.close()
        return self.tally

    async def _count(self, ask: Ask, start: float) -> None:
        """Send one request, and note its answer or the reason why there was none."""
        began = time.monotonic()
        reason, answer = None, None
        try:
            answer = await asyncio.wait_for(self._send(ask), TIMEOUT_S)
            reason = judged(ask, answer)
        except TimeoutError:
            reason = "timed out"
        except ConnectionRefusedError:
            reason = "connection refused"
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            reason = f"connection broken ({type(error).__name__})"
        except (OSError, ValueError) as error:
            reason = str(error) or type(error).__name__
        if reason is not None or answer is None:
            self.tally.failures.append((began - start, ask.line, reason or "no answer"))
            return
        self.tally.times_s.append(time.monotonic() - began)
        self.tally.by[answer.headers.get("x-revision", "?"), answer.headers.get("x-server", "?")] += 1

    async def _send(self, ask: Ask) -> Answer:
        reader, writer = (self._kept() if ask.is_kept else None) or await self._new()
        try:
            writer.write(ask.text(f"{self._host}:{self._port}"))
            answer = await received(reader)
        except BaseException:
            writer.close()
            raise
        if ask.is_kept and not answer.is_last:
            self._idle.append((time.monotonic(), (reader, writer)))
        else:
            writer.close()
        return answer

    async def _new(self) -> Connection:
        return await asyncio.wait_for(asyncio.open_connection(self._host, self._port), CONNECT_TIMEOUT_S)

    def _kept(self) -> Connection | None:
        """A connection that was used before and that nobody is known to have closed."""
        while self._idle:
            since, (reader, writer) = self._idle.popleft()
            if time.monotonic() - since < IDLE_S and not reader.at_eof():
                return reader, writer
            writer.close()
        return None


async def received(reader: asyncio.StreamReader) -> Answer:
    """Read one answer whose length is given."""
    first, *rows = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
    headers = {name.strip().lower(): value.strip() for name, _, value in (row.partition(":") for row in rows)}
    return Answer(int(first.split()[1]), headers, await reader.readexactly(int(headers.get("content-length", "0"))))


def judged(ask: Ask, answer: Answer) -> str | None:
    """The reason why an answer is a failure; None when it is right."""
    if answer.status != 200:
        return f"status {answer.status}"
    if ask.is_post and answer.body != f"request {ask.number}".encode():
        return "not the body that was sent"
    return None


def run(address: str, requests: int, rate: float, is_wanted: Callable[[], bool] = lambda: False) -> Tally:
    """Send requests to HOST:PORT. is_wanted: whether to go on after that many."""
    host, _, port = address.rpartition(":")
    return asyncio.run(Clients(host, int(port)).run(requests, rate, is_wanted))


def stdin_is_open() -> Callable[[], bool]:
    """A question: whether whoever started this still holds the other end of its stdin."""
    reader = threading.Thread(target=sys.stdin.buffer.read, daemon=True)
    reader.start()
    return reader.is_alive


def main() -> int:
    """Send them, and print the count. Exit code 1 when any failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", metavar="HOST:PORT")
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the count there too")
    parser.add_argument("--until-eof", action="store_true", help="go on after that many until stdin ends")
    options = parser.parse_args()
    is_wanted = stdin_is_open() if options.until_eof else lambda: False
    tally = run(options.address, options.requests, options.rate, is_wanted)
    if options.json:
        options.json.write_text(json.dumps(tally.json(), indent=1) + "\n")
    print("\n".join(tally.lines()))
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
