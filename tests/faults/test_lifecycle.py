"""A host's life around its stages: who it is, what earlier deploys did, what comes after the end, kills in between."""

from __future__ import annotations

from pathlib import Path

import pytest
from box import Box, needs_root
from handmade import DEPLOY_ID, payload, stage
from oracle import NOTE, deliver, ended, kill_runner_after, ran, said, start_tick

from bootstrap.payload.build import build
from bootstrap.payload.model import Payload
from bootstrap.plan.resolve import resolve
from bootstrap.render.render import render
from bootstrap.runner.host import BUNDLE, COMMAND, STATE, TRIGGER
from bootstrap.runner.tick.journal import JOURNAL, seal
from bootstrap.spec.load import load

pytestmark = [pytest.mark.integration, needs_root]
UUIDS = ["3d1219c7-c4c5-404a-aa1f-6d2a48adfda4", "11111111-2222-3333-4444-555555555555"]
IDS = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"]
NOT_YET = NOTE + "note one; test -e /srv/go || exit 75\n"
AWAY = f"ls -d {BUNDLE} {TRIGGER} 2>/dev/null"


def deploy(number: int, *stages: dict, **more: object) -> Payload:
    return payload(list(stages), deploy_id=f"2026112{number}T000000-aaaaaa", **more)


# --- identity ---


@pytest.mark.fault(87)
@pytest.mark.fault(90)
@pytest.mark.parametrize(
    ("first", "second", "fresh"),
    [
        pytest.param((UUIDS[0], IDS[0]), (UUIDS[1], IDS[0]), True, id="another-uuid-is-a-clone"),
        pytest.param(
            (UUIDS[0], IDS[0]),
            (UUIDS[0], IDS[1]),
            False,
            id="another-machine-id-is-the-same-host",
            marks=pytest.mark.fault(89),
        ),
        pytest.param((UUIDS[0].upper(), IDS[0]), (UUIDS[0], IDS[0]), False, id="the-case-of-a-uuid-says-nothing"),
        pytest.param(("0" * 8 + "-0000", IDS[0]), ("f" * 8 + "-ffff", IDS[0]), False, id="placeholders-are-no-uuids"),
        pytest.param(("0" * 8 + "-0000", IDS[0]), ("f" * 8 + "-ffff", IDS[1]), True, id="without-uuid-the-machine-id"),
        pytest.param(("", IDS[0]), (UUIDS[0], IDS[0]), False, id="a-uuid-that-appears-is-no-clone"),
        pytest.param((UUIDS[0], IDS[0]), ("", IDS[0]), False, id="nor-is-one-that-goes"),
    ],
)
def test_who_this_host_is(first: tuple[str, str], second: tuple[str, str], fresh: bool) -> None:
    stages = [stage("zero", NOTE + "note zero"), stage("one", NOT_YET)]
    with Box(payload(stages).files, dmi={"product_uuid": first[0] + "\n"}, machine_id=first[1]) as box:
        assert box.tick().returncode == 75
        box.copy.set_dmi({"product_uuid": second[0] + "\n"})
        box.put("/etc/machine-id", second[1] + "\n")
        # Drawn once a boot: nothing changes within one.
        assert box.tick().returncode == 75
        assert ran(box) == ["zero", "one", "one"]
        box.reboot()
        assert box.tick().returncode == 75
        assert ran(box)[3:] == (["zero", "one"] if fresh else ["one"])
        assert len(box.sh(f"ls {STATE} | grep journal.old").stdout.split()) == fresh
        said = [e["reason"] for e in box.events("state") if e.get("reason", "").startswith("boot")]
        other = "boot, with another machine-id" if first[1] != second[1] else "boot"
        assert said == ([] if fresh else [other])


# --- what an earlier deploy did ---


