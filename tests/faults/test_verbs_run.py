"""`run`, `tick` and `reset` by hand: what they refuse, what they count, what they say."""

from __future__ import annotations

import json
import re

import pytest
from box import Box, needs_root
from handmade import payload, stage
from oracle import NOTE, deliver, ended, kill_runner_after, ran, said, start_tick

from bootstrap.render.model import RenderedFile
from bootstrap.runner.host import BUNDLE, COMMAND, STATE, TRIGGER

pytestmark = [pytest.mark.integration, needs_root]
CONF = [RenderedFile("/etc/conf", b"ours\n", 0o644)]
LATE = [{"path": "/etc/late", "min_size": 1}]
WITH = stage("one", NOTE + "test -e /etc/conf && note with || note without")
TWO = stage("two", NOTE + "note two")


def waiting(box: Box, attempts: int = 1) -> None:
    """A host that waits for a file, with no runner at work."""
    deliver(box, payload([{**WITH, "attempts": attempts}, TWO], files=CONF, wait_for=LATE))
    start_tick(box)
    box.wait_for(lambda: box.exists(COMMAND))
    box.wait_for(box.kill_runner)


@pytest.mark.fault(119)
def test_a_stage_by_hand_does_not_run_before_its_files_are_there() -> None:
    with Box() as box:
        waiting(box)
        late = "initialrunner: one needs its files first: /etc/late: absent, 0 of 1 bytes\n"
        assert said(box, "run one") == (75, "", late)
        assert said(box, "run one --force") == (75, "", late)
        assert (ran(box), box.exists("/etc/conf")) == ([], False)
        box.put("/etc/late", "x")
        assert box.tick().returncode == 0
        assert (ran(box), box.state()) == (["with", "two"], "healthy")


@pytest.mark.fault(119)
def test_a_stage_by_hand_first_places_the_files_when_all_are_there() -> None:
    with Box() as box:
        waiting(box)
        box.put("/etc/late", "x")
        assert said(box, "run one")[0] == 0
        assert (ran(box), box.text("/etc/conf")) == (["with"], "ours\n")
        assert box.tick().returncode == 0
        assert (ran(box), box.state()) == (["with", "two"], "healthy")


@pytest.mark.fault(119)
def test_a_file_that_must_rest_is_given_its_time_by_hand_too() -> None:
    late = [{"path": "/etc/late", "min_size": 1, "settle_s": 1}]
    with Box(payload([WITH], files=CONF, wait_for=late).files) as box:
        box.put("/etc/late", "x")
        done = box.run("/bin/sh", BUNDLE, "run", "one")
        assert (done.returncode, ran(box)) == (0, ["with"])


@pytest.mark.fault(119)
def test_a_stage_by_hand_on_a_host_that_never_ticked_counts() -> None:
    with Box(payload([WITH, TWO], files=CONF).files) as box:
        assert box.run("/bin/sh", BUNDLE, "run", "one").returncode == 0
        assert box.tick().returncode == 0
        assert (ran(box), box.state()) == (["with", "two"], "healthy")
        assert box.sh(f"ls {STATE} | grep -c journal").stdout == "1\n"


@pytest.mark.fault(119)
def test_a_stage_by_hand_comes_after_those_before_it() -> None:
    later = stage("one", NOTE + "note one; test -e /srv/go || exit 75")
    with Box(payload([later, TWO]).files) as box:
        assert box.tick().returncode == 75
        refused = "initialrunner: one comes first and is pending; --force runs two now\n"
        assert said(box, "run two") == (75, "", refused)
        assert said(box, "run --from two") == (75, "", refused)
        assert ran(box) == ["one"]
        assert said(box, "run two --force")[0] == 0
        box.put("/srv/go", "")
        assert said(box, "run one two")[0] == 0
        assert ran(box) == ["one", "two", "one"]


@pytest.mark.fault(119)
def test_after_a_final_failure_a_stage_by_hand_still_comes_after_those_before_it() -> None:
    with Box(payload([stage("one", NOTE + "note one; exit 3"), TWO]).files) as box:
        assert box.tick().returncode == 5
        assert said(box, "run two") == (75, "", "initialrunner: one comes first and is failed; --force runs two now\n")
        assert ran(box) == ["one"]


