"""A collector of one's own: a real `bootstrap serve`, for as long as a block lasts."""

from __future__ import annotations

import json
import socket
import stat
from pathlib import Path

import pytest
import reports

from bootstrap.client.own_collector import OwnCollector
from bootstrap.errors import CollectorError

NAME = "10.0.2.2"


def collector(folder: Path | None = None, port: int = 0) -> OwnCollector:
    return OwnCollector(("127.0.0.1", port), folder, reports.SECRET, allow_hosts=[NAME], purpose="the test's")


def test_it_takes_reports_under_another_name_and_tells_what_it_heard(tmp_path: Path) -> None:
    body, headers = reports.signed(reports.healthy_story("one"))
    with collector(tmp_path) as own:
        assert own.get("/v1/servers/web-1", missing={}) == {}
        status, answer = own.request("POST", "/v1/events", body, {**headers, "Host": f"{NAME}:{own.port}"})
        assert (status, json.loads(answer)["acked"]) == (200, 6)
        assert own.get("/v1/servers/web-1")["state"] == "healthy"
        for name in ("secret", "token"):
            assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    with pytest.raises(CollectorError, match="the test's collector cannot be reached"):
        own.get("/v1/servers")


def test_one_that_cannot_start_says_why() -> None:
    with socket.socket() as taken:
        # Bound, and not listening: who asks it gets an answer at once.
        taken.bind(("127.0.0.1", 0))
        with (
            pytest.raises(CollectorError, match=r"the test's collector does not answer: .*in use"),
            collector(port=taken.getsockname()[1]) as own,
        ):
            own.get("/v1/servers")
