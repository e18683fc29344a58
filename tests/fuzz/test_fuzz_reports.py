"""Whatever is sent to a collector: no 5xx, nothing changed by a stranger, odd events refused or shown safely."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import reports
from fuzz_asked import TOKEN, Asked
from fuzz_strategies import any_text, cut_up, damaged, effort, values
from hypothesis import event, example, given
from hypothesis import strategies as st
from postgres import binaries, cluster

from bootstrap.collector.store_postgres import PostgresStore
from bootstrap.collector.store_sqlite import SqliteStore

EVIL = "<script>alert(1)</script>"
# Written as a number that Python reads as infinity.
HUGE = "1e999"
deploys = itertools.count()


@pytest.fixture(
    scope="module",
    params=["sqlite", pytest.param("postgres", marks=pytest.mark.skipif(not binaries(), reason="no PostgreSQL here"))],
)
def collector(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """A collector that has heard of one server."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            asked = Asked(SqliteStore(tmp_path_factory.mktemp("collector") / "collector.db", clock=lambda: 5000.0))
        else:
            asked = Asked(PostgresStore(stack.enter_context(cluster(binaries() or Path())), clock=lambda: 5000.0))
        stack.callback(asked.close)
        content, headers = reports.signed(reports.failed_story())
        assert asked.ask("POST", "/v1/events", body=content, headers=headers)[0] == 200
        yield asked


def refused(status: int, answered: bytes) -> str:
    """The reason in the one error shape of a 4xx."""
    assert 400 <= status < 500, answered
    reason = json.loads(answered)["error"]
    assert reason["code"] and isinstance(reason["message"], str) and reason["message"]
    return str(reason["code"])


# --- strangers --------------------------------------------------------------------------------------------------------

TRUE, SIGNED = reports.signed(reports.healthy_story("a"), server="web-2")
header_texts = st.text(st.characters(codec="latin-1"), max_size=80)


@st.composite
def forged(draw: Callable[[Any], Any]) -> tuple[bytes, dict[str, str]]:
    """(body, headers) that no key of ours has signed."""
    how = draw(st.sampled_from(["another key", "another body", "another header", "anything"]))
    if how == "another key":
        key_of = draw(st.sampled_from(["web-1", "web-*", "", "*"]))
        secret = draw(st.binary(max_size=40)) if key_of != "web-1" else reports.SECRET
        return reports.signed(reports.healthy_story("a"), server="web-2", secret=secret, key_of=key_of)
    if how == "another body":
        at, byte = draw(st.integers(0, len(TRUE))), draw(st.binary(min_size=1, max_size=3))
        cut = draw(st.integers(0, 3))
        return TRUE[:at] + byte + TRUE[at + cut :] + b" ", SIGNED
    if how == "another header":
        name = draw(st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature"]))
        at = draw(st.integers(0, len(SIGNED[name]) - 1))
        text = SIGNED[name][:at] + draw(header_texts) + SIGNED[name][at + draw(st.integers(0, 2)) :]
        # A second signature beside the right one is allowed.
        wrong = text if SIGNED["webhook-signature"] not in text and text != SIGNED[name] else "v1,x"
        return TRUE, {**SIGNED, name: wrong}
    names = st.sampled_from(["webhook-id", "webhook-timestamp", "webhook-signature", "content-length", "content-type"])
    body = draw(st.binary(max_size=100) | values.map(lambda tree: json.dumps(tree).encode()))
    return body, draw(st.dictionaries(names, header_texts | st.just("web-1/d/j/1") | st.just("1")))


@given(report=forged())
@effort(200)
def test_what_is_not_signed_by_its_server_changes_nothing(
    collector: Asked, report: tuple[bytes, dict[str, str]]
) -> None:
    before = collector.everything()
    status, answered = collector.ask("POST", "/v1/events", body=report[0], headers=report[1])
    event(refused(status, answered))
    assert collector.everything() == before


paths = st.sampled_from(["/v1/servers", "/v1/servers/web-1", "/v1/servers/web-1/events", "/", "/metrics", "/assets/x"])
PATHS = ["/v1/events", "/v1/expect", "/login", "/v1/servers/web-1/wait", "/v1/deploys/d/wait", "/rows", "/readyz"]


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "HEAD", "DELETE", "é"]),
    path=paths | st.sampled_from(PATHS) | any_text.map(lambda text: "/" + text) | any_text.map("/v1/servers/{}".format),
    query=header_texts | st.sampled_from(["deploy_id=%00", "state=x", "brief=2", "timeout_s=1e9", "for=x"]),
    body=st.binary(max_size=60),
    headers=st.dictionaries(
        st.sampled_from(["cookie", "host", "authorization", "content-length", "accept"]), header_texts | st.just("*")
    ),
)  # fmt: skip
@effort(150)
def test_a_stranger_learns_and_changes_nothing(
    collector: Asked, method: str, path: str, query: str, body: bytes, headers: dict[str, str]
) -> None:
    before = collector.everything()
    status, answered = collector.ask(method, path, query, body, headers)
    event(str(status))
    assert b"web-1" not in answered.replace(path.encode(), b"")
    assert collector.everything() == before


