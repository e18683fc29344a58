"""What a stage does to its host while it runs: floods its log, leaves daemons, renames it, takes things away."""

from __future__ import annotations

import json
import re
import subprocess
import time

import pytest
from box import Box, needs_root
from handmade import DEPLOY_ID, payload, stage
from oracle import NOTE, deliver, ended, ran, said, start_tick

from bootstrap.payload.no_python_report import MISSING
from bootstrap.payload.triggers import boot_unit
from bootstrap.rehearse.collector import Collector
from bootstrap.runner.host import BUNDLE, STATE, TRIGGER

pytestmark = [pytest.mark.integration, needs_root]
MACHINE = "0123456789abcdef0123456789abcdef"
# What a log may hold, and the line that stands where it was cut.
LIMIT, CUT = 2 << 20, b"\n[cut: the log was too long]\n"


# --- logs ---


@pytest.mark.fault(53)
@pytest.mark.fault(54)
@pytest.mark.parametrize(
    "flood",
    [
        pytest.param("yes | head -c 30M", id="lines"),
        pytest.param("head -c 30M /dev/zero | tr '\\0' x", id="one-line"),
        pytest.param("head -c 30M /dev/urandom", id="binary"),
    ],
)
def test_a_flood_of_output_is_cut_and_the_stage_ends_as_it_would_have(flood: str) -> None:
    text = f"echo the head; {flood}; echo; echo the end\n"
    with Box(payload([stage("one", text), stage("two", NOTE + "note two")]).files) as box:
        assert box.tick().returncode == 0
        assert (ended(box, "one"), ran(box)) == ([("done", None)], ["two"])
        log = box.read(f"{STATE}/logs/one.log") or b""
        assert len(log) <= LIMIT
        assert (log.startswith(b"the head\n"), log.count(CUT) >= 1, log.endswith(b"\nthe end\n")) == (True, True, True)
        tail = box.events("stage.ended", stage="one")[0]["tail"]
        assert tail.endswith("\nthe end\n") and len(tail) <= 2048
        assert all(c.isprintable() or c in "\n\t" for c in tail)


@pytest.mark.fault(53)
def test_a_log_that_floods_for_long_is_cut_while_the_stage_runs() -> None:
    text = NOTE + "while [ ! -e /srv/go ]; do head -c 1M /dev/zero; sleep 0.01; done; note end\n"
    with Box(payload([stage("one", text)]).files) as box:
        start_tick(box)
        # The stage appends for ever: only a reader that cuts makes the file smaller again.
        sizes = [0]

        def shrank() -> bool:
            found = box.sh(f"stat -c %s {STATE}/logs/one.log").stdout
            sizes.append(int(found or 0))
            return sizes[-1] < sizes[-2]

        box.wait_for(shrank)
        box.put("/srv/go", "")
        box.wait_for(lambda: box.state() == "healthy")
        assert ran(box) == ["end"]
        assert box.stat(f"{STATE}/logs/one.log")[2] <= LIMIT


@pytest.mark.fault(53)
def test_a_failure_after_earlier_attempts_filled_the_log_still_tells_its_last_lines() -> None:
    text = NOTE + "note try; yes | head -c 1900K; echo the reason $(wc -l </srv/oracle); exit 3\n"
    with Box(payload([stage("one", text, attempts=3, delay_s=0)]).files) as box:
        assert box.tick().returncode == 5
        tails = [event["tail"].splitlines()[-1] for event in box.events("stage.ended")]
        assert tails == ["the reason 1", "the reason 2", "the reason 3"]


@pytest.mark.fault(54)
@pytest.mark.fault(86)
def test_a_secret_at_both_ends_of_a_flood_is_blotted_out() -> None:
    value = "s3cr3t-of-the-flood"
    text = 'echo "token $TOKEN"; yes | head -c 5M; echo "token $TOKEN"\n'
    one = stage("one", text, environment={"TOKEN": value}, secrets=["TOKEN"])
    with Box(payload([one], secrets=[value]).files) as box:
        assert box.tick().returncode == 0
        log = box.read(f"{STATE}/logs/one.log") or b""
        blotted = b"token " + b"*" * len(value) + b"\n"
        assert (log.startswith(blotted), CUT in log, log.endswith(blotted), value.encode() in log) == (
            True, True, True, False,
        )  # fmt: skip


@pytest.mark.fault(26)
def test_a_stage_ignores_and_blocks_no_signal() -> None:
    # Of 64 the first 31: the next two are the C library's own, and its posix_spawn (make, say) leaves one ignored.
    text = "yes | head -n 1; sed -n 's/^Sig\\(Blk\\|Ign\\):\t.*\\(.\\{8\\}\\)$/\\1 \\2/p' /proc/self/status\n"
    with Box(payload([stage("one", text)]).files) as box:
        assert box.tick().returncode == 0
        yes, *masks = box.log("one").splitlines()
        named = {name: int(mask, 16) & 0x7FFFFFFF for name, mask in map(str.split, masks)}
        assert (yes, named) == ("y", {"Blk": 0, "Ign": 0})


