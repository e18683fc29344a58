"""Every report that was not taken leaves a reason for people, whatever the collector answers, and takes nothing off."""

from __future__ import annotations

import base64
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from scripted_site import Site, Turn

from bootstrap.runner.host import Host
from bootstrap.runner.tick.report import Report

pytestmark = pytest.mark.integration


def outbox(site: Site) -> Report:
    """The outbox of a journal of three events."""
    events = [{"seq": number, "type": "fixed"} for number in (1, 2, 3)]
    journal = SimpleNamespace(id="j", events=events, find=lambda kind: [])
    report = {"url": site.url, "key": base64.b64encode(b"k" * 32).decode()}
    return Report(Host(), {"server": "web-1", "deploy_id": "d1", "report": report}, journal, lambda: 60.0)


@pytest.mark.fault(64)
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b'{"acked": true}', 'collector answers 200 {"acked": true}'),
        (b'{"acked": 3.9}', 'collector answers 200 {"acked": 3.9}'),
        (b'{"acked": -1}', 'collector answers 200 {"acked": -1}'),
        (b'{"acked": "3"}', 'collector answers 200 {"acked": "3"}'),
        (b'{"acked": null}', 'collector answers 200 {"acked": null}'),
        (b'{"acked": [3]}', 'collector answers 200 {"acked": [3]}'),
        (b"{}", "KeyError: 'acked'"),
        (b"[]", "TypeError: list indices must be integers or slices, not str"),
        (b"3", "TypeError: 'int' object is not subscriptable"),
        (b"", "JSONDecodeError: Expecting value: line 1 column 1 (char 0)"),
        (b'{"acked": 0}', "collector has 0 events"),
    ],
)
def test_an_answer_that_takes_nothing_leaves_its_reason(answer: bytes, reason: str) -> None:
    with Site() as site:
        site.put("/v1/events", answer)
        report = outbox(site)
        assert report.drain(0.5) is False
    assert (report.acked, report.reason) == (0, reason)


@pytest.mark.fault(62)
def test_an_answer_that_comes_too_late_leaves_its_reason() -> None:
    hold = threading.Event()
    with Site() as site:
        site.put("/v1/events", b'{"acked": 3}')
        site.next(Turn(cut=0, hold=hold))
        report = outbox(site)
        assert report.drain(0.3) is False
        assert report.reason == "no answer in time"
        hold.set()


@pytest.mark.fault(64)
def test_part_of_what_was_sent_is_a_reason_until_the_rest_is_taken() -> None:
    with Site() as site:
        url = "/v1/events"
        site.put(url, b'{"acked": 2}')
        report: Any = outbox(site)
        assert report.drain(0.5) is False
        assert (report.acked, report.reason) == (2, "collector has 2 events")
        site.put(url, b'{"acked": 3}')
        report.not_before = 0
        assert report.drain(20) is True