@given(
    path=st.sampled_from(["", "/events", "/wait"]).flatmap(
        lambda end: (any_text | st.just("\0")).map(lambda name: f"/v1/servers/{name}{end}")
    )
    | st.sampled_from(["/", "/v1/servers", "/v1/deploys/x/wait", "/v1/deploys/\0/wait"]),
    query=header_texts.map("timeout_s=0&deploy_id={}".format) | st.just("timeout_s=0&server=%00&server=a"),
)
@example("/v1/servers/\0", "")
@effort(60)
def test_a_reader_may_ask_for_anything(collector: Asked, path: str, query: str) -> None:
    status, answered = collector.ask("GET", path, query, headers={"authorization": f"Bearer {TOKEN}"})
    assert status == 200 or refused(status, answered)


# --- hosts with a key and odd ideas -----------------------------------------------------------------------------------

numbers = st.sampled_from(
    [-1, 0, 2**31, 2**53, 2**63, 10**400, -1e308, 0.1, True, "1", None, [1], HUGE, HUGE, float("nan")]
)
odd = st.one_of(
    numbers, numbers, any_text, st.sampled_from([EVIL, "\ud800", "\0", [], {}, [[]], [{"path": EVIL}]]), values
)
KEYS = {
    "started": ["stages", "host_keys", "addresses", "deadline_s"],
    "waiting": ["missing"],
    "fixed": ["path"],
    "stage.started": ["stage", "attempt"],
    "stage.ended": ["stage", "result", "attempt", "took_s", "exit_code", "signal", "cause", "tail", "outputs", "final"],
    "interrupted": ["stage", "attempt"],
    "rebooting": ["stage", "count"],
    "health": ["ok", "passed", "check", "saw"],
    "state": ["state", "final", "reason", "cause"],
    EVIL: [EVIL],
}
RIGHT: dict[str, Any] = {
    "stages": ["a", EVIL], "stage": EVIL, "result": "failed", "missing": [{"path": EVIL, "why": "absent"}], "ok": False,
    "state": "failed", "final": True, "tail": EVIL, "check": EVIL, "saw": EVIL, "reason": EVIL, "took_s": 2**52,
    "outputs": {EVIL: EVIL}, "addresses": [EVIL], "cause": EVIL, "attempt": 2, "exit_code": 1,
}  # fmt: skip


@st.composite
def stories(draw: Callable[[Any], Any]) -> list[dict[str, Any]]:
    """Events of all kinds, most values of the right type, some of any."""
    story = []
    for seq in range(1, 1 + draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(list(KEYS)))
        fields = {key: RIGHT[key] for key in KEYS[kind] if key in RIGHT}
        if draw(st.integers(0, 2)) == 0:
            fields[draw(st.sampled_from(KEYS[kind]))] = draw(odd)
        one = reports.event(seq, kind, **fields)
        if draw(st.integers(0, 9)) == 0:
            one[draw(st.sampled_from(["seq", "at", "uptime_s", "type"]))] = draw(odd)
        story.append(one)
    return story


