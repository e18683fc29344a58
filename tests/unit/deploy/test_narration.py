"""The lines of a log, whole: what somebody reads in a CI job."""

from __future__ import annotations

from rollouts import Story, done, gated, new_name, old_server, plan, rolled_back

from bootstrap.deploy.narration import Narration
from bootstrap.deploy.progress import Progress


def told(story: Story) -> list[str]:
    narration = Narration(Progress(plan()))
    lines = []
    for record in story.records:
        narration.progress.take(record)
        lines += narration.lines(record)
    return lines


def test_a_roll_out_is_told_in_whole_sentences() -> None:
    assert told(done()) == [
        "   0.0s  deploy 20261201T120000-ab12cd of shop begins",
        "   0.0s  web: asking for new servers",
        "   1.0s  shop-web-1-ab12cd is asked for",
        "   1.5s  shop-web-2-ab12cd is asked for",
        "   1.5s  web: waiting until the new servers have proven themselves, at most 15m00s more",
        "   3.5s  shop-web-1-ab12cd: it reports running",
        "   5.5s  shop-web-2-ab12cd: it reports running",
        "   7.5s  shop-web-1-ab12cd: passed its probe",
        "   9.5s  shop-web-2-ab12cd: passed its probe",
        "    40s  web: putting the new servers into the pools",
        "    40s  shop-web-1-ab12cd is added to web",
        "    40s  shop-web-2-ab12cd is added to web",
        "    40s  web: running before_swap",
        "    40s  before_swap runs: ./migrate.sh",
        "    44s  before_swap has passed",
        "    44s  shop-web-1-99ffee drains in web",
        "    44s  shop-web-2-99ffee drains in web",
        "    44s  web: draining the old servers, at most 1m00s more",
        "  1m43s  1 session cut in web",
        "  1m43s  web: taking the old servers out of the pools",
        "  1m43s  shop-web-1-99ffee has left web",
        "  1m43s  shop-web-2-99ffee has left web",
        "  1m43s  web: keeping the old servers, at most 10m00s more",
        " 11m43s  web: deleting the old servers",
        " 11m43s  shop-web-1-99ffee is deleted",
        " 11m43s  shop-web-2-99ffee is deleted",
    ]


def test_a_rollback_says_its_reason_once() -> None:
    assert told(rolled_back())[-5:] == [
        "   9.5s  shop-web-2-ab12cd: shop-web-2-ab12cd failed in stage packages: exit 100, after 1 attempt",
        "   9.5s  rolling back: shop-web-2-ab12cd failed: exit 100, after 1 attempt",
        "   9.5s  web: rolling back: the new servers go, the old ones stay",
        "   9.5s  shop-web-1-ab12cd is deleted",
        "   9.5s  shop-web-2-ab12cd is deleted",
    ]


def test_a_fault_that_is_waited_for_is_said_once_and_another_always() -> None:
    story = Story().add("begun")
    for _ in range(20):
        story.call("add", pool="web", server=new_name(1), fault="busy")
    story.call("delete", server=old_server(1).name, fault="broken")
    story.call("delete", server=old_server(1).name, fault="broken")
    assert told(story)[1:] == [
        "   0.0s  add shop-web-1-ab12cd in web: busy: the cloud said busy; it is tried again",
        "   0.0s  delete shop-web-1-99ffee: broken: the cloud said broken",
        "   0.0s  delete shop-web-1-99ffee: broken: the cloud said broken",
    ]


def test_what_stays_behind_is_said() -> None:
    story = Story().add("begun").add("spared", server=old_server(1).name, why="it does not carry our marks any more")
    story.add("owed", server=old_server(2).name, why="its deletion failed: HTTP 500")
    story.add("paid", server=old_server(2).name).add("replaced", tier="web", slot=1, server=new_name(1))
    assert told(story)[1:] == [
        "   0.0s  shop-web-1-99ffee is left as it is: it does not carry our marks any more",
        "   0.0s  owed: shop-web-2-99ffee: its deletion failed: HTTP 500",
        "   0.0s  no longer owed: shop-web-2-99ffee",
        "   0.0s  shop-web-1-ab12cd: another server is made in its place",
    ]


def test_a_sign_of_life_names_what_is_waited_for() -> None:
    story = Story().add("begun").add("phase", tier="web", phase="creating", slots=[1, 2]).created(1).created(2)
    story.add("phase", tier="web", phase="gating").add("seen", server=new_name(2), state="passed its probe")
    narration = Narration(Progress(plan()))
    for record in story.records:
        narration.progress.take(record)
    assert narration.heartbeat(story.at + 30) == (
        "    30s  web: waiting until the new servers have proven themselves, at most 14m30s more; "
        "shop-web-1-ab12cd: building"
    )


def test_no_control_character_of_a_host_reaches_a_log() -> None:
    story = gated().add("seen", server=new_name(1), state="the probe: \x1b]0;PWN\x07\r\nall is well")
    story.add("reason", server=new_name(1), lines=["\x1b[2J"]).add("turned", reason="\x9b2J\b", code=5)
    assert all(line.isprintable() for line in told(story))
