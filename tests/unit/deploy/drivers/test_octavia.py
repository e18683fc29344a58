"""A member as Octavia's body describes it, without a cloud."""

from __future__ import annotations

from typing import Any

import pytest

from bootstrap.deploy.drivers.octavia import _member
from bootstrap.deploy.model import Member, MemberState

BODY = {
    "id": "m", "name": "web-1", "address": "10.0.0.5", "protocol_port": 8080, "weight": 1,
    "provisioning_status": "ACTIVE", "operating_status": "ONLINE",
}  # fmt: skip


def test_a_member_has_no_count_of_sessions() -> None:
    assert _member(BODY) == Member("m", "web-1", "10.0.0.5", 8080, MemberState.UP, None)


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"operating_status": "DRAINING"}, MemberState.DRAINING),
        ({"operating_status": "ERROR"}, MemberState.DOWN),
        ({"operating_status": "OFFLINE"}, MemberState.DOWN),
        ({"operating_status": "NO_MONITOR"}, MemberState.UNKNOWN),
        ({"operating_status": "SOMETHING_NEW"}, MemberState.DOWN),
        # The order is given, and the balancer has not followed it yet: it is not one of those that serve.
        ({"weight": 0}, MemberState.DRAINING),
        ({"provisioning_status": "PENDING_DELETE"}, MemberState.DRAINING),
        ({"provisioning_status": "PENDING_UPDATE"}, MemberState.UP),
    ],
)
def test_each_status_is_a_state(changes: dict[str, Any], state: MemberState) -> None:
    assert _member({**BODY, **changes}).state is state
