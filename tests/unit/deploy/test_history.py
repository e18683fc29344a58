"""The table of deploys and the steps of one, whole."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from rollouts import DEPLOY, Story, done, gated, new_name, plan, rolled_back

from bootstrap.deploy.history import Past, choose, overview, timeline


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def past(story: Story, deploy_id: str = DEPLOY) -> Past:
    return Past(replace(plan(), deploy_id=deploy_id), tuple(story.records), "shop.yaml")


def test_the_newest_deploy_stands_first() -> None:
    owed = gated().add("owed", server=new_name(1), why="HTTP 500").add("ended", code=7)
    earlier, later = "20261130T120000-000001", "20261202T120000-000002"
    assert overview([past(rolled_back(), earlier), past(owed, later), past(done())]) == [
        "WHEN                 NAME  DEPLOY                  REVISION      OUTCOME                             OWED",
        "2026-12-01 12:00:00  shop  20261202T120000-000002  3f9a1c0b2d41  cleaned up only in part             1",
        "2026-12-01 12:00:00  shop  20261201T120000-ab12cd  3f9a1c0b2d41  done                                -",
        "2026-12-01 12:00:00  shop  20261130T120000-000001  3f9a1c0b2d41  rolled back, since a server failed  -",
    ]


def test_a_deploy_without_an_end_says_how_to_go_on() -> None:
    assert past(gated()).outcome == "has not ended"
    assert past(Story()).outcome == "was not begun"
    assert timeline(past(gated()))[-2:] == [
        f"shop: has not ended (deploy {DEPLOY})",
        f"  next: `bootstrap resume {DEPLOY}` goes on; with --rollback it turns back",
    ]


def test_the_steps_end_with_the_summary() -> None:
    lines = timeline(past(rolled_back()))
    assert lines[0] == f"   0.0s  deploy {DEPLOY} of shop begins"
    assert f"shop: rolled back after 11s, since a server failed (deploy {DEPLOY})" in lines
    assert "    |     | E: Unable to locate package apache3" in lines


def test_a_deploy_is_found_by_its_id_or_its_end() -> None:
    pasts = [past(done()), past(done(), "20261202T120000-00abcd")]
    assert choose(pasts, DEPLOY) is pasts[0]
    assert choose(pasts, "ab12cd") is pasts[0]
    assert choose(pasts, "00abcd") is pasts[1]
    assert choose(pasts, "cd") is None, "two of them end so"
    assert choose(pasts, "none") is None


def test_programs_get_the_same_facts() -> None:
    facts = past(done()).as_json()
    assert (facts["code"], facts["outcome"], facts["revisions"]) == (0, "done", {"web": "3f9a1c0b2d41"})
    assert past(gated()).as_json()["ended"] is None