# --- daemons ---


@pytest.mark.fault(36)
def test_a_daemon_of_a_stage_lives_on_under_the_real_cron() -> None:
    text = NOTE + "sleep 1007 &\necho $! >/srv/daemon\n"
    with Box(payload([stage("one", text)]).files, cron="real") as box:
        box.wait_for(lambda: not box.exists(TRIGGER))
        assert box.state() == "healthy"
        assert box.text(f"/proc/{box.text('/srv/daemon').strip()}/comm") == "sleep\n"


@pytest.mark.fault(36)
def test_our_unit_leaves_the_daemons_it_starts_alone() -> None:
    # Under systemd's default, control-group, the end of a oneshot unit would be the end of all that it started.
    assert "Type=oneshot\n" in boot_unit() and "KillMode=process\n" in boot_unit()


# --- names ---


@pytest.mark.fault(76)
@pytest.mark.parametrize("server", ["box-1", "box-*"])
def test_a_host_that_is_renamed_in_mid_stage_stays_who_it_is(server: str) -> None:
    name = server.replace("*", MACHINE[:12])
    stages = [
        stage("one", NOTE + "note one; block go; echo renamed >/etc/hostname"),
        stage("two", NOTE + 'note "$(hostname):$INITIALRUNNER_SERVER"'),
    ]
    with Box(machine_id=MACHINE) as box, Collector(box.copy) as collector:
        deliver(box, payload(stages, server=server, report=(collector.url, collector.secret)))
        start_tick(box)
        box.wait_for(lambda: ran(box) == ["one"])
        # Nothing inside a copy may do so.
        subprocess.run(["nsenter", "--uts", "--target", str(box.copy.pid), "hostname", "renamed"], check=True)
        box.put("/srv/go", "")
        box.wait_for(lambda: not box.exists(TRIGGER))
        assert ran(box) == ["one", f"renamed:{name}"]
        box.reboot()
        assert said(box, "status")[1].startswith(f"{name}  healthy")
        found = collector.get(f"/v1/servers?deploy_id={DEPLOY_ID}")["servers"]
        assert [(one["server"], one["state"]) for one in found] == [(name, "healthy")]
        events = collector.get(f"/v1/servers/{name}/events")["events"]
        assert [e["seq"] for e in events] == [e["seq"] for e in box.journal()]
        assert len(box.events("started")) == 1


# --- what the runner itself stands on ---


@pytest.mark.fault(80)
def test_a_stage_that_restarts_cron_goes_on_and_has_no_double() -> None:
    text = NOTE + "note begin; service cron restart; note restarted; block go; note end\n"
    with Box(payload([stage("one", text)]).files, cron="real") as box:
        box.wait_for(lambda: box.exists("/run/crond.pid"))
        before = box.text("/run/crond.pid")
        box.wait_for(lambda: ran(box) == ["begin", "restarted"])
        box.wait_for(lambda: box.text("/run/crond.pid") not in ("", before))
        # What the new daemon does at its next minute.
        assert box.tick().returncode == 0
        box.put("/srv/go", "")
        box.wait_for(lambda: not box.exists(TRIGGER))
        assert (ran(box), box.state()) == (["begin", "restarted", "end"], "healthy")
        assert len(box.events("stage.started")) == 1


@pytest.mark.fault(80)
def test_a_stage_that_takes_python_and_the_bundle_away_does_not_stop_the_run() -> None:
    library = "d=$(/usr/bin/python3 -c 'import json, os; print(os.path.dirname(os.path.dirname(json.__file__)))')\n"
    away = library + f"mv $d $d.away; mv /usr/bin/python3 /usr/bin/python3.away; mv {BUNDLE} /root/bundle\n"
    back = "mv /usr/bin/python3.away /usr/bin/python3; for d in /usr/lib/python3*.away; do mv $d ${d%.away}; done\n"
    stages = [stage("one", NOTE + "note one\n" + away), stage("two", NOTE + "note two; exit 3"), stage("three", "true")]
    with Box() as box, Collector(box.copy) as collector:
        deliver(box, payload(stages, report=(collector.url, collector.secret)))
        assert box.tick().returncode == 5
        assert (ran(box), ended(box, "two")) == (["one", "two"], [("failed", "exit")])
        box.sh(back + f"mv /root/bundle {BUNDLE}")
        # What a report takes is built into Debian's Python, so that the first tick has delivered all of it.
        assert box.tick().returncode == 0
        assert ran(box) == ["one", "two"]
        assert collector.get("/v1/servers/box-1")["state"] == "failed"


