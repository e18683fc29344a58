"""Stages that hang, fork, fail, are cut short, or say "not yet": each ends as declared, and nothing runs twice."""

from __future__ import annotations

import json

import pytest
from box import Box, needs_root
from handmade import payload, stage

from bootstrap.render.model import RenderedFile
from bootstrap.runner.host import BUNDLE, COMMAND, STATE, TRIGGER

pytestmark = [pytest.mark.integration, needs_root]
ORACLE = "/srv/oracle"
NOTE = "note() { echo $1 >>/srv/oracle; sync; }\n"


def ran(box: Box) -> list[str]:
    return box.text(ORACLE).split()


def ended(box: Box, name: str) -> list[tuple]:
    """(result, cause) of every end of a stage."""
    return [(e["result"], e.get("cause")) for e in box.events("stage.ended", stage=name)]


@pytest.mark.fault(71)
@pytest.mark.fault(73)
def test_a_hanging_stage_is_ended_with_all_it_started() -> None:
    text = NOTE + (
        "trap 'note term' TERM\n"
        "setsid sleep 1001 &\n"
        "(trap '' TERM; setsid sh -c 'trap \"\" TERM; sleep 1002; sleep 1003') &\n"
        "note begun; while :; do sleep 0.1; done\n"
    )
    with Box(payload([stage("one", text, timeout_s=1)]).files) as box:
        assert box.tick(timeout_s=60).returncode == 5
        assert ended(box, "one") == [("failed", "timeout")]
        assert ran(box)[:2] == ["begun", "term"]
        assert box.sh("pgrep -a sleep").stdout == ""


@pytest.mark.fault(72)
@pytest.mark.fault(48)
def test_a_daemon_that_holds_stdout_holds_neither_stage_nor_lock() -> None:
    daemon = "(while :; do echo alive; sleep 0.2; done) &\n"
    with Box(payload([stage("one", daemon), stage("two", "echo two >>/srv/oracle")]).files) as box:
        assert box.tick().returncode == 0
        assert ended(box, "one") == [("done", None)]
        # It lives on after exit 0, and is still logged.
        lines = box.log("one").count("alive")
        box.wait_for(lambda: box.log("one").count("alive") > lines + 2)
        assert box.sh("flock -n /run/initialrunner.lock true").returncode == 0


def test_a_failed_attempt_is_retried_with_pauses_and_its_leftovers_are_gone() -> None:
    text = NOTE + "note try; sleep 1004 & test $(grep -c try /srv/oracle) -ge 3\n"
    one = stage("one", text, attempts=3, delay_s=0.1)
    with Box(payload([one]).files) as box:
        assert box.tick().returncode == 0
        assert ended(box, "one") == [("failed", "exit"), ("failed", "exit"), ("done", None)]
        assert box.sh("pgrep -fc '[s]leep 1004'").stdout.strip() == "1"


def test_a_stage_that_fails_for_good_stops_the_rest_and_says_why() -> None:
    stages = [stage("one", "echo broken pipe to nowhere; exit 3"), stage("two", "echo two >>/srv/oracle")]
    with Box(payload(stages).files) as box:
        assert box.tick().returncode == 5
        assert (box.state(), ran(box)) == ("failed", [])
        why = box.sh(f"{COMMAND} why")
        assert why.returncode == 5
        assert why.stdout == (
            "stage one failed (exit 3, cause: exit), attempt 1.\n"
            "    broken pipe to nowhere\n"
            "Run it again: initialrunner run one --force\n"
        )
        assert "box-1 failed: stage one failed (exit 3); ask `initialrunner why`" in box.text("/etc/motd")
        assert "box-1 failed: stage one failed (exit 3)" in box.console()


def test_exit_75_means_not_yet_and_uses_no_attempt() -> None:
    text = NOTE + "note one; test $(grep -c one /srv/oracle) -ge 3 || exit 75\n"
    with Box(payload([stage("one", text), stage("two", NOTE + "note two")]).files) as box:
        assert [box.tick().returncode for _ in range(3)] == [75, 75, 0]
        assert ran(box) == ["one", "one", "one", "two"]
        assert ended(box, "one") == [("again", None), ("again", None), ("done", None)]


def kill_in_the_middle(box: Box) -> None:
    """SIGKILL to the runner while its stage works; what the stage started lives on."""
    box.wait_for(lambda: "begin" in ran(box))
    assert box.kill_runner()
    box.wait_for(lambda: box.sh("flock -n /run/initialrunner.lock true").returncode == 0)


