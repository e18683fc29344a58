"""What the admin's command says on a host, word by word: why, status and the verbs that only look."""

from __future__ import annotations

import json
import re

import pytest
from box import Box, needs_root
from handmade import payload, stage
from oracle import NOTE, deliver, kill_runner_after, ran, said, start_tick

from bootstrap.payload.bundle import unpack
from bootstrap.render.model import RenderedFile
from bootstrap.runner.host import BUNDLE, COMMAND, STATE, TRIGGER

pytestmark = [pytest.mark.integration, needs_root]
TWO = stage("two", NOTE + "note two")
VERBS = ["status", "why", "logs", "timeline", "history", "verify", "doctor", "run", "tick", "report", "reset", "source"]


def test_why_on_a_healthy_host() -> None:
    with Box(payload([TWO]).files) as box:
        box.tick()
        assert said(box, "why") == (0, "box-1 is healthy; nothing is wrong. See: initialrunner status\n", "")


def test_why_while_a_stage_runs_and_after_its_runner_was_killed() -> None:
    with Box(payload([stage("one", NOTE + "note begin; block go")]).files) as box:
        start_tick(box)
        box.wait_for(lambda: ran(box) == ["begin"])
        assert said(box, "why") == (75, "stage one is running, attempt 1. See: initialrunner logs one\n", "")
        kill_runner_after(box, "begin")
        cut = "stage one was interrupted in attempt 1: its runner is gone.\nContinue: initialrunner tick\n"
        assert said(box, "why") == (75, cut, "")


def test_why_after_not_yet() -> None:
    with Box(payload([stage("one", "echo soon; exit 75")]).files) as box:
        assert box.tick().returncode == 75
        assert said(box, "why") == (
            75, "stage one says: not yet (exit 75), attempt 1.\n    soon\nContinue: initialrunner tick\n", "",
        )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "more", "first"),
    [
        pytest.param("kill -9 $$", {}, "stage one failed (signal 9, cause: signal), attempt 1.", id="signal"),
        pytest.param("true", {"verify": "exit 4"}, "stage one failed (exit 0, cause: verify), attempt 1.", id="verify"),
        pytest.param("#!/no/such\n", {}, "stage one failed (exit 127, cause: exit), attempt 1.", id="interpreter"),
    ],
)
def test_why_names_the_cause_of_a_failed_stage(text: str, more: dict, first: str) -> None:
    with Box(payload([stage("one", text, **more)]).files) as box:
        assert box.tick().returncode == 5
        code, out, _ = said(box, "why")
        assert (code, out.splitlines()[0]) == (5, first)
        assert out.splitlines()[-1] == "Run it again: initialrunner run one --force"


def test_why_while_a_file_is_missing() -> None:
    files = [RenderedFile("/srv/late", b"0123456789", 0o644, deliver="inject")]
    one = payload([TWO], files=files, wait_for=[{"path": "/srv/key", "min_size": 4}])
    with Box([file for file in one.files if file.path != "/srv/late"]) as box:
        box.put("/srv/late", "01234")
        start_tick(box)
        box.wait_for(lambda: box.exists(COMMAND))
        code, out, _ = said(box, "why")
        assert (code, out) == (
            75,
            "/srv/late: short, 5 of 10 bytes.\n/srv/key: absent, 0 of 4 bytes.\nContinue: initialrunner tick\n",
        )


def test_why_while_a_stage_needs_something() -> None:
    with Box(payload([stage("one", "true", needs=[{"file": "/srv/mounted"}])]).files) as box:
        start_tick(box)
        box.wait_for(lambda: box.events("waiting"))
        assert said(box, "why") == (
            75, "one waits: no file /srv/mounted. See: initialrunner status\n", "",
        )  # fmt: skip


def test_why_after_health_failed_and_how_it_heals() -> None:
    health = {"deadline_s": 0.2, "checks": [{"kind": "file", "path": "/srv/site"}]}
    with Box(payload([TWO], health=health).files) as box:
        assert box.tick().returncode == 5
        expected = "health check failed: file /srv/site: absent\nContinue: initialrunner run\n"
        assert said(box, "why") == (5, expected, "")
        assert "  health: file /srv/site: absent\n" in said(box, "status")[1]
        box.put("/srv/site", "x")
        assert said(box, "run")[0] == 0
        assert (box.state(), ran(box), box.exists(TRIGGER)) == ("healthy", ["two"], False)


def test_why_after_health_was_never_stable() -> None:
    flips = "echo >>/srv/asked; test $(($(wc -l </srv/asked) % 2)) = 1\n"
    # Every other look passes, and the deadline is over right after one that did.
    text = flips.replace("test", "[ $(wc -l </srv/asked) -lt 3 ] || sleep 1; test")
    health = {"deadline_s": 0.5, "stable": 2, "interval_s": 0.01, "checks": [{"kind": "command", "text": text}]}
    with Box(payload([], health=health).files) as box:
        assert box.tick().returncode == 5
        assert box.text("/srv/asked").count("\n") == 3
        assert said(box, "why") == (5, "health check failed: not stable in time\nContinue: initialrunner run\n", "")
        assert "  health: not stable in time\n" in said(box, "status")[1]