@pytest.mark.fault(119)
def test_after_a_fetch_that_failed_for_good_no_stage_runs_without_its_file() -> None:
    fetch = {"url": "https://127.0.0.1:1/app", "sha256": "0" * 64}
    files = [*CONF, RenderedFile("/srv/app", b"", deliver="fetch", fetch=fetch)]
    with Box(payload([WITH], files=files, deadline_s=0).files) as box:
        assert box.tick().returncode == 5
        refused = "initialrunner: one needs its files first: initialrunner run places them\n"
        assert said(box, "run one --force") == (75, "", refused)
        assert (ran(box), box.state()) == ([], "failed")


@pytest.mark.fault(119)
@pytest.mark.parametrize("by_hand", [["one two"], ["one", "two"]], ids=["at once", "one by one"])
def test_a_file_that_comes_after_a_stage_is_there_for_the_next_one_by_hand(by_hand: list[str]) -> None:
    files = [*CONF, RenderedFile("/srv/home/conf", b"ours\n", after="one")]
    two = stage("two", NOTE + "test -e /srv/home/conf && note with || note without")
    with Box(payload([stage("one", "mkdir -p /srv/home"), two], files=files).files) as box:
        for words in by_hand:
            done = box.run("/bin/sh", BUNDLE, "run", *words.split())
            assert (done.returncode, done.stderr) == (0, "")
        assert ran(box) == ["with"]


@pytest.mark.fault(119)
def test_a_need_that_is_not_met_is_not_met_by_hand_either() -> None:
    with Box(payload([stage("one", NOTE + "note one", needs=[{"file": "/srv/mounted"}])]).files) as box:
        done = box.run("/bin/sh", BUNDLE, "run", "one")
        assert (done.returncode, done.stderr) == (75, "initialrunner: not yet\n")
        assert "waits: no file /srv/mounted\n" in done.stdout
        assert ran(box) == []
        assert said(box, "run one --force")[0] == 0
        assert ran(box) == ["one"]


@pytest.mark.fault(127)
def test_a_failure_by_hand_uses_up_an_attempt_and_no_more() -> None:
    text = NOTE + "note try; test $(grep -c try /srv/oracle) -ge 3 || exit 3"
    with Box(payload([stage("one", text, attempts=3, delay_s=0), TWO]).files) as box:
        for number in 1, 2:
            done = box.run("/bin/sh", BUNDLE, "run", "one")
            assert (done.returncode, done.stderr) == (5, "")
            assert f"one: attempt {number}\n" in done.stdout
        assert box.state() == "running"
        assert said(box, "why")[1].startswith("stage one failed (exit 3, cause: exit), attempt 2.\n")
        assert box.tick().returncode == 0
        assert (ran(box), box.state()) == (["try", "try", "try", "two"], "healthy")


@pytest.mark.fault(127)
def test_the_last_attempt_by_hand_is_the_last() -> None:
    with Box(payload([stage("one", NOTE + "note try; exit 3", attempts=2, delay_s=0)]).files) as box:
        box.run("/bin/sh", BUNDLE, "run", "one")
        assert box.run("/bin/sh", BUNDLE, "run", "one").returncode == 5
        assert said(box, "why")[0] == 5
        assert box.tick().returncode == 5
        assert (ran(box), box.state()) == (["try", "try"], "failed")


@pytest.mark.fault(127)
def test_by_hand_nothing_changes_of_a_run_that_has_ended() -> None:
    text = NOTE + "note try; test ! -e /srv/bad || exit 3"
    with Box(payload([stage("one", text, attempts=3), TWO]).files) as box:
        assert box.tick().returncode == 0
        assert box.sh(f"ls {STATE}/stages").stdout == ""
        box.put("/srv/bad", "")
        code, out, err = said(box, "run one --force")
        assert (code, err) == (5, "initialrunner: stage one failed (exit 3)\n")
        assert "one: failed (exit 3, cause: exit)" in out
        assert (box.state(), said(box, "why")[0]) == ("healthy", 0)
        rows = json.loads(said(box, "status --json")[1])["stages"]
        assert [row["state"] for row in rows] == ["failed", "done"]
        # A text may hold what the journal must not: none stays.
        assert box.sh(f"ls {STATE}/stages").stdout == ""


def test_by_hand_a_run_that_ended_meanwhile_is_not_begun_again() -> None:
    with Box(payload([stage("one", NOTE + "note begin; block go")]).files) as box:
        start_tick(box)
        box.wait_for(lambda: ran(box) == ["begin"])
        box.sh(f"setsid {COMMAND} run one --force >/srv/out 2>&1 </dev/null &")
        box.wait_for(lambda: "is at work" in box.text("/srv/out"))
        box.put("/srv/go", "")
        box.wait_for(lambda: ran(box) == ["begin", "begin"])
        box.wait_for(lambda: box.sh("flock -n /run/initialrunner.lock true").returncode == 0)
        assert [box.exists(path) for path in (TRIGGER, BUNDLE)] == [False, False]