# Its one mark is the log itself: a kill between two marks would make it sleep again.
BEGIN = NOTE + "note begin; test $(grep -c begin /srv/oracle) -ge 2 || sleep 1005\nnote end\n"


def started_by_hand(box: Box) -> None:
    box.sh(f"sed -n 's/^@reboot root //p' {TRIGGER} >/root/tick; setsid sh /root/tick </dev/null >/dev/null 2>&1 &")


@pytest.mark.fault(46)
def test_an_attempt_cut_short_is_killed_asked_and_made_again() -> None:
    with Box(payload([stage("one", BEGIN)]).files) as box:
        started_by_hand(box)
        kill_in_the_middle(box)
        assert box.sh("pgrep -f '[s]leep 1005'").stdout != ""
        assert box.tick().returncode == 0
        assert ran(box) == ["begin", "begin", "end"]
        (cut,) = box.events("interrupted")
        assert cut["killed"] and cut["policy"] == "retry"
        assert box.sh("pgrep -f '[s]leep 1005'").stdout == ""


@pytest.mark.fault(46)
def test_verify_decides_an_attempt_cut_short_after_its_last_effect() -> None:
    text = NOTE + "note begin; touch /srv/last-effect; sleep 1005\n"
    with Box(payload([stage("one", text, verify="test -e /srv/last-effect")]).files) as box:
        started_by_hand(box)
        kill_in_the_middle(box)
        assert box.tick().returncode == 0
        assert ran(box) == ["begin"]
        assert ended(box, "one") == [("done", "interrupted")]


@pytest.mark.fault(46)
def test_on_interrupt_fail_stops_and_asks() -> None:
    with Box(payload([stage("one", BEGIN, on_interrupt="fail")]).files) as box:
        started_by_hand(box)
        kill_in_the_middle(box)
        assert box.tick().returncode == 5
        assert (ran(box), ended(box, "one")) == (["begin"], [("failed", "interrupted")])


@pytest.mark.fault(45)
def test_a_power_cut_in_mid_stage_goes_on_as_declared() -> None:
    with Box(payload([stage("zero", NOTE + "note zero"), stage("one", BEGIN)]).files, cron="fast") as box:
        box.wait_for(lambda: "begin" in ran(box))
        box.power_cut()
        box.boot()
        box.wait_for(lambda: box.state() == "healthy")
        assert ran(box) == ["zero", "begin", "begin", "end"]
        assert box.events("interrupted")[0]["rebooted"] is True


@pytest.mark.fault(75)
def test_a_declared_reboot_resumes_at_the_next_stage() -> None:
    stages = [stage("one", NOTE + "note one", reboot="after"), stage("two", NOTE + "note two")]
    with Box(payload(stages).files, cron="fast") as box:
        box.wait_for(lambda: box.state() == "healthy", timeout_s=60)
        assert ran(box) == ["one", "two"]
        assert len(box.events("rebooting")) == 1
        assert len({e["boot_id"] for e in box.journal() if "boot_id" in e}) == 2


def test_reboot_if_required_asks_the_distributions_flag() -> None:
    stages = [
        stage("no", "true", reboot="if-required"),
        stage("yes", "touch /run/reboot-required", reboot="if-required"),
        stage("last", "true"),
    ]
    with Box(payload(stages).files, cron="fast") as box:
        box.wait_for(lambda: box.state() == "healthy", timeout_s=60)
        assert [e["stage"] for e in box.events("rebooting")] == ["yes"]


@pytest.mark.fault(82)
def test_exit_0_with_nothing_done_is_found_by_verify() -> None:
    with Box(payload([stage("one", "false | true", verify="test -e /srv/done")]).files) as box:
        assert box.tick().returncode == 5
        assert ended(box, "one") == [("failed", "verify")]


def test_a_command_that_fails_in_the_middle_fails_the_stage() -> None:
    with Box(payload([stage("one", "false\necho still here >>/srv/oracle\n")]).files) as box:
        assert box.tick().returncode == 5
        assert ran(box) == []


def test_a_stage_may_be_any_interpreters_script() -> None:
    text = "#!/usr/bin/env python3\nopen('/srv/oracle', 'a').write('python\\n')\n"
    with Box(payload([stage("one", text)]).files) as box:
        assert box.tick().returncode == 0
        assert ran(box) == ["python"]


def test_skip_if_is_asked_once_before_the_first_attempt() -> None:
    stages = [stage("one", NOTE + "note one", skip_if="true"), stage("two", NOTE + "note two", skip_if="false")]
    with Box(payload(stages).files) as box:
        assert box.tick().returncode == 0
        assert (ran(box), ended(box, "one")) == (["two"], [("skipped", None)])