def test_a_new_deploy_runs_again_what_declares_it_or_no_longer_proves_itself() -> None:
    stages = [
        stage("kept", NOTE + "note kept", verify="test -e /srv/kept || : >/srv/kept"),
        stage("each", NOTE + "note each", rerun="deploy"),
        stage("lost", NOTE + "note lost; : >/srv/effect", verify="test -e /srv/effect"),
        stage("by-hand", NOTE + "note by-hand"),
    ]
    with Box() as box:
        deliver(box, deploy(1, *stages))
        assert box.tick().returncode == 0
        box.sh("rm /srv/effect")
        deliver(box, deploy(2, *stages))
        assert box.tick().returncode == 0
        assert ran(box) == ["kept", "each", "lost", "by-hand", "each", "lost"]
        # The last run under a name counts, also one by hand.
        assert said(box, "run kept --force")[0] == 0
        deliver(box, deploy(3, *stages))
        assert box.tick().returncode == 0
        assert ran(box)[6:] == ["kept", "each"]


def test_what_failed_or_was_undone_is_not_inherited() -> None:
    stages = [
        stage("undone", NOTE + "note undone", undo=NOTE + "note undo"),
        stage("failed", NOTE + "note failed; test -e /srv/mended"),
    ]
    with Box() as box:
        deliver(box, deploy(1, *stages, rollback=True))
        assert box.tick().returncode == 5
        assert ran(box) == ["undone", "failed", "undo"]
        box.put("/srv/mended", "")
        deliver(box, deploy(2, *stages, rollback=True))
        assert box.tick().returncode == 0
        assert ran(box)[3:] == ["undone", "failed"]


@pytest.mark.fault(46)
def test_a_new_deploy_first_ends_what_a_killed_runner_of_the_old_one_left() -> None:
    with Box(deploy(1, stage("one", NOTE + "note old; sleep 1005")).files) as box:
        start_tick(box)
        kill_runner_after(box, "old")
        assert box.sh("pgrep -f '[s]leep 1005'").stdout != ""
        deliver(box, deploy(2, stage("one", NOTE + "! pgrep -f '[s]leep 1005' || note overlap; note new")))
        assert box.tick().returncode == 0
        assert ran(box) == ["old", "new"]


# --- the journal ---


@pytest.mark.fault(47)
def test_a_torn_journal_loses_only_what_was_never_acknowledged() -> None:
    with Box(payload([stage("zero", NOTE + "note zero"), stage("one", NOT_YET)]).files) as box:
        assert box.tick().returncode == 75
        before = box.journal()
        box.put(JOURNAL, b'{"seq": 99, "type": "stage.ended", "sta', method="append")
        box.put("/srv/go", "")
        assert box.tick().returncode == 0
        assert ran(box) == ["zero", "one", "one"]
        assert box.journal()[: len(before)] == before
        assert [e["seq"] for e in box.journal()] == list(range(1, len(box.journal()) + 1))


@pytest.mark.fault(47)
def test_a_damaged_journal_is_kept_aside_named_and_what_proves_itself_counts() -> None:
    with Box(payload([stage("zero", NOTE + "note zero"), stage("one", NOT_YET)]).files) as box:
        assert box.tick().returncode == 75
        lines = (box.read(JOURNAL) or b"").splitlines(True)
        (at,) = [n for n, line in enumerate(lines) if b'"state": "running"' in line and b"placed" in line]
        damaged = b"".join([*lines[:at], lines[at].replace(b"placed", b"plaXed"), *lines[at + 1 :]])
        box.put(JOURNAL, damaged, 0o600)
        box.put("/srv/go", "")
        assert box.tick().returncode == 0
        (aside,) = box.sh(f"ls {STATE}/journal.damaged.*").stdout.split()
        assert box.read(aside) == damaged
        assert f"initialrunner: the journal was damaged; kept as {aside}\n" in box.text("/etc/motd")
        # The end of stage zero proves itself: it does not run again.
        assert ran(box) == ["zero", "one", "one"]
        assert box.journal()[at]["type"] == "lost"


# --- after the end ---


