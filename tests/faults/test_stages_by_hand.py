"""Stages run by hand: in the order of the plan, never beside themselves, and the rest of the run can follow."""

from __future__ import annotations

import json
import re

import pytest
from box import Box, needs_root
from handmade import payload, stage
from oracle import NOTE, deliver, ended, kill_runner_after, ran, said, start_tick

from bootstrap.runner.host import BUNDLE, COMMAND, STATE, TRIGGER

pytestmark = [pytest.mark.integration, needs_root]
FAILS_ONCE = NOTE + "note one; test -e /srv/mended || { echo no luck; exit 3; }\n"
TWO = stage("two", NOTE + "note two")


def shape(out: str) -> list[str]:
    """Lines of output, without what differs from run to run."""
    return re.sub(r"\d+\.\d s", "N s", out).splitlines()


def test_a_failed_stage_is_mended_run_again_and_the_rest_follows() -> None:
    with Box(payload([stage("one", FAILS_ONCE), TWO]).files) as box:
        assert box.tick().returncode == 5
        box.put("/srv/mended", "")
        code, out, err = said(box, "run one --force")
        assert (code, err) == (0, "")
        assert shape(out) == ["one: attempt 2", "one: done (exit 0), N s. Log: initialrunner logs one"]
        assert ran(box) == ["one", "one"]
        assert said(box, "run")[0] == 0
        assert (ran(box), box.state(), box.exists(TRIGGER)) == (["one", "one", "two"], "healthy", False)


def test_going_on_by_hand_after_the_deadline_has_a_deadline_of_its_own() -> None:
    stages = [stage("one", NOTE + "note one; sleep 1.2"), TWO, stage("three", NOTE + "note three")]
    with Box(payload(stages, deadline_s=1).files) as box:
        assert box.tick().returncode == 5
        assert ended(box, "two") == [("failed", "deadline")]
        assert said(box, "run two --force")[0] == 0
        assert said(box, "run")[0] == 0
        assert (ran(box), box.state()) == (["one", "two", "three"], "healthy")


def test_what_goes_on_by_hand_and_is_not_yet_there_the_trigger_goes_on_with() -> None:
    later = stage("two", NOTE + "note two; test $(grep -c two /srv/oracle) -ge 2 || exit 75")
    with Box(payload([stage("one", FAILS_ONCE), later]).files) as box:
        assert box.tick().returncode == 5
        box.put("/srv/mended", "")
        assert said(box, "run one --force")[0] == 0
        assert said(box, "run")[0] == 75
        assert box.tick().returncode == 0
        assert (ran(box), box.state()) == (["one", "one", "two", "two"], "healthy")


