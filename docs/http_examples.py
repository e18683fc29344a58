"""Asks the collector's own app the questions that docs/reference/http.md shows, and records its answers.

The clock stands still, so that the page is the same whenever it is made. A test runs the same commands with curl
against a real collector.
"""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.collector.app import create_app
from bootstrap.collector.store_sqlite import SqliteStore
from bootstrap.runner.contract import server_key, signature

SECRET = bytes(range(32))
TOKEN = "the-token-of-the-examples"  # noqa: S105
DEPLOY_TOKEN = "the-token-that-may-deploy"  # noqa: S105
DEPLOY = "20261120T120000-ab12cd"
NOW = 1_795_867_200.0

_BEGIN: list[dict[str, Any]] = [
    {"type": "started", "stages": ["packages", "site"], "addresses": ["10.0.0.11"]},
    {"type": "stage.started", "stage": "packages", "attempt": 1},
]
_DONE = {"type": "stage.ended", "result": "done", "attempt": 1, "exit_code": 0, "final": True}
_FAILED = {
    "type": "stage.ended",
    "stage": "packages",
    "result": "failed",
    "attempt": 1,
    "took_s": 3.2,
    "exit_code": 100,
    "cause": "exit",
    "tail": "E: Unable to locate package apache3\n",
    "final": True,
}
# The servers that the examples find: (name, state, events without their numbers and times).
STORIES: list[tuple[str, str, list[dict[str, Any]]]] = [
    (
        "web-1",
        "healthy",
        [
            *_BEGIN,
            {**_DONE, "stage": "packages", "took_s": 41.3},
            {"type": "stage.started", "stage": "site", "attempt": 1},
            {**_DONE, "stage": "site", "took_s": 0.4, "outputs": {"version": "3"}},
            {"type": "health", "ok": True, "passed": 3},
            {"type": "state", "state": "healthy", "final": True},
        ],
    ),
    (
        "web-2",
        "failed",
        [
            *_BEGIN,
            _FAILED,
            {"type": "state", "state": "failed", "final": True, "reason": "packages: exit 100", "cause": "exit"},
        ],
    ),
]
# The events of web-3, which SCRIPT sends.
BY_HAND = [{"type": "started", "stages": ["packages"]}, {"type": "state", "state": "running", "final": False}]
# Sends the report of web-3. The page shows it, and the test runs it.
SCRIPT = """\
# file: send_report.py
import base64, hashlib, hmac, json, os, time, urllib.request

secret = base64.b64decode(open("collector.secret").read())
server, deploy_id, journal = "web-3", "20261120T120000-ab12cd", "j-0003"
events = [
    {"seq": 1, "at": time.time(), "uptime_s": 12.5, "type": "started", "stages": ["packages"]},
    {"seq": 2, "at": time.time(), "uptime_s": 12.6, "type": "state", "state": "running", "final": False},
]
report = {"version": 1, "server": server, "deploy_id": deploy_id, "journal": journal, "revision": "0c5d2c7a91ef",
          "instance_id": "i-3", "boot_id": "b-3", "state": "running", "deadline_s": 3600, "events": events}
body = json.dumps(report).encode()

key = hmac.new(secret, f"initialrunner/v1\\n{server}\\n{deploy_id}".encode(), hashlib.sha256).digest()
webhook_id = f"{server}/{deploy_id}/{journal}/{events[0]['seq']}"
timestamp = str(int(time.time()))
signed = f"{webhook_id}.{timestamp}.".encode() + body
signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
headers = {"content-type": "application/json", "webhook-id": webhook_id, "webhook-timestamp": timestamp,
           "webhook-signature": f"v1,{signature}"}
request = urllib.request.Request(os.environ["BOOTSTRAP_COLLECTOR"] + "/v1/events", body, headers)
print(urllib.request.urlopen(request).read().decode())
"""


@dataclass(frozen=True)
class Example:
    """A request of the page. grep: only the lines of the answer that begin so; exit_code: of the command.

    deploys: whether it is sent with the token that has the right to deploy.
    """

    path: str
    options: str = ""
    body: str = ""
    token: bool = True
    grep: str = ""
    exit_code: int = 0
    script: str = ""
    deploys: bool = False

    @property
    def command(self) -> str:
        """The command line that sends it."""
        if self.script:
            return "python3 send_report.py"
        words = ["curl", "--silent", *([self.options] if self.options else [])]
        if self.token:
            variable = "BOOTSTRAP_DEPLOY_TOKEN" if self.deploys else "BOOTSTRAP_TOKEN"
            words.append(f'-H "Authorization: Bearer ${variable}"')
        if self.body:
            words.append(f"--data {shlex.quote(self.body)}")
        line = " ".join([*words, f'"$BOOTSTRAP_COLLECTOR{self.path}"'])
        return f"{line} | grep {shlex.quote('^' + self.grep)}" if self.grep else line