def test_help_and_a_verb_that_does_not_exist() -> None:
    with Box(payload([TWO]).files) as box:
        box.tick()
        code, out, _ = said(box, "help")
        assert (code, out.splitlines()[0]) == (0, "usage: initialrunner VERB")
        verbs = [line.split()[0] for line in out.splitlines()[1:] if line.startswith("  ") and line[2] != " "]
        assert verbs == VERBS
        assert said(box, "nonsense") == (2, "", f"initialrunner: no verb 'nonsense'\n{out}")
        for verb in VERBS:
            (line,) = [line for line in out.splitlines() if line.split()[0] == verb]
            assert said(box, f"{verb} --help") == (0, f"usage: initialrunner {line.strip()}\n", "")
        code, version, _ = said(box, "--version")
        assert code == 0 and re.fullmatch(r"initialrunner [0-9a-f]{12}\n", version)
        assert box.run("/bin/cp", COMMAND, "/tmp/mine").returncode == 0
        box.sh("chmod 755 /tmp/mine")
        assert box.run("/bin/sh", "/tmp/mine", "status", user="nobody").stderr == (
            "initialrunner: only root can read the journal; try: sudo initialrunner status\n"
        )


def test_logs_print_what_a_stage_printed_to_its_last_line() -> None:
    text = "i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); echo line $i of a log that is longer than a mebibyte; done"
    with Box(payload([stage("one", text)]).files) as box:
        assert box.tick().returncode == 0
        code, out, _ = said(box, "logs one")
        assert (code, out.splitlines()[-1]) == (0, "line 30000 of a log that is longer than a mebibyte")


@pytest.mark.fault(86)
def test_report_without_a_collector_and_after_the_end() -> None:
    with Box(payload([stage("one", "exit 3")]).files) as box:
        box.tick()
        assert said(box, "report") == (0, "nothing to report: the spec names no collector\n", "")
    with Box() as box:
        deliver(box, payload([TWO], report=(box.collector.url, box.collector.secret)))
        assert box.tick().returncode == 0
        assert "report" not in unpack(box.read(COMMAND) or b"").plan
        assert said(box, "report") == (0, "nothing to report: all events were reported or given up\n", "")


def test_source_is_the_whole_runner_in_a_python_that_parses() -> None:
    with Box(payload([TWO]).files) as box:
        box.tick()
        code, out, _ = said(box, "source")
        assert code == 0
        compile(out, "source", "exec")
        assert "def tick(" in out and "def admin(" in out


def test_the_command_runs_no_other_bundle_than_its_own() -> None:
    with Box(payload([stage("one", "exit 3")]).files) as box:
        box.tick()
        box.sh(f"echo : >>{BUNDLE}")
        what = f"initialrunner: {BUNDLE} is missing, incomplete or a different bundle: inject it again."
        assert said(box, "status") == (4, "", f"{what} Logs: {STATE}/logs\n")


def test_status_line_by_line_on_a_host_that_failed() -> None:
    stages = [stage("one", "true", skip_if="true"), stage("two", "kill -9 $$", attempts=2, delay_s=0), stage("x", ":")]
    with Box(payload(stages).files) as box:
        assert box.tick().returncode == 5
        lines = [" ".join(line.split()) for line in said(box, "status")[1].splitlines()]
        when, took = " ".join(lines[2].split()[2:4]), " ".join(lines[2].split()[4:6])
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", when)
        assert re.fullmatch(r"took: \d+ s", lines.pop())
        assert lines == [
            "box-1 failed deploy 20261120T120000-ab12cd revision 0123456789ab",
            "one skipped 0.0 s attempts 0",
            f"two failed {when} {took} attempts 2 signal 9, cause: signal",
            "x pending attempts 0",
            "reason: stage two failed (cause: signal)",
        ]


def test_another_deploy_and_status_shows_a_stage_as_inherited() -> None:
    with Box() as box:
        deliver(box, payload([TWO], deploy_id="20261121T000000-aaaaaa"))
        box.tick()
        deliver(box, payload([TWO, stage("last", "exit 3")], deploy_id="20261122T000000-bbbbbb"))
        assert box.tick().returncode == 5
        rows = json.loads(said(box, "status --json")[1])["stages"]
        assert [(r["name"], r["state"], r.get("inherited")) for r in rows] == [
            ("two", "skipped", "20261121T000000-aaaaaa"),
            ("last", "failed", None),
        ]