def test_killed_between_the_steps_of_finish_the_next_tick_takes_the_others() -> None:
    one = payload([stage("one", NOTE + "note one")])
    with Box(one.files) as box:
        assert box.tick().returncode == 0
        scrubbed = box.read(COMMAND)
        # Killed before step (b): trigger and bundle as they were.
        deliver(box, one)
        assert box.tick().returncode == 0
        assert (box.sh(AWAY).stdout, box.read(COMMAND)) == ("", scrubbed)
        # Killed before step (c): the trigger names the scrubbed runner, the bundle is still there.
        digest = box.sh(f"sha256sum <{COMMAND}").stdout.split()[0]
        handed_over = one.files[-1].content.decode().replace(BUNDLE, COMMAND).replace(one.digest, digest)
        box.put(BUNDLE, one.bundle, 0o600)
        box.put(TRIGGER, handed_over, 0o644)
        assert box.tick().returncode == 0
        assert (box.sh(AWAY).stdout, box.read(COMMAND)) == ("", scrubbed)
        # Killed before step (d), and a newer bundle has come whose trigger is not there yet: it is not ours to remove.
        box.put(BUNDLE, "newer", 0o600)
        box.put(TRIGGER, handed_over, 0o644)
        assert box.tick().returncode == 0
        assert box.sh(AWAY).stdout == f"{BUNDLE}\n"
        assert ran(box) == ["one"]


def test_a_newer_payload_that_comes_at_the_last_moment_is_started_not_deleted() -> None:
    new = deploy(2, stage("new", NOTE + "note new"))
    # The last thing before finish is a look at health: here it is what brings the newer files.
    bring = f"test -e /srv/brought || {{ cp /srv/bundle {BUNDLE}; cp /srv/trigger {TRIGGER}; : >/srv/brought; }}\n"
    old = deploy(1, stage("old", NOTE + "note old"), checks=[{"kind": "command", "text": bring}])
    with Box(old.files) as box:
        box.put("/srv/bundle", new.bundle)
        box.put("/srv/trigger", new.files[-1].content)
        box.tick()
        assert box.read(BUNDLE) == new.bundle
        assert box.tick().returncode == 0
        assert (ran(box), box.sh(AWAY).stdout) == (["old", "new"], "")
        assert box.journal()[0]["deploy_id"] == new.deploy_id


def test_an_old_bundle_started_beside_a_newer_trigger_leaves_it_alone() -> None:
    new = deploy(2, stage("new", NOTE + "note new"))
    with Box(new.files) as box:
        box.put("/root/old", deploy(1, stage("old", NOTE + "note old")).bundle)
        assert box.sh("sh /root/old tick").returncode == 0
        assert (ran(box), box.read(TRIGGER)) == ([], new.files[-1].content)
        assert box.tick().returncode == 0
        assert ran(box) == ["new"]


def test_where_the_command_cannot_be_written_it_lives_with_the_state() -> None:
    with Box(payload([stage("one", NOTE + "note one")]).files) as box:
        # A copy may not mount /usr read-only: a file in place of the folder takes no file either.
        box.sh("mv /usr/local/sbin /usr/local/moved; : >/usr/local/sbin")
        assert box.tick().returncode == 0
        assert not box.exists(COMMAND)
        assert box.sh(f"{STATE}/bin/initialrunner status").stdout.startswith("box-1  healthy")
        assert (ran(box), box.sh(AWAY).stdout) == (["one"], "")


def test_a_final_failure_stays_one_over_a_reboot() -> None:
    health = {"deadline_s": 0.1, "checks": [{"kind": "file", "path": "/srv/site"}]}
    stages = [stage("one", NOTE + "note one", undo=NOTE + "note undo")]
    with Box(payload(stages, health=health, rollback=True).files, cron="fast") as box:
        box.wait_for(lambda: ran(box) == ["one", "undo"])
        box.wait_for(lambda: box.sh(f"ls {STATE}/ended.*").returncode == 0)
        box.put("/srv/site", "")
        box.reboot()
        assert box.sh(f"sh {BUNDLE} tick").returncode == 5
        assert (box.state(), ran(box)) == ("failed", ["one", "undo"])


def test_a_boot_that_comes_while_reports_are_owed_changes_nothing_that_was_found() -> None:
    """Healthy stays healthy, health is not asked again; what every boot names runs, once in each."""
    each = [{"name": "worker", "text": NOTE + "note worker\n", "digest": "w"}]
    checks = [{"kind": "command", "text": NOTE + "note asked\n"}]
    nobody = ("http://127.0.0.1:1", bytes(32))
    one = payload([stage("one", NOTE + "note one")], every_boot=each, checks=checks, report=nobody)
    with Box(one.files) as box:
        assert box.tick().returncode == 75
        assert ran(box) == ["one", "worker", "asked"]
        box.reboot()
        assert box.tick().returncode == 75
        assert box.tick().returncode == 75
        assert ran(box) == ["one", "worker", "asked", "worker"]
        assert [event["state"] for event in box.events("state")][-1] == "healthy"
        assert len(box.events("state", state="healthy")) == 1