def test_roll_back_undoes_in_reverse_order() -> None:
    stages = [
        stage("one", NOTE + "note one", undo=NOTE + "note undo-one"),
        stage("two", NOTE + "note two", undo=NOTE + "note undo-two"),
        stage("three", "exit 1"),
    ]
    with Box(payload(stages, rollback=True).files) as box:
        assert box.tick().returncode == 5
        assert ran(box) == ["one", "two", "undo-two", "undo-one"]
        box.tick()
        assert len(ran(box)) == 4


def test_a_stage_of_another_user_runs_as_that_user() -> None:
    text = "id -un >/tmp/who; echo $HOME >>/tmp/who; echo result=$(id -u) >>$INITIALRUNNER_OUTPUT\n"
    with Box(payload([stage("one", text, user="nobody")]).files) as box:
        assert box.tick().returncode == 0, box.log("one")
        assert box.text("/tmp/who").split() == ["nobody", "/nonexistent"]
        assert box.events("stage.ended")[0]["outputs"] == {"result": "65534"}


@pytest.mark.fault(86)
def test_a_secret_is_in_no_process_list_log_or_file_and_is_gone_after_success() -> None:
    value = "s3cr3t-value-of-the-test"
    text = 'echo "my token is $TOKEN"; cat /proc/*/cmdline | tr "\\0" " " >/srv/cmdlines; test -n "$TOKEN"\n'
    one = stage("one", text, environment={"TOKEN": value}, secrets=["TOKEN"])
    files = [
        RenderedFile("/srv/kept", value.encode(), 0o600, secret=True),
        RenderedFile("/srv/gone", value.encode(), 0o600, secret=True, keep=False),
    ]
    with Box(payload([one], files=files, secrets=[value]).files) as box:
        assert box.stat(BUNDLE)[0] == "0400"
        assert box.tick().returncode == 0
        places = f"/etc/initialrunner {STATE} /usr/local/sbin /run /srv/cmdlines /var/log /etc/motd"
        assert box.sh(f"grep -rl {value} {places}").stdout == ""
        assert "my token is ************************" in box.log("one")
        assert (box.text("/srv/kept"), box.exists("/srv/gone")) == (value, False)
        # By hand it says which it needs, and takes it from the environment.
        missing = box.sh(f"{COMMAND} run one --force")
        assert missing.returncode == 4
        assert "stage one needs TOKEN in the environment: secrets are removed after success" in missing.stderr
        assert box.sh(f"TOKEN={value} {COMMAND} run one --force").returncode == 0


def test_every_boot_runs_once_a_boot_after_the_stages() -> None:
    every = [stage("worker", NOTE + "note boot")]
    with Box(payload([stage("one", NOTE + "note one")], every_boot=every).files) as box:
        assert box.tick().returncode == 0
        assert ran(box) == ["one", "boot"]


@pytest.mark.parametrize(
    ("check", "saw"),
    [
        pytest.param({"kind": "http", "url": "http://127.0.0.1:9/"}, "refused", id="http"),
        pytest.param({"kind": "tcp", "address": "127.0.0.1:9"}, "refused", id="tcp"),
        pytest.param({"kind": "process", "name": "no-such-program"}, "no such process", id="process"),
        pytest.param({"kind": "command", "text": "echo because; exit 7\n"}, "exit 7 because", id="command"),
        pytest.param({"kind": "file", "path": "/srv/none"}, "absent", id="file"),
        pytest.param({"kind": "disk", "path": "/", "free": 1 << 60}, "bytes free of", id="disk"),
        pytest.param({"kind": "memory", "free": 1 << 60}, "bytes free of", id="memory"),
        pytest.param({"kind": "unit", "name": "none.service"}, "", id="unit"),
    ],
)
def test_a_failing_check_is_named_with_what_it_saw(check: dict, saw: str) -> None:
    with Box(payload([], health={"deadline_s": 0.3, "checks": [check]}).files) as box:
        assert box.tick().returncode == 5
        (health,) = box.events("health")
        assert health["ok"] is False and health["check"].startswith(check["kind"]) and saw in health["saw"]
        assert box.state() == "failed"


def test_health_wants_passes_in_a_row() -> None:
    flaky = "echo >>/srv/asked; test $(wc -l </srv/asked) -ne 2\n"
    checks = [{"kind": "command", "text": flaky}, {"kind": "process", "name": "sleep"}, {"kind": "file", "path": "/"}]
    daemon = stage("one", "sleep 1008 &\n")
    with Box(payload([daemon], health={"stable": 3, "interval_s": 0.05, "checks": checks}).files) as box:
        assert box.tick().returncode == 0
        assert box.text("/srv/asked").count("\n") == 5