def test_run_takes_what_is_pending_and_says_what_is_done() -> None:
    stages = [stage("one", NOTE + "note one"), TWO, stage("three", NOTE + "note three")]
    with Box(payload(stages).files) as box:
        assert box.tick().returncode == 0
        assert said(box, "run one") == (0, "one is done already; --force runs it again\n", "")
        assert said(box, "run --from two --force")[0] == 0
        # The order is the plan's, not the words'.
        assert said(box, "run three one --force")[0] == 0
        assert ran(box) == ["one", "two", "three", "two", "three", "one", "three"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("run nix", "no stage 'nix'; stages: one, two\n"),
        ("run --from nix", "no stage 'nix'; stages: one, two\n"),
        ("run --from", "--from takes one stage, --force one or more; stages: one, two\n"),
        ("run --force", "--from takes one stage, --force one or more; stages: one, two\n"),
        ("run --force --dry-run", "--from takes one stage, --force one or more; stages: one, two\n"),
        ("run one --from two", "--from takes one stage, --force one or more; stages: one, two\n"),
        ("run one --forse", "run takes no --forse\nusage: initialrunner run [STAGE...] "),
        ("run one --from=two", "run takes no --from=two\nusage: initialrunner run [STAGE...] "),
        ("status --bogus", "status takes no --bogus\nusage: initialrunner status [--json]  show every stage"),
        ("status one", "status takes no one\nusage: initialrunner status [--json]  show every stage"),
        ("why extra", "why takes no extra\nusage: initialrunner why  explain"),
        ("doctor --bogus", "doctor takes no --bogus\nusage: initialrunner doctor [--fix]  "),
        ("tick now", "tick takes no now\nusage: initialrunner tick  "),
        ("timeline one", "timeline takes no one\nusage: initialrunner timeline [--blame]  "),
        ("history --all", "history takes no --all\nusage: initialrunner history  "),
        ("verify /etc", "verify takes no /etc\nusage: initialrunner verify  "),
        ("report --now", "report takes no --now\nusage: initialrunner report  "),
        ("reset --hard", "reset takes no --hard\nusage: initialrunner reset  "),
        ("source one", "no module one\n"),
        ("source tick later", "source takes no later\nusage: initialrunner source [MODULE]  "),
        ("logs one two", "logs takes no two\nusage: initialrunner logs [STAGE] [-f]  "),
        ("logs -f", "no log of -f; logs: one, two\n"),
        ("logs nix", "no log of nix; logs: one, two\n"),
        ("logs ../journal", "no log of ../journal; logs: one, two\n"),
    ],
)
@pytest.mark.fault(121)
def test_a_wrong_word_runs_nothing_and_names_the_right_ones(words: str, message: str) -> None:
    with Box(payload([stage("one", NOTE + "note one"), TWO]).files) as box:
        box.tick()
        code, out, err = said(box, words)
        assert (code, out) == (2, "") and err.startswith("initialrunner: " + message)
        assert ran(box) == ["one", "two"]


def test_exit_75_by_hand_is_not_yet() -> None:
    with Box(payload([stage("one", "exit 75")]).files) as box:
        box.tick()
        code, out, err = said(box, "run one")
        assert (code, err) == (75, "initialrunner: stage one says: not yet\n")
        assert shape(out) == ["one: attempt 2", "one: again (exit 75), N s. Log: initialrunner logs one"]


@pytest.mark.fault(84)
def test_beside_a_working_runner_the_admin_is_told_who_works() -> None:
    with Box(payload([stage("one", NOTE + "note begin; block go")]).files) as box:
        start_tick(box)
        box.wait_for(lambda: ran(box) == ["begin"])
        pid = box.text("/run/initialrunner.lock")
        at_work = f"initialrunner: pid {pid} is at work"
        box.sh(f"setsid {COMMAND} run one --force >/srv/out 2>/srv/err </dev/null &")
        box.wait_for(lambda: box.text("/srv/err") == f"{at_work}, stage one; waiting for it (Ctrl-C stops waiting)\n")
        assert f"  a runner is at work: pid {pid}\n" in said(box, "status")[1]
        assert json.loads(said(box, "status --json")[1])["runner"] == pid
        box.put("/srv/go", "")
        # It had its turn, after the other.
        box.wait_for(lambda: "one: done (exit 0), " in box.text("/srv/out"))
        assert ran(box) == ["begin", "begin"]
        assert box.events("state")[-1]["state"] == "healthy"


@pytest.mark.fault(46)
def test_run_by_hand_after_a_kill_first_ends_what_is_left() -> None:
    text = NOTE + "note begin; test $(grep -c begin /srv/oracle) -ge 2 || sleep 1005; note end\n"
    one = stage("one", text + "! pgrep -f '[s]leep 1005' || note overlap\n")
    with Box(payload([one]).files) as box:
        start_tick(box)
        kill_runner_after(box, "begin")
        assert said(box, "run one")[0] == 0
        assert ran(box) == ["begin", "begin", "end"]
        assert len(box.events("interrupted")) == 1