@pytest.mark.fault(83)
@pytest.mark.parametrize(
    "needed", [pytest.param("/usr/bin/python3.*", id="none"), pytest.param("lib-dynload/_json*", id="minimal")]
)
def test_without_a_usable_python_it_is_said_and_later_the_run_begins(needed: str) -> None:
    find = needed if needed.startswith("/") else f"/usr/lib/python3.*/{needed}"
    with Box(payload([stage("one", NOTE + "note one")]).files) as box:
        box.sh(f"for p in {find}; do mv $p $p.away; done")
        assert box.tick().returncode == 75
        for place in (box.console(), box.text("/etc/motd")):
            assert "install the package python3 (python3-minimal is not enough)" in place
        assert ran(box) == []
        box.sh(f"for p in {find}.away; do mv $p ${{p%.away}}; done")
        assert box.tick().returncode == 0
        assert ran(box) == ["one"]


@pytest.mark.fault(83)
@pytest.mark.parametrize("tool", ["curl", "wget", "busybox"])
def test_without_a_python_the_collector_hears_of_it_and_later_of_the_run(tool: str) -> None:
    with Box() as box:
        if box.sh(f"command -v {tool}").returncode != 0:
            pytest.skip(f"this host has no {tool}")
        collector = box.collector
        deliver(box, payload([stage("one", NOTE + "note one")], report=(collector.url, collector.secret)))
        away = "for p in /usr/bin/python3.* $(command -v curl wget); do mv $p $p.away; done; "
        back = {
            "curl": "mv /usr/bin/curl.away /usr/bin/curl",
            "wget": "mv /usr/bin/wget.away /usr/bin/wget",
            "busybox": "ln -sf $(command -v busybox) /usr/local/bin/wget",
        }
        box.sh(away + back[tool])
        before = time.time()
        for _ in range(2):
            assert box.tick().returncode == 75
        known = collector.get("/v1/servers/box-1")
        assert (known["state"], known["missing"]) == ("waiting", [MISSING])
        assert known["deadline_at"] - known["last_seen"] == 3600
        [event] = collector.get(f"/v1/servers/box-1/events?deploy_id={DEPLOY_ID}")["events"]
        # The hour is the collector's.
        assert before - 1 < event["at"] <= time.time()
        # Its answer was heard, so it is not told every minute.
        assert box.exists("/run/initialrunner.told")
        assert ran(box) == [] and not box.exists(STATE)
        box.sh("for p in /usr/bin/python3.*.away; do mv $p ${p%.away}; done")
        assert box.tick().returncode == 0
        assert ran(box) == ["one"]
        known = collector.get("/v1/servers/box-1")
        assert (known["state"], known["conflict"]) == ("healthy", [])


@pytest.mark.fault(83)
def test_a_host_that_had_a_python_and_whoever_only_looks_tell_nothing() -> None:
    with Box() as box:
        collector = box.collector
        deliver(box, payload([stage("one", "exit 1")], report=(collector.url, collector.secret)))
        gone = "for p in /usr/bin/python3.*; do mv $p $p.away; done"
        box.sh(gone)
        assert "no usable Python" in box.sh(f"sh {BUNDLE} source").stderr
        assert collector.get("/v1/servers/box-1", missing={}) == {}
        box.sh("for p in /usr/bin/python3.*.away; do mv $p ${p%.away}; done")
        assert box.tick().returncode == 5
        state = collector.get("/v1/servers/box-1")
        box.sh(gone)
        assert "no usable Python" in box.sh(f"sh {BUNDLE} tick").stderr
        assert collector.get("/v1/servers/box-1") == state


# --- by hand ---


@pytest.mark.fault(81)
def test_a_stage_that_may_run_once_runs_again_only_when_forced() -> None:
    once = NOTE + "test ! -e /srv/volume || { echo volume is in use; exit 1; }; : >/srv/volume; note format\n"
    with Box(payload([stage("format", once), stage("two", "exit 3")]).files) as box:
        assert box.tick().returncode == 5
        box.sh(f"sh {BUNDLE} tick")
        box.reboot()
        for words in ("run format", "run --from format"):
            assert "format is done already; --force runs it again\n" in said(box, words)[1]
        row = json.loads(said(box, "status --json")[1])["stages"][0]
        assert [row[key] for key in ("name", "state", "attempts", "exit_code")] == ["format", "done", 1, 0]
        row = r"(?m)^  format +done +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +\d+\.\d s  attempts 1  exit 0$"
        assert re.search(row, said(box, "status")[1])
        assert (ran(box), len(box.events("stage.started", stage="format"))) == (["format"], 1)
        code, out, _ = said(box, "run format --force")
        assert (code, "volume is in use" in box.log("format")) == (5, True), out