def as_text(*story: dict[str, Any]) -> str:
    """The text of a report's body with these events."""
    return json.dumps(reports.body(list(story), deploy_id="DEPLOY")).replace(f'"{HUGE}"', HUGE)


@st.composite
def bodies(draw: Callable[[Any], Any]) -> str:
    """The text of a report's body, DEPLOY in place of its deploy id: right, odd, or no JSON at all."""
    story = draw(stories())
    tree = reports.body(story, deploy_id="DEPLOY")
    what = draw(st.integers(0, 9))
    if what == 0:
        tree = draw(damaged(tree))
    elif what == 1:
        key = draw(st.sampled_from(["revision", "instance_id", "boot_id", "state", "deadline_s", "group", "version"]))
        tree[key] = draw(odd)
    elif what == 2:
        tree["events"] = draw(st.permutations(story + story[:1]))
    text = json.dumps(tree, ensure_ascii=draw(st.booleans())).replace(f'"{HUGE}"', HUGE)
    return draw(cut_up(text)) if what == 3 else text


def strict(text: bytes | str) -> Any:
    """JSON as browsers read it: Infinity and NaN are none."""
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def _clean(value: Any) -> Any:
    """A value as it is stored: without half characters."""
    if isinstance(value, str):
        return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in value)
    if isinstance(value, list):
        return [_clean(one) for one in value]
    return {_clean(key): _clean(one) for key, one in value.items()} if isinstance(value, dict) else value


@given(text=bodies(), first=st.sampled_from([1] * 20 + [0, 2, 10**15]))
@example(as_text(reports.event(1, "stage.ended", stage="\ud800", result="failed", tail="\udfff", final=True)), 1)
@example(as_text(reports.event(1, "interrupted", stage=None)), 1)
@example(as_text(reports.event(1, "health", ok=True, more=HUGE)), 1)
@example("[" * 100_000, 1)
@example('{"version": 1, "events": ' + "[" * 20 + "]" * 20 + "}", 1)
@example("1" * 5000, 1)
@effort(300)
def test_an_odd_report_is_refused_with_a_reason_or_shown_safely(collector: Asked, text: str, first: int) -> None:
    deploy = f"d{next(deploys):09}"
    content = text.replace("DEPLOY", deploy).encode("utf-8", "surrogatepass")
    headers = reports.sign(content, deploy_id=deploy, first=first)
    status, answered = collector.ask("POST", "/v1/events", body=content, headers=headers)
    if status != 200:
        event("refused: " + refused(status, answered))
        assert strict(collector.read("/v1/servers", f"deploy_id={deploy}"))["servers"] == []
        return
    event("taken")
    sent = _clean(json.loads(content))["events"]
    acked = strict(answered)["acked"]
    (server,) = strict(collector.read("/v1/servers", f"deploy_id={deploy}"))["servers"] if sent else ({},)
    page = collector.read("/", f"deploy_id={deploy}").decode()
    assert EVIL not in page
    if not sent:
        return
    kept = strict(collector.read("/v1/servers/web-1/events", f"deploy_id={deploy}"))["events"]
    assert [{key: one[key] for key in was} for one, was in zip(kept, sent, strict=False)] == sent[: len(kept)]
    assert acked == len(kept) and (first != 1 or acked >= 1)
    assert all(isinstance(stage["name"], str) for stage in server["stages"])
    # The same once more, as after a lost answer: nothing is added.
    assert strict(collector.ask("POST", "/v1/events", body=content, headers=headers)[1])["acked"] == acked
    assert len(strict(collector.read("/v1/servers/web-1/events", f"deploy_id={deploy}"))["events"]) == acked


@given(
    text=values.map(json.dumps)
    | st.builds(lambda one: json.dumps([{"server": "a", "deploy_id": "d", "deadline_s": one}]), odd)
)
@effort(60)
def test_an_odd_manifest_is_refused_with_a_reason_or_taken(collector: Asked, text: str) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}
    status, answered = collector.ask("POST", "/v1/expect", body=text.encode("utf-8", "surrogatepass"), headers=headers)
    assert status == 200 or refused(status, answered)
    collector.everything()