@pytest.mark.fault(86)
def test_a_secret_given_by_hand_is_blotted_out_too() -> None:
    one = stage("one", 'echo "token $TOKEN"; test -n "$TOKEN"', environment={"TOKEN": "first-value"}, secrets=["TOKEN"])
    with Box(payload([one], secrets=["first-value"]).files) as box:
        assert box.tick().returncode == 0
        assert said(box, "run one --force") == (
            4, "", "initialrunner: stage one needs TOKEN in the environment: secrets are removed after success\n",
        )  # fmt: skip
        assert box.sh(f"TOKEN=other-value {COMMAND} run one --force").returncode == 0
        assert box.log("one").splitlines() == ["token ***********", "token ***********"]
        assert box.sh(f"grep -r other-value {STATE}").stdout == ""


def test_reset_keeps_the_old_journal_and_begins_anew() -> None:
    with Box(payload([stage("one", FAILS_ONCE), TWO]).files) as box:
        assert box.tick().returncode == 5
        box.put("/srv/mended", "")
        assert said(box, "reset") == (0, "the journal was set aside; every stage is pending again\n", "")
        assert box.sh(f"ls {STATE} | grep -c journal.reset").stdout == "1\n"
        assert box.tick().returncode == 0
        assert ran(box) == ["one", "one", "two"]


@pytest.mark.fault(46)
def test_reset_after_a_kill_leaves_nothing_of_the_old_attempt() -> None:
    with Box(payload([stage("one", NOTE + "note begin; test -e /srv/go || sleep 1005")]).files) as box:
        start_tick(box)
        kill_runner_after(box, "begin")
        assert said(box, "reset")[0] == 0
        assert box.sh("pgrep -f '[s]leep 1005'").stdout == ""
        box.put("/srv/go", "")
        assert box.tick().returncode == 0


@pytest.mark.fault(81)
def test_a_dry_run_says_what_would_run_and_why_and_touches_nothing() -> None:
    one, two = stage("one", NOTE + "note one"), stage("two", NOTE + "note two; exit 3")
    changed = stage("one", NOTE + "note changed")
    with Box() as box:
        deliver(box, payload([one, two], deploy_id="20261121T000000-aaaaaa"))
        assert box.tick().returncode == 5
        journal = box.read(f"{STATE}/journal")
        code, out, err = said(box, "run --dry-run")
        when = r" at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
        lines = [f"would skip one                  done{when}", f"would run  two                  failed{when}", ""]
        assert (code, err) == (0, "") and re.fullmatch("\n".join(lines), out)
        assert said(box, "run one --force --dry-run")[1].startswith("would run  one ")
        assert said(box, "run nosuch --dry-run")[0] == 2
        deliver(box, payload([changed, two], deploy_id="20261122T000000-bbbbbb"))
        assert box.run("/bin/sh", BUNDLE, "run", "--dry-run").stdout.splitlines()[0].startswith("would skip one")
        assert (box.read(f"{STATE}/journal"), ran(box)) == (journal, ["one", "two"])
        assert box.tick().returncode == 5
        assert said(box, "run one --dry-run")[1].endswith("; changed since deploy 20261121T000000-aaaaaa\n")
        assert ran(box) == ["one", "two", "changed", "two"]


def test_logs_go_on_while_a_runner_is_at_work() -> None:
    with Box(payload([stage("one", "echo first; " + NOTE + "note begin; block go; echo last")]).files) as box:
        start_tick(box)
        box.wait_for(lambda: ran(box) == ["begin"])
        assert said(box, "logs one") == (0, "first\n", "")
        box.sh(f"setsid sh -c '{COMMAND} logs -f one; echo ended' >/srv/out 2>&1 </dev/null &")
        box.wait_for(lambda: box.text("/srv/out") == "first\n")
        box.put("/srv/go", "")
        box.wait_for(lambda: box.text("/srv/out") == "first\nlast\nended\n")
        assert said(box, "logs -f")[0] == 2
