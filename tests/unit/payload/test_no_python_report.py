"""What a host without Python tells: a report that the collector believes; nothing where it could not or must not."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
import reports

from bootstrap.collector.body import read_report
from bootstrap.collector.ingest import authenticate, take
from bootstrap.collector.model import Run
from bootstrap.collector.refusal import Refusal
from bootstrap.payload.no_python_report import JOURNAL, MISSING, script
from bootstrap.runner.contract import server_key


def plan(**changes: Any) -> dict[str, Any]:
    key = base64.b64encode(server_key(reports.SECRET, "web-1", "d1")).decode()
    given = {
        "server": "web-1", "deploy_id": "d1", "revision": "0" * 12, "report": {"url": "https://c:8443/x", "key": key},
    }  # fmt: skip
    return given | changes


def sent(text: str) -> tuple[dict[str, str], bytes]:
    """(headers, body) of the request in a head's text."""
    body = re.search(r"(?m)^\{\"version.*$", text)
    assert body
    return dict(re.findall(r'"(webhook-[a-z]+): ([^"]+)"', text)), body[0].encode()


def test_the_collector_believes_it_and_takes_it_for_one_that_waits_for_a_python() -> None:
    headers, body = sent(script(plan(deadline_s=90.0)))
    signed = authenticate(reports.SECRET, headers, body)
    run = take(Run("web-1", "d1"), read_report(body, "web-1", "d1", JOURNAL, signed.first), 1000.0).run
    assert (run.view.state, run.view.missing, run.deadline_at) == ("waiting", (MISSING,), 1090.0)
    with pytest.raises(Refusal, match="signature"):
        authenticate(reports.SECRET, headers, body.replace(b"python3", b"python4"))


def test_the_hour_of_it_is_that_of_its_coming() -> None:
    _, body = sent(script(plan()))
    effect = take(Run("web-1", "d1"), read_report(body, "web-1", "d1", JOURNAL, 1), 1000.0)
    assert [stored.event["at"] for stored in effect.events] == [1000.0]


@pytest.mark.parametrize(
    "report",
    [
        pytest.param(None, id="no collector"),
        pytest.param({"url": "https://c", "ca": "-----BEGIN"}, id="an authority of its own"),
        pytest.param({"url": "https://me:secret@c"}, id="a password"),
        pytest.param({"url": "https://c/?token=secret"}, id="a query"),
        pytest.param({"url": "https://c/$(reboot)"}, id="what sh would run"),
        pytest.param({"url": 'https://c/";reboot;"'}, id="a quote"),
        pytest.param({"url": "https://c/\nreboot"}, id="a line"),
        pytest.param({"url": "https://c/" + "x" * 600}, id="a long one"),
    ],
)
def test_nothing_is_told_where_it_could_not_be_or_would_show_a_secret(report: dict[str, str] | None) -> None:
    told = plan(report=None) if report is None else plan(report=plan()["report"] | report)
    if report is None:
        del told["report"]
    assert script(told) == ""


def test_a_group_tells_nothing_since_its_servers_have_no_names_yet() -> None:
    assert script(plan(group="web-*")) == ""


def test_it_holds_no_key_and_no_character_that_the_glue_forbids() -> None:
    text = script(plan())
    assert plan()["report"]["key"] not in text
    assert not set(text) & set("'\\") and text.isascii()
