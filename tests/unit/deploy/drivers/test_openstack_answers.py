"""The fault of each answer of Nova, Octavia and Keystone, with the words and numbers in it."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Mapping
from typing import Any

import pytest

from bootstrap.deploy import faults
from bootstrap.deploy.drivers.openstack_answers import Answer, fault

NOVA_QUOTA = (
    "Quota exceeded for instances, cores: Requested 2, 4, but already used 9, 18 of 10, 20 instances, cores"
)
UNIFIED = "Project p is over a limit for [Resource servers is over limit of 10 due to current usage 9 and delta 2]"


def nova(message: str, kind: str = "forbidden") -> Mapping[str, Any]:
    return {kind: {"code": 403, "message": message}}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, nova("Invalid image", "badRequest"), faults.Broken),
        (401, {"error": {"message": "The request you have made requires authentication."}}, faults.Denied),
        (403, nova("Policy doesn't allow os_compute_api:servers:create to be performed."), faults.Denied),
        (403, nova(NOVA_QUOTA), faults.Quota),
        (403, {"faultcode": "Client", "faultstring": "Quota has been met for resources: member"}, faults.Quota),
        (403, nova("Maximum number of ports exceeded"), faults.Quota),
        (404, nova("Instance x could not be found.", "itemNotFound"), faults.Gone),
        (408, {}, faults.Unknown),
        (409, {"faultstring": "Load Balancer x is immutable and cannot be updated."}, faults.Busy),
        (413, {"overLimit": {"message": "Quota exceeded for ram: Requested 1, but already used 2 of 2"}}, faults.Quota),
        (413, {"overLimit": {"message": "This request was rate-limited.", "retryAfter": "20"}}, faults.Throttled),
        (422, {}, faults.Broken),
        (429, {}, faults.Throttled),
        (500, {"computeFault": {"message": "Unexpected API Error."}}, faults.Unknown),
        (501, {}, faults.Broken),
        (503, {}, faults.Unknown),
        (504, {}, faults.Unknown),
    ],
)
def test_each_answer_has_its_fault(status: int, body: Mapping[str, Any], kind: type[faults.Fault]) -> None:
    assert type(fault(Answer(status, body), "a call")) is kind


@pytest.mark.parametrize(
    ("words", "numbers"),
    [
        (NOVA_QUOTA, ("instances", 1, 2)),
        (UNIFIED, ("servers", 1, 2)),
        ("Quota exceeded for ram: Requested 512, but already used 2048 of 1024 ram", ("ram", 0, 512)),
        ("Quota exceeded, too many servers in group", (None, None, None)),
    ],
)
def test_a_quota_has_the_numbers_of_its_words(words: str, numbers: tuple[str | None, int | None, int | None]) -> None:
    refused = fault(Answer(403, nova(words)), "create web-1")
    assert isinstance(refused, faults.Quota)
    assert (refused.resource, refused.have, refused.want) == numbers
    assert refused.message == f"create web-1: {words} (status 403)"


@pytest.mark.parametrize(
    ("after", "body", "seconds"),
    [
        ("7", {}, 7.0),
        ("0", {}, 0.0),
        (None, {"overLimit": {"message": "slow down", "retryAfter": "20"}}, 20.0),
        (None, {}, None),
        ("soon", {}, None),
    ],
)
def test_the_time_until_the_next_try_is_read(after: str | None, body: Mapping[str, Any], seconds: float | None) -> None:
    throttled = fault(Answer(429, body, after=after), "a call")
    assert isinstance(throttled, faults.Throttled) and throttled.after_s == seconds


def test_a_date_to_try_again_at_becomes_seconds() -> None:
    date = email.utils.formatdate(time.time() + 100, usegmt=True)
    throttled = fault(Answer(429, {}, after=date), "a call")
    assert isinstance(throttled, faults.Throttled) and throttled.after_s is not None
    assert 90 < throttled.after_s <= 100


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Answer(500, {}, "<html>\n<h1>Bad  gateway</h1>"), "<html> <h1>Bad gateway</h1>"),
        (Answer(500, {}), "status 500 without a message"),
        (Answer(409, {"faultstring": "Another member\nis there", "debuginfo": None}), "Another member is there"),
    ],
)
def test_the_message_is_the_service_s_own_on_one_line(answer: Answer, message: str) -> None:
    assert answer.message == message


def test_the_time_of_an_answer_is_that_of_the_service() -> None:
    assert Answer(200, {}, date="Fri, 01 Jan 2027 00:00:00 GMT").now == 1_798_761_600
    assert abs(Answer(200, {}).now - time.time()) < 5
