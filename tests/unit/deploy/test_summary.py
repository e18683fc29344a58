"""The end, whole, for each exit code; and the same as JSON."""

from __future__ import annotations

import json
import time

import pytest
from rollouts import Story, done, gated, new_name, old_server, plan, rolled_back, swapped, tier

from bootstrap.deploy.progress import Progress
from bootstrap.deploy.summary import as_json, left_lines, outcome, summary
from bootstrap.errors import ExitCode


def after(story: Story, *tiers: object) -> Progress:
    progress = Progress(plan(*tiers))  # type: ignore[arg-type]
    for record in story.records:
        progress.take(record)
    return progress


def test_a_good_end_says_what_was_replaced_and_cut() -> None:
    assert summary(after(done()), 0, "shop.yaml") == [
        "shop: done after 11m44s (deploy 20261201T120000-ab12cd)",
        "  web: 2 of 2 made, revision 3f9a1c0b2d41",
        "    shop-web-1-ab12cd  10.0.0.11",
        "    shop-web-2-ab12cd  10.0.0.12",
        "    replace shop-web-1-99ffee (deleted), shop-web-2-99ffee (deleted)",
        "  1 session cut in pool web",
    ]


def test_what_is_kept_has_its_time_and_the_way_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    story = swapped()
    until = time.strftime("%H:%M:%S", time.gmtime(story.at + 600))
    assert summary(after(story), 0, "shop.yaml")[4:] == [
        f"    replace shop-web-1-99ffee (kept until {until}), shop-web-2-99ffee (kept until {until})",
        "  1 session cut in pool web",
        "  next: `bootstrap deploy shop.yaml --previous` swaps the old servers back, as long as they exist",
        "  next: `bootstrap reap 20261201T120000-ab12cd` deletes them",
    ]


def test_what_is_left_once_the_deployer_has_ended_is_still_there() -> None:
    lines = summary(after(swapped().add("ended", code=0)), 0, "shop.yaml")
    assert lines[4] == "    replace shop-web-1-99ffee (still there), shop-web-2-99ffee (still there)"


def test_a_rollback_shows_the_whole_reason_and_the_next_command() -> None:
    assert summary(after(rolled_back()), ExitCode.FAILED, "shop.yaml") == [
        "shop: rolled back after 11s, since a server failed (deploy 20261201T120000-ab12cd)",
        "  web: 2 new servers deleted; 2 old ones up, as before",
        "  reason: shop-web-2-ab12cd failed: exit 100, after 1 attempt",
        "  shop-web-2-ab12cd:",
        "    | shop-web-2-ab12cd failed in stage packages: exit 100, after 1 attempt",
        "    |   last lines of packages.log:",
        "    |     | E: Unable to locate package apache3",
        "    | console: initialrunner: stage packages failed",
        "  next: `bootstrap deploys 20261201T120000-ab12cd` shows every step",
        "  next: mend the cause, then `bootstrap deploy shop.yaml`",
    ]


def test_what_is_owed_is_listed_with_the_command_that_pays() -> None:
    story = gated().add("owed", server=new_name(1), why="its deletion failed: HTTP 500")
    lines = summary(after(story), ExitCode.OWED, "shop.yaml")
    assert lines[0].startswith("shop: cleaned up only in part after ")
    assert lines[-2:] == [
        "  owed: shop-web-1-ab12cd: its deletion failed: HTTP 500",
        "  next: `bootstrap reap 20261201T120000-ab12cd` removes what is owed",
    ]


def test_a_server_that_was_replaced_on_the_way_is_named() -> None:
    story = Story().add("begun").created(1).add("reason", server=new_name(1), lines=["No valid host was found."])
    story.add("replaced", tier="web", slot=1, server=new_name(1)).call("delete", server=new_name(1)).created(1, 2)
    lines = summary(after(story, tier(count=1, old=())), 0, "shop.yaml")
    assert lines[1:] == [
        "  web: 1 of 1 made, revision 3f9a1c0b2d41",
        "    shop-web-1-ab12cd-2",
        "  shop-web-1-ab12cd was replaced: No valid host was found.",
    ]


def test_the_second_ctrl_c_leaves_the_line_that_resumes() -> None:
    assert left_lines("20261201T120000-ab12cd") == [
        "stopped at once: nothing was undone, and the servers stay as they are",
        "  next: `bootstrap resume 20261201T120000-ab12cd` goes on; with --rollback it turns back",
    ]


@pytest.mark.parametrize("code", [0, 5, 6, 7, 130])
def test_every_end_has_words_of_its_own(code: int) -> None:
    assert "exit code" not in outcome(code)
    assert outcome(99) == "ended with exit code 99"


def test_programs_get_the_same_facts() -> None:
    facts = as_json(after(done()), 0)
    assert json.loads(json.dumps(facts)) == facts
    assert (facts["type"], facts["code"], facts["result"], facts["cut_sessions"]) == ("summary", 0, "done", {"web": 1})
    assert facts["servers"][0] == {
        "name": old_server(1).name, "tier": "web", "slot": None, "is_new": False, "state": "deleted",
        "address": "10.0.0.1", "pools": [],
    }  # fmt: skip
    assert as_json(after(rolled_back()), 5)["reason"] == "shop-web-2-ab12cd failed: exit 100, after 1 attempt"


def test_no_control_character_of_a_host_reaches_the_terminal() -> None:
    story = rolled_back().add("owed", server="\x1b[2J", why="\x07").add("reason", server="y", lines=["\x1b[31m\r\n"])
    assert all(line.isprintable() for line in summary(after(story), 5, "a\x1bb.yaml"))