@pytest.mark.fault(47)
def test_a_journal_of_a_newer_format_is_not_guessed_at() -> None:
    newer = {"seq": 1, "type": "started", "version": 2, "deploy_id": DEPLOY_ID, "at": 1.0, "uptime_s": 1.0}
    with Box(payload([stage("one", NOTE + "note one")]).files) as box:
        box.put(f"{STATE}/journal", seal(newer), 0o600)
        assert box.tick().returncode == 75
        assert "its journal is of format 2, and this runner knows 1" in box.console()
        assert (box.text(f"{STATE}/journal"), ran(box)) == (seal(newer), [])


def test_an_undo_that_was_cut_short_goes_on_and_not_beside_itself() -> None:
    again = NOTE + "note undo; test $(grep -c undo /srv/oracle) -ge 2 || sleep 1005; ! pgrep -f '[s]leep 1005'\n"
    stages = [
        stage("first", NOTE + "note first", undo=NOTE + "note undone-first"),
        stage("one", NOTE + "note one", undo=again),
        stage("bad", "exit 1", undo=NOTE + "note never"),
    ]
    with Box(payload(stages, rollback=True).files) as box:
        start_tick(box)
        kill_runner_after(box, "undo")
        assert box.tick().returncode == 5
        assert ran(box) == ["first", "one", "undo", "undo", "undone-first"]
        assert ended(box, "one.undo") == [("done", None)]


# --- every boot ---


def test_later_boots_run_what_every_boot_names_from_rc_local(tmp_path: Path) -> None:
    spec = tmp_path / "box.yaml"
    spec.write_text(
        "version: 1\nname: box\nstages:\n- {name: one, run: 'echo one >>/srv/oracle'}\n"
        "every_boot:\n- {name: worker, run: 'echo boot >>/srv/oracle'}\n"
        "- {name: bad, run: 'echo bad >>/srv/oracle; exit 3'}\n"
    )
    one = build(render(resolve(load(spec), server="box-1", deploy_id="d1"), secret=None))
    with Box(one.files, cron="fast") as box:
        box.wait_for(lambda: box.state() == "healthy" and not box.exists(TRIGGER))
        assert ran(box) == ["one", "boot", "bad"]
        box.reboot()
        box.wait_for(lambda: len(ran(box)) == 5)
        assert ran(box)[3:] == ["boot", "bad"]
        # Once a boot, whoever asks.
        assert box.sh("/etc/rc.local").returncode == 0
        assert len(ran(box)) == 5
        lines = said(box, "status")[1].splitlines()
        assert lines[0].startswith("box-1  healthy")
        assert any("every boot: " in line and "bad exit 3" in line for line in lines)


def test_what_rc_local_has_begun_in_this_boot_the_runner_leaves_to_it() -> None:
    every = [stage("worker", NOTE + "note boot")]
    with Box(payload([stage("one", NOTE + "note one")], every_boot=every).files) as box:
        box.sh('echo rc.local >"/run/initialrunner.boot.$(cat /proc/sys/kernel/random/boot_id)"')
        assert box.tick().returncode == 0
        assert ran(box) == ["one"]


# --- user-data ---


def test_user_data_returns_while_its_stages_work_and_holds_no_pipe() -> None:
    with Box() as box:
        box.put("/root/user-data", payload([stage("one", NOTE + "note begin; block go; note end")]).bundle, 0o700)
        # As cloud-init: it reads the script's output to its end.
        assert box.sh("sh /root/user-data 2>&1 | cat").returncode == 0
        assert box.stat(BUNDLE)[0] == "0600" and box.exists(TRIGGER)
        assert "end" not in ran(box)
        box.put("/srv/go", "")
        box.wait_for(lambda: box.state() == "healthy" and not box.exists(TRIGGER))
        assert ran(box) == ["begin", "end"]