_MANIFEST = json.dumps([{"server": "web-4", "deploy_id": DEPLOY, "deadline_s": 3600}])
_LEASE = json.dumps({"holder": "ana@laptop, deploy of the shop", "ttl_s": 60})
# In the order of the page: an answer shows the effect of the requests above it.
EXAMPLES: dict[str, Example] = {
    "post_events": Example("/v1/events", script=SCRIPT, token=False),
    "post_expect": Example("/v1/expect", body=_MANIFEST),
    "get_servers": Example(f"/v1/servers?deploy_id={DEPLOY}&state=failed&brief=1"),
    "get_server": Example("/v1/servers/web-2"),
    "get_events": Example(f"/v1/servers/web-3/events?deploy_id={DEPLOY}"),
    "wait_server": Example(f"/v1/servers/web-1/wait?for=healthy&timeout_s=30&deploy_id={DEPLOY}"),
    "wait_deploy": Example(f"/v1/deploys/{DEPLOY}/wait?for=healthy&count=4&timeout_s=30"),
    "get_stream": Example(f"/v1/stream?deploy_id={DEPLOY}", options="--no-buffer --max-time 1", exit_code=28),
    "get_refused": Example("/v1/refused"),
    "post_lease": Example("/v1/leases/shop.web", body=_LEASE, deploys=True),
    "get_leases": Example("/v1/leases"),
    "get_metrics": Example("/metrics", grep="initialrunner_collector_servers"),
    "healthz": Example("/healthz", token=False),
    "readyz": Example("/readyz", token=False),
    "error": Example("/v1/servers/web-9"),
}


Report = tuple[bytes, dict[str, str]]


def report(server: str, state: str, events: list[dict[str, Any]], secret: bytes = SECRET) -> Report:
    """(body, headers) of a signed report of some events."""
    journal = f"j-000{server[-1]}"
    numbered = [{"seq": i, "at": NOW - 60 + i, "uptime_s": 20.0 + i, **event} for i, event in enumerate(events, 1)]
    content = {
        "version": 1,
        "server": server,
        "deploy_id": DEPLOY,
        "journal": journal,
        "revision": "0c5d2c7a91ef",
        "instance_id": f"i-{server[-1]}",
        "boot_id": f"b-{server[-1]}",
        "state": state,
        "deadline_s": 3600,
        "events": numbered,
    }
    body, webhook_id, timestamp = json.dumps(content).encode(), f"{server}/{DEPLOY}/{journal}/1", str(int(NOW))
    mark = signature(server_key(secret, server, DEPLOY), webhook_id, timestamp, body)
    return body, {"webhook-id": webhook_id, "webhook-timestamp": timestamp, "webhook-signature": mark}


def seeds() -> list[Report]:
    """The reports that stand in the collector before the first example; the last of them is refused."""
    forged = report("web-5", "running", _BEGIN, secret=bytes(32))
    return [*(report(*story) for story in STORIES), forged]


def recorded() -> dict[str, str]:
    """The answer to each example, as the page shows it."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(_record(Path(folder)))


async def _record(folder: Path) -> dict[str, str]:
    store = SqliteStore(folder / "collector.db", clock=lambda: NOW)
    app = create_app(store, secret=SECRET, token=TOKEN, deploy_token=DEPLOY_TOKEN, clock=lambda: NOW)
    await store.open(app.state.collector.hub.changed)
    try:
        for body, headers in seeds():
            await _ask(app, "/v1/events", body, headers)
        texts = {}
        for name, example in EXAMPLES.items():
            token = DEPLOY_TOKEN if example.deploys else TOKEN
            body, headers = example.body.encode(), {"authorization": f"Bearer {token}"}
            if example.script:
                body, headers = report("web-3", "running", BY_HAND)
            text = await _ask(app, example.path, body, headers)
            lines = [line for line in text.splitlines() if line.startswith(example.grep)]
            texts[name] = "\n".join(lines) if example.grep else folded(text)
        return texts
    finally:
        await store.close()


async def _ask(app: Any, path: str, body: bytes, headers: dict[str, str]) -> str:
    """The body of the answer to one request; of a stream, its beginning."""
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST" if body else "GET",
        "scheme": "http",
        "path": path,
        "query_string": query.encode(),
        "headers": [(key.encode(), value.encode()) for key, value in {"host": "localhost", **headers}.items()],
        "server": ("127.0.0.1", 8080),
        "client": ("10.0.0.15", 1),
    }
    messages = iter([{"type": "http.request", "body": body, "more_body": False}])
    parts: list[bytes] = []
    answered = asyncio.Event()

    async def receive() -> Any:
        message = next(messages, None)
        if message is None:
            # The client stays until it has the first part, then closes the connection: a stream would never end.
            await answered.wait()
            return {"type": "http.disconnect"}
        return message

    async def send(message: Any) -> None:
        if message.get("body"):
            parts.append(message["body"])
            answered.set()

    await app(scope, receive, send)
    return b"".join(parts).decode()


def folded(text: str, width: int = 110) -> str:
    """JSON with line breaks where a line would be longer than width; other text as it is."""
    try:
        value = json.loads(text)
    except ValueError:
        return text.strip()
    return _fold(value, "", width)


def _fold(value: Any, indent: str, width: int) -> str:
    line = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(line) <= width or not isinstance(value, dict | list):
        return line
    inner = indent + "  "
    if isinstance(value, list):
        rows = [_fold(child, inner, width) for child in value]
        return "[\n" + ",\n".join(inner + row for row in rows) + f"\n{indent}]"
    rows = [f"{json.dumps(key)}: {_fold(child, inner, width)}" for key, child in value.items()]
    return "{\n" + ",\n".join(inner + row for row in rows) + f"\n{indent}}}"


def steady(text: str) -> str:
    """An answer without what differs from run to run: times and the addresses that requests come from."""
    text = re.sub(r"\b(at|received_at|\w+_seen|\w+_at|uptime_s|until)\": [\d.]+", r'\1": 0', text)
    return re.sub(r'"peer": "[^"]+"', '"peer": ""', text)
