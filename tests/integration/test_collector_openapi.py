"""The OpenAPI document is true: every route, status, error code and parameter that it lists is met in a real answer.

Answers that a healthy collector never gives (its store is down, a body takes too long) come from the same app in this
process, over a store that fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema
import openapi_spec_validator
import pytest
import reports
from collector_process import DEPLOY_TOKEN, TOKEN, CollectorProcess
from fake_store import MemoryStore
from reports import event, failed_story, healthy_story
from whole_bundles import bundle_of, text_of

from bootstrap.collector import context
from bootstrap.collector.app import ENDPOINTS, create_app
from bootstrap.collector.bundles import url_of
from bootstrap.collector.openapi import document
from bootstrap.collector.refusal import CODES, Refusal
from bootstrap.collector.shelf import MAX_BUNDLE_BYTES

DEPLOY = reports.DEPLOY
Seen = tuple[str, int, str]  # (operation, status, error code or "")


@dataclass(frozen=True)
class Case:
    """A request to a real collector and the answer that it must get."""

    operation: str
    method: str
    path: str
    status: int = 200
    code: str = ""
    token: bool = True
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def seen(self) -> Seen:
        return self.operation, self.status, self.code


def get(operation: str, path: str, status: int = 200, code: str = "", **more: Any) -> Case:
    return Case(operation, "GET", path, status, code, more.pop("token", True), more)


def post(operation: str, path: str, status: int = 200, code: str = "", **more: Any) -> Case:
    return Case(operation, "POST", path, status, code, more.pop("token", True), more)


def put(operation: str, path: str, status: int = 200, code: str = "", **more: Any) -> Case:
    more = {"headers": DEPLOYER, **more}
    return Case(operation, "PUT", path, status, code, more.pop("token", True), more)


def report(status: int = 200, code: str = "", *, content: bytes | None = None, **headers: str) -> Case:
    body, signed = reports.signed(healthy_story("a"), server="oa-sent")
    if content is not None:
        body, signed = content, reports.sign(content, server="oa-sent")
    return post(
        "post_events", "/v1/events", status, code, token=False, data=body, headers={**signed, **headers}
    )


def asker(**more: Any) -> dict[str, str]:
    return reports.sign(b"", server="oa-healthy", first=0, **more)


MANIFESTS = [{"server": "oa-silent", "deploy_id": DEPLOY, "deadline_s": 0, "revision": None}]
TARGETS = [{"target": "user-data", "bundle": {"size": 4, "runner": "0" * 64}}, {"bundle": {"runner": None}}, {}]
LARGE = b" " * ((1 << 20) + 1)
DEPLOYER = {"authorization": f"Bearer {DEPLOY_TOKEN}"}
LEASE = {"holder": "ci, process 12", "ttl_s": 60}
TEXT, BUNDLE = text_of("one"), bundle_of("one")
RUNNER_PATH, BUNDLE_PATH = f"/v1/runner/{TEXT[0]}", f"/v1/bundles/{BUNDLE[0]}"
NOWHERE = "0" * 64
HTML = {"accept": "text/html"}
CASES = [
    report(),
    report(401, "forged", **{"webhook-signature": "v1,AAAA"}),
    report(413, "too_large", content=LARGE),
    report(422, "malformed", content=b"{}"),
    post("post_expect", "/v1/expect", json=MANIFESTS),
    post("post_expect", "/v1/expect", json={"manifests": MANIFESTS}),
    post("post_expect", "/v1/expect", 401, "unauthorised", token=False, json=MANIFESTS),
    post("post_expect", "/v1/expect", 413, "too_large", data=LARGE),
    post("post_expect", "/v1/expect", 422, "malformed", json=[{"server": "x"}]),
    get("get_servers", "/v1/servers"),
    get("get_servers", f"/v1/servers?deploy_id={DEPLOY}&state=failed&group=oa-*&brief=1"),
    get("get_servers", "/v1/servers?brief=true"),
    get("get_servers", "/v1/servers", 401, "unauthorised", token=False),
    get("get_servers", "/v1/servers?state=fine", 422, "malformed"),
    get("get_server", "/v1/servers/oa-failed"),
    get("get_server", f"/v1/servers/oa-waiting?deploy_id={DEPLOY}"),
    get("get_server", f"/v1/servers/oa-failed?deploy_id={DEPLOY}", token=False, headers=asker()),
    get(
        "get_server", f"/v1/servers/oa-failed?deploy_id={DEPLOY}&group=oa-*", token=False, headers=asker(key_of="oa-*")
    ),
    get("get_server", "/v1/servers/oa-failed", 401, "unauthorised", token=False),
    get("get_server", "/v1/servers/oa-failed?deploy_id=other", 401, "forged", token=False, headers=asker()),
    get("get_server", "/v1/servers/oa-never", 404, "not_found"),
    get("get_server", "/v1/servers/oa-failed?deploy_id=../x", 422, "malformed"),
    get("get_events", "/v1/servers/oa-failed/events"),
    get("get_events", f"/v1/servers/oa-late/events?deploy_id={DEPLOY}"),
    get("get_events", "/v1/servers/oa-failed/events", 401, "unauthorised", token=False),
    get("get_events", "/v1/servers/oa-never/events", 404, "not_found"),
    get("get_events", "/v1/servers/oa-failed/events?deploy_id=-", 422, "malformed"),
    get("wait_server", "/v1/servers/oa-failed/wait?for=healthy&timeout_s=30"),
    get("wait_server", f"/v1/servers/oa-failed/wait?timeout_s=0&deploy_id={DEPLOY}&after={DEPLOY}"),
    get("wait_server", "/v1/servers/oa-never/wait?timeout_s=0"),
    get("wait_server", "/v1/servers/oa-failed/wait", 401, "unauthorised", token=False),
    get("wait_server", "/v1/servers/%00/wait", 404, "not_found"),
    get("wait_server", "/v1/servers/oa-failed/wait?for=coffee", 422, "malformed"),
    get("wait_deploy", f"/v1/deploys/{DEPLOY}/wait?for=healthy&timeout_s=0&count=2&failures=9&group=oa-*"),
    get("wait_deploy", f"/v1/deploys/{DEPLOY}/wait?timeout_s=0"),
    get("wait_deploy", "/v1/deploys/never/wait?timeout_s=0"),
    get("wait_deploy", f"/v1/deploys/{DEPLOY}/wait", 401, "unauthorised", token=False),
    get("wait_deploy", f"/v1/deploys/{DEPLOY}/wait?count=0", 422, "malformed"),
    get("get_stream", f"/v1/stream?deploy_id={DEPLOY}", stream=True),
    get("get_stream", "/v1/stream", 401, "unauthorised", token=False),
    get("get_stream", "/v1/stream?deploy_id=..", 422, "malformed"),
    get("get_refused", "/v1/refused"),
    get("get_refused", "/v1/refused", 401, "unauthorised", token=False),
    put("put_runner", RUNNER_PATH, 201, data=TEXT[1]),
    put("put_runner", RUNNER_PATH, data=TEXT[1]),
    put("put_runner", RUNNER_PATH, 401, "unauthorised", token=False, data=TEXT[1], headers={}),
    put("put_runner", RUNNER_PATH, 403, "forbidden", data=TEXT[1], headers={}),
    put("put_runner", RUNNER_PATH, 413, "too_large", data=LARGE),
    put("put_runner", RUNNER_PATH, 422, "malformed", data=b"x"),
    get("get_runner", RUNNER_PATH, token=False),
    get("get_runner", RUNNER_PATH, 304, token=False, headers={"if-none-match": f'"{TEXT[0]}"'}),
    get("get_runner", f"/v1/runner/{NOWHERE}", 404, "not_found", token=False),
    put("put_bundle", f"{BUNDLE_PATH}?expires_s=3600", 201, data=BUNDLE[1]),
    put("put_bundle", BUNDLE_PATH, data=BUNDLE[1]),
    put("put_bundle", BUNDLE_PATH, 401, "unauthorised", token=False, data=BUNDLE[1], headers={}),
    put("put_bundle", BUNDLE_PATH, 403, "forbidden", data=BUNDLE[1], headers={}),
    put("put_bundle", BUNDLE_PATH, 413, "too_large", data=b" " * (MAX_BUNDLE_BYTES + 1)),
    put("put_bundle", BUNDLE_PATH, 422, "malformed", data=b"x"),
    get("get_bundle", url_of(reports.SECRET, BUNDLE[0], 4_000_000_000), token=False),
    get("get_bundle", BUNDLE_PATH, 403, "unsigned"),
    get("get_bundle", url_of(reports.SECRET, BUNDLE[0], 1), 410, "expired"),
    get("get_bundle", url_of(reports.SECRET, NOWHERE, 4_000_000_000), 404, "not_found"),
    post("post_lease", "/v1/leases/oa.web", headers=DEPLOYER, json=LEASE),
    post("post_lease", "/v1/leases/oa.web", 409, "held", headers=DEPLOYER, json=LEASE),
    post("post_lease", "/v1/leases/oa.db", 409, "lost", headers=DEPLOYER, json={**LEASE, "fence": 1}),
    post("post_lease", "/v1/leases/oa.web", 401, "unauthorised", token=False, json=LEASE),
    post("post_lease", "/v1/leases/oa.web", 403, "forbidden", json=LEASE),
    post("post_lease", "/v1/leases/oa.web", 413, "too_large", headers=DEPLOYER, data=LARGE),
    post("post_lease", "/v1/leases/oa.web", 422, "malformed", headers=DEPLOYER, json={**LEASE, "ttl_s": 0}),
    get("get_leases", "/v1/leases"),
    get("get_leases", "/v1/leases", 401, "unauthorised", token=False),
    get("get_openapi", "/v1/openapi.json", token=False),
    get("get_metrics", "/metrics"),
    get("get_metrics", "/metrics", 401, "unauthorised", token=False),
    get("healthz", "/healthz", token=False),
    get("readyz", "/readyz", token=False),
    get("get_dashboard", f"/?deploy_id={DEPLOY}&state=failed"),
    get("get_dashboard", "/", 303, token=False),
    get("get_dashboard", "/?deploy_id=..", 422, "malformed"),
    get("get_rows", f"/rows?deploy_id={DEPLOY}", stream=True),
    get("get_rows", "/rows", 401, "unauthorised", token=False),
    get("get_rows", "/rows?deploy_id=..", 422, "malformed"),
    get("login_page", "/login", token=False),
    post("login", "/login", 303, token=False, data={"token": TOKEN}),
    post("login", "/login", 401, token=False, data={"token": "x"}, headers=HTML),
    post("login", "/login", 401, "unauthorised", token=False, data={"token": "x"}),
    post("login", "/login", 413, "too_large", token=False, data=LARGE),
    get("get_asset", "/assets/dashboard.css", token=False),
    get("get_asset", "/assets/dashboard.js", token=False),
    get("get_asset", "/assets/secret", 404, "not_found", token=False),
]
GOOD = {case.operation: case for case in reversed(CASES) if not case.code}


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    """A collector that has servers in every state, a conflict, late events and a refused report."""
    with CollectorProcess(tmp_path_factory.mktemp("collector")) as running:
        running_story = healthy_story("a", "b")[:3]
        running.report(failed_story(), server="oa-failed")
        running.report(healthy_story("a"), server="oa-healthy")
        running.report([*healthy_story("a"), event(7, "fixed", path="/x", brand_new=[1, None])], server="oa-late")
        keys = {"host_keys": ["ssh-ed25519 A"], "addresses": ["10.0.0.1"]}
        running.report([event(1, "started", stages=["a"], **keys)], server="oa-new")
        missing = [{"path": "/etc/k", "why": "short", "have": 1, "want": None}, {"path": "join", "why": "needs"}]
        waiting = event(1, "waiting", missing=missing, **{"for": "no answer"})
        unhealthy = event(2, "health", ok=False, check="c", saw="s")
        running.report([waiting, unhealthy], server="oa-waiting", state="waiting")
        running.report(running_story, server="oa-group", key_of="oa-*", group="oa-*")
        outputs = {"outputs": {"version": "3"}, "signal": 9, "exit_code": None}
        ended = event(4, "stage.ended", stage="a", result="interrupted", **outputs)
        running.report([*running_story, ended], server="oa-ended")
        again = [event(4, "state", state="running")]
        for journal, events in (("j-a", running_story), ("j-b", running_story), ("j-a", again)):
            running.report(events, server="oa-two", journal=journal)
        running.send(*reports.signed(running_story, server="oa-forged", secret=b"x" * 32))
        running.send(*reports.signed(failed_story(), server="oa-health", state="failed"))
        yield running


@pytest.fixture(scope="module")
def served(collector: CollectorProcess) -> dict[str, Any]:
    described: dict[str, Any] = collector.ask("GET", "/v1/openapi.json", token=False).json()
    return described


def operations(described: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every operation by its id, with its method and path."""
    return {
        operation["operationId"]: {**operation, "method": method.upper(), "path": path}
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    }


