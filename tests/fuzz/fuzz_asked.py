"""The collector's own app, asked in this process: what a route raises is seen here instead of a 500."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote

import reports

from bootstrap.collector.app import create_app
from bootstrap.collector.store import Store

TOKEN = "a-token-for-tests-0123456789"


class Asked:
    """The collector's own app over a store on disk, asked as a server asks it, without a socket between."""

    def __init__(self, store: Store) -> None:
        self.loop = asyncio.new_event_loop()
        self.store = store
        self.app = create_app(self.store, secret=reports.SECRET, token=TOKEN, clock=lambda: 5000.0)
        self.loop.run_until_complete(self.store.open(lambda keys: None))

    def close(self) -> None:
        self.loop.run_until_complete(self.store.close())
        self.loop.close()

    def ask(
        self, method: str, path: str, query: str = "", body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        """(status, body). An exception in a route is raised here: it would be a 500."""
        given = {"host": "localhost", **(headers or {})}
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": path, "raw_path": quote(path).encode(), "query_string": query.encode("latin-1", "replace"),
            "headers": [(name.encode(), value.encode("latin-1", "replace")) for name, value in given.items()],
            "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1),
        }  # fmt: skip
        incoming = iter([{"type": "http.request", "body": body, "more_body": False}])
        sent: list[Any] = []

        async def receive() -> Any:
            return next(incoming, {"type": "http.disconnect"})

        async def send(message: Any) -> None:
            sent.append(message)

        self.loop.run_until_complete(asyncio.wait_for(self.app(scope, receive, send), 60))
        answered = b"".join(message.get("body", b"") for message in sent)
        assert sent[0]["status"] < 500, answered
        return sent[0]["status"], answered

    def read(self, path: str, query: str = "") -> bytes:
        """What a reader with the token gets; it must be there."""
        status, found = self.ask("GET", path, query, headers={"authorization": f"Bearer {TOKEN}"})
        assert status == 200, (path, query, found)
        return found

    def everything(self) -> list[bytes]:
        """All that it knows."""
        servers = self.read("/v1/servers")
        return [servers, *(self.read(f"/v1/servers/{one['server']}/events") for one in json.loads(servers)["servers"])]