def test_the_runner_itself_is_not_the_process_that_is_looked_for() -> None:
    health = {"deadline_s": 0.1, "interval_s": 0.05, "checks": [{"kind": "process", "name": "python3"}]}
    with Box(payload([], health=health).files) as box:
        assert box.sh("pgrep -x python3").stdout == ""
        assert box.tick().returncode == 5
        assert box.events("health")[-1]["saw"] == "no such process"


def test_past_the_deadline_of_the_whole_no_stage_starts() -> None:
    stages = [stage("one", NOTE + "note one; sleep 1.2"), stage("two", NOTE + "note two")]
    with Box(payload(stages, deadline_s=1).files) as box:
        assert box.tick().returncode == 5
        assert (ran(box), ended(box, "two")) == (["one"], [("failed", "deadline")])


@pytest.mark.fault(55)
def test_a_need_is_waited_for_and_named() -> None:
    one = stage("one", NOTE + "note one", needs=[{"file": "/srv/mounted"}])
    with Box(payload([one, stage("two", ":", needs=[{"network": True}])], deadline_s=4).files, cron="fast") as box:
        (waiting,) = box.wait_for(lambda: box.events("waiting"))
        assert waiting["for"] == "no file /srv/mounted"
        box.put("/srv/mounted", b"")
        # The copy has a loopback only: the second stage waits for a route until the deadline.
        box.wait_for(lambda: box.state() == "failed")
        assert (ran(box), ended(box, "two")) == (["one"], [("failed", "needs")])


@pytest.mark.fault(87)
def test_a_clone_begins_anew_and_the_same_host_does_not() -> None:
    uuids = ["3d1219c7-c4c5-404a-aa1f-6d2a48adfda4", "11111111-2222-3333-4444-555555555555"]
    text = NOTE + "note one; test $(grep -c one /srv/oracle) -ge 2 || exit 75\n"
    with Box(payload([stage("one", text)]).files, dmi={"product_uuid": uuids[0] + "\n"}) as box:
        assert box.tick().returncode == 75
        first = box.journal()[0]
        box.copy.set_dmi({"product_uuid": uuids[1] + "\n"})
        box.reboot()
        assert box.tick().returncode == 0
        assert box.journal()[0]["instance_id"] == uuids[1] != first["instance_id"]
        assert len(box.sh(f"ls {STATE} | grep journal.old").stdout.split()) == 1


def test_a_new_deploy_inherits_what_is_done_and_the_same() -> None:
    def deploy(box: Box, number: int, text: str) -> None:
        one = payload(
            [stage("same", NOTE + "note same"), stage("one", text)], deploy_id=f"2026112{number}T000000-aaaaaa"
        )
        for file in one.files:
            box.put(file.path, file.content, 0o400)
        assert box.tick().returncode == 0

    with Box() as box:
        deploy(box, 1, NOTE + "note a")
        deploy(box, 2, NOTE + "note b")
        # A, B, A: what ran last under this name was B, so A runs again.
        deploy(box, 3, NOTE + "note a")
        assert ran(box) == ["same", "a", "b", "a"]
        assert box.events("stage.ended", stage="same")[0]["inherited"] == "20261122T000000-aaaaaa"


def test_status_says_what_ran_as_text_and_as_json() -> None:
    with Box(payload([stage("one", "exit 0"), stage("two", "exit 4")]).files) as box:
        box.tick()
        text = box.sh(f"{COMMAND} status").stdout.splitlines()
        assert text[0] == "box-1  failed  deploy 20261120T120000-ab12cd  revision 0123456789ab"
        assert [line.split()[:2] for line in text[1:3]] == [["one", "done"], ["two", "failed"]]
        found = json.loads(box.sh(f"{COMMAND} status --json").stdout)
        assert [(s["name"], s["state"], s["attempts"]) for s in found["stages"]] == [
            ("one", "done", 1),
            ("two", "failed", 1),
        ]
        assert box.sh(f"{COMMAND} logs none").returncode == 2
        assert "no verb 'nonsense'" in box.sh(f"{COMMAND} nonsense").stderr
        again = box.sh(f"{COMMAND} run two --force")
        assert (again.returncode, "two: failed (exit 4, cause: exit)" in again.stdout) == (5, True)
        assert box.sh(f"{COMMAND} run nothing").stderr == "initialrunner: no stage 'nothing'; stages: one, two\n"