def closed(schema: Any, name: str = "") -> Any:
    """The schema without room for keys that it does not list. Events alone may have others, of newer runners."""
    if isinstance(schema, list):
        return [closed(child) for child in schema]
    if not isinstance(schema, dict) or name in ("ReportedEvent", "StoredEvent"):
        return schema
    changed = {key: closed(child, key) for key, child in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        changed["additionalProperties"] = False
    return changed


def assert_described(described: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    components = {"schemas": closed(described["components"]["schemas"])}
    jsonschema.Draft202012Validator({**closed(schema), "components": components}).validate(value)


def test_the_document_is_valid_openapi(served: dict[str, Any]) -> None:
    assert served == json.loads(json.dumps(document(ENDPOINTS)))
    openapi_spec_validator.validate(copy.deepcopy(served))


def test_every_route_of_the_app_is_in_the_document(served: dict[str, Any]) -> None:
    app = create_app(MemoryStore(), secret=reports.SECRET, token=TOKEN)
    routes = {(method, route.path) for route in app.routes for method in route.methods - {"HEAD"}}  # type: ignore[attr-defined]
    assert {(operation["method"], operation["path"]) for operation in operations(served).values()} == routes


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.method} {case.path} {case.code}"[:90])
def test_an_answer_is_as_the_document_says(collector: CollectorProcess, served: dict[str, Any], case: Case) -> None:
    operation = operations(served)[case.operation]
    response = collector.ask(case.method, case.path, token=case.token, **copy.deepcopy(case.more))
    assert response.status_code == case.status, response.text
    answer = operation["responses"][str(case.status)]
    assert set(answer.get("headers", {})) <= {name.lower() for name in response.headers}
    media = response.headers.get("content-type", "").partition(";")[0]
    if "content" not in answer:
        assert (media, response.content) == ("", b"")
        return
    described = answer["content"].get(media) or answer["content"][media.partition("/")[0] + "/*"]
    if media == "application/json":
        assert_described(served, described["schema"], response.json())
        assert response.headers["cache-control"] == "no-store"
        assert response.json().get("error", {"code": ""})["code"] == case.code
    elif media == "text/event-stream":
        lines = response.iter_lines(chunk_size=1, decode_unicode=True)
        assert [next(lines) for _ in range(3)] == ["retry: 2000", "event: ready", "data: {}"]
        response.close()


def test_an_event_of_the_stream_is_a_server(collector: CollectorProcess, served: dict[str, Any]) -> None:
    with collector.ask("GET", "/v1/stream?deploy_id=streamed", stream=True) as response:
        lines = response.iter_lines(chunk_size=1, decode_unicode=True)
        assert next(line for line in lines if line.startswith("data:")) == "data: {}"
        collector.report(failed_story(), server="oa-streamed", deploy_id="streamed")
        data = next(line for line in lines if line.startswith("data:"))
    assert_described(served, {"$ref": "#/components/schemas/Server"}, json.loads(data[6:]))


@pytest.mark.parametrize(
    ("operation", "good", "bad"),
    [
        ("post_events", reports.body(failed_story()), reports.body([event(0, "fixed")])),
        ("post_events", reports.body([event(1, "brand.new", any=[1])]), reports.body([event(1, "health", ok="yes")])),
        ("post_expect", MANIFESTS, [{"server": "x"}]),
        ("post_expect", [{**MANIFESTS[0], "targets": TARGETS}], [{**MANIFESTS[0], "targets": {}}]),
        ("post_expect", MANIFESTS, [{**MANIFESTS[0], "targets": [{"bundle": {"runner": "x"}}]}]),
        ("post_lease", LEASE, {**LEASE, "ttl_s": 0.5}),
        ("post_lease", {**LEASE, "ttl_s": 0, "fence": 3}, {**LEASE, "holder": "two\nlines"}),
        ("post_expect", {"manifests": MANIFESTS}, {"manifests": [{"server": "x", "deploy_id": "d", "deadline_s": -1}]}),
    ],
)
def test_a_body_is_described(served: dict[str, Any], operation: str, good: Any, bad: Any) -> None:
    (described,) = operations(served)[operation]["requestBody"]["content"].values()
    judge = jsonschema.Draft202012Validator({**described["schema"], "components": served["components"]})
    assert (judge.is_valid(good), judge.is_valid(bad)) == (True, False)


def test_every_parameter_is_used_by_a_case(served: dict[str, Any]) -> None:
    used = {
        (case.operation, name) for case in CASES if not case.code for name, _ in parse_qsl(urlsplit(case.path).query)
    }
    assert used == {
        (name, parameter["name"])
        for name, operation in operations(served).items()
        for parameter in operation["parameters"]
        if parameter["in"] == "query"
    }


# --- what a healthy collector never answers ---------------------------------------------------------------------------


class BrokenStore(MemoryStore):
    """Fails at every question and every write."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def take(self, *_: Any) -> int:
        raise self.error

    expect = run = runs = events = lease = leases = take  # type: ignore[assignment]

    @property
    def shelf(self) -> Any:
        return self

    @shelf.setter
    def shelf(self, _: Any) -> None:
        """Leave the shelf of the base class aside."""

    texts = text = keep_text = begin_bundle = bundle = take


Messages = list[dict[str, Any]]


def ask(app: Any, case: Case, incoming: Messages | None, host: str) -> tuple[int, dict[str, str], Any]:
    """(status, headers, JSON) of one request to the app in this process. incoming: None is a body that never comes."""
    url = urlsplit(case.path)
    headers = {"host": host, "authorization": f"Bearer {TOKEN}", **case.more.get("headers", {})}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": case.method, "scheme": "http",
        "path": url.path.replace("%00", "x"), "query_string": url.query.encode(), "server": ("127.0.0.1", 80),
        "client": ("127.0.0.1", 1),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    messages = iter(incoming or ())
    sent: list[Any] = []

    async def receive() -> Any:
        if incoming is None:
            await asyncio.Event().wait()
        return next(messages, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        sent.append(message)

    async def run() -> None:
        # Starlette answers a bug, then raises it again for the server's log.
        with contextlib.suppress(RuntimeError):
            await asyncio.wait_for(app(scope, receive, send), 60)

    asyncio.run(run())
    answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], answered, json.loads(b"".join(message.get("body", b"") for message in sent))


def whole(case: Case) -> Messages:
    """The messages that bring the whole body of a case."""
    content = case.more.get("data", json.dumps(case.more.get("json")).encode())
    return [{"type": "http.request", "body": content if isinstance(content, bytes) else b"token=x", "more_body": False}]


BODY = [name for name, operation in operations(document(ENDPOINTS)).items() if "requestBody" in operation]
UPLOADS = ("put_runner", "put_bundle")
STORE = [route.name for route in ENDPOINTS if route.reads_store]
RARE = [
    *((name, code) for name in BODY for code in ("cut", "slow", "full")),
    *((name, "unavailable") for name in STORE),
    # One handler answers the bugs of all routes; those that read the store can be made to have one.
    *((name, "bug") for name in STORE),
    *((name, "stopping") for name in ("post_events", "post_expect", "post_lease", "readyz", *UPLOADS)),
    *((name, "no_room") for name in UPLOADS),
    *((route.name, "wrong_host") for route in ENDPOINTS),
]


@pytest.mark.parametrize(("name", "code"), RARE, ids=lambda value: value)
def test_a_rare_error_is_as_the_document_says(monkeypatch: pytest.MonkeyPatch, name: str, code: str) -> None:
    case, described = GOOD[name], document(ENDPOINTS)
    retry_after_s = None if code == "no_room" else 5
    error = RuntimeError() if code == "bug" else Refusal(code, "it is so", retry_after_s=retry_after_s)
    app = create_app(BrokenStore(error), secret=reports.SECRET, token=TOKEN, deploy_token=DEPLOY_TOKEN)
    incoming: Messages | None = whole(case)
    host = "evil.example" if code == "wrong_host" else "localhost"
    if code == "cut":
        incoming = []
    elif code == "slow":
        monkeypatch.setattr(context, "BODY_TIMEOUT_S", 0.01)
        incoming = None
    elif code == "full":
        monkeypatch.setattr(context, "MAX_HELD_BYTES", 1)
    elif code == "stopping":
        app.state.collector.hub.close()
    status, headers, shape = ask(app, case, incoming, host)
    answer = operations(described)[name]["responses"][str(status)]
    assert (status, shape["error"]["code"]) == (CODES[code].status, code)
    assert_described(described, answer["content"]["application/json"]["schema"], shape)
    assert ("retry-after" in headers) == (code in ("full", "stopping", "unavailable")) == ("headers" in answer)


def test_every_answer_of_the_document_is_met() -> None:
    met = {case.seen for case in CASES} | {(name, CODES[code].status, code) for name, code in RARE}
    described: set[Seen] = set()
    for route in ENDPOINTS:
        described |= {(route.name, status, "") for status in route.answers}
        described |= {(route.name, CODES[code].status, code) for code in route.codes}
    without_store = {(route.name, 500, "bug") for route in ENDPOINTS if not route.reads_store}
    assert met == described - without_store