@pytest.mark.fault(123)
def test_run_says_what_goes_on_and_what_came_of_it() -> None:
    with Box(payload([stage("one", "test -e /srv/good || { echo no luck; exit 3; }"), TWO]).files) as box:
        done = box.run("/bin/sh", BUNDLE, "run")
        lines = re.sub(r"\d+\.\d s", "N s", done.stdout).splitlines()
        assert (done.returncode, done.stderr) == (5, "")
        assert lines == [
            "running placed",
            "one: attempt 1",
            "one: failed (exit 3, cause: exit), N s. Log: initialrunner logs one",
            "failed stage one failed (exit 3)",
            "stage one failed (exit 3, cause: exit), attempt 1.",
            "    no luck",
            "Run it again: initialrunner run one --force",
        ]
        box.put("/srv/good", "")
        assert said(box, "run one --force")[0] == 0
        # The failed stage is done by now: what is left is to go on.
        reason = "stage one failed (exit 3)"
        assert said(box, "why") == (5, f"box-1 failed: {reason}\nContinue: initialrunner run\n", "")
        assert f"  reason: {reason}\n" in said(box, "status")[1]
        code, out, err = said(box, "run")
        assert (code, err) == (0, "")
        assert out.splitlines()[0] == "two: attempt 1"
        healthy = "box-1 is healthy; nothing is wrong. See: initialrunner status"
        assert out.splitlines()[-1] == healthy
        assert said(box, "run") == (0, healthy + "\n", "")


@pytest.mark.fault(123)
def test_a_tick_says_so_at_a_terminal_and_to_nobody_else() -> None:
    with Box(payload([stage("one", "test -e /srv/good || exit 75")]).files) as box:
        done = box.tick()
        assert (done.returncode, done.stdout, done.stderr) == (75, "", "")
        assert said(box, "tick") == (75, "", "")
        box.put("/srv/good", "")
        at_terminal = "import pty, sys; sys.exit(pty.spawn(['/usr/local/sbin/initialrunner', 'tick']) >> 8)"
        done = box.run("/usr/bin/python3", "-c", at_terminal)
        assert done.returncode == 0
        assert "one: done (exit 0)" in done.stdout and "box-1 is healthy; nothing is wrong." in done.stdout


@pytest.mark.fault(123)
def test_who_stops_listening_does_not_stop_the_run() -> None:
    with Box(payload([stage("one", NOTE + "note one"), TWO]).files) as box:
        box.sh(f"sh {BUNDLE} run | head -n 1")
        box.wait_for(lambda: box.state() == "healthy")
        assert (ran(box), box.exists(TRIGGER)) == (["one", "two"], False)


@pytest.mark.fault(124)
def test_reset_does_nothing_where_nothing_can_begin_anew() -> None:
    with Box(payload([TWO]).files) as box:
        assert box.tick().returncode == 0
        refused = "initialrunner: without the bundle nothing can start over; try: initialrunner run STAGE --force\n"
        journal = box.journal()
        assert said(box, "reset") == (4, "", refused)
        assert box.journal() == journal


@pytest.mark.fault(124)
def test_reset_leaves_a_success_alone_that_it_waited_for() -> None:
    # The report is owed: so the bundle is still there when the runner lets go of the lock.
    with Box() as box:
        one = payload([stage("one", NOTE + "note begin; block go")], report=("http://127.0.0.1:9", bytes(32)))
        deliver(box, one)
        start_tick(box)
        box.wait_for(lambda: ran(box) == ["begin"])
        box.sh(f"setsid {COMMAND} reset >/srv/out 2>&1 </dev/null &")
        box.wait_for(lambda: "is at work" in box.text("/srv/out"))
        box.put("/srv/go", "")
        box.wait_for(lambda: "not reset: the other runner has just ended healthy\n" in box.text("/srv/out"), 60)
        assert (box.exists(BUNDLE), box.state()) == (True, "healthy")


def test_reset_takes_its_own_leftovers_away() -> None:
    with Box(payload([stage("one", NOTE + "note begin; test -e /srv/go || sleep 1006")]).files) as box:
        start_tick(box)
        kill_runner_after(box, "begin")
        assert box.sh(f"ls {STATE}/stages | grep -c .").stdout != "0\n"
        assert said(box, "reset")[0] == 0
        assert box.sh(f"ls {STATE}/stages").stdout == ""
        assert ended(box, "one") == []
