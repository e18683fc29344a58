"""A carrier in trouble: killed at each step, on a full or read-only disk, beside other payloads, with tools missing."""

from __future__ import annotations

import hashlib
import time

import pytest
from box import Box, needs_root
from box_disks import in_view, tmpfs
from handmade import payload, stage
from runner_server import RunnerServer

from bootstrap.payload.split import FOLDER, parts, runner_text
from bootstrap.runner.host import BUNDLE, COMMAND, STATE, STUB, TRIGGER

pytestmark = [pytest.mark.integration, needs_root]
TEXT = f"{FOLDER}/{runner_text().sha256}"
OLD, NEW = "20261120T120000-aaaaaa", "20261121T120000-bbbbbb"
NOTE = "echo ran >>/srv/oracle"
UNITS = "/etc/systemd/system/initialrunner.*"
# cloud-init keeps a boothook here, and starts it at every boot.
HOOK = "/var/lib/cloud/instance/boothooks/part-001"


def script(*sources: str, deploy_id: str = NEW, text: str = NOTE, **more: object) -> bytes:
    """Return a carrier with one stage."""
    return payload([stage("one", text)], sources=sources, deploy_id=deploy_id, **more).script  # type: ignore[arg-type]


def ran(box: Box) -> int:
    return box.text("/srv/oracle").count("ran")


def is_healthy(box: Box) -> bool:
    return box.state() == "healthy" and not any(map(box.exists, (TRIGGER, BUNDLE, STUB)))


def left(box: Box) -> str:
    """Return what a carrier that is done should not leave."""
    return box.sh(f"ls -d /etc/initialrunner/* /etc/cron.d/init* /run/initialrunner.bundle* {UNITS} 2>/dev/null").stdout


def empty(box: Box) -> None:
    box.sh(f"rm -rf {STATE} /etc/initialrunner {TRIGGER} {COMMAND} /srv/oracle /run/initialrunner* {UNITS}")


# --- the runner's text, at fifty places ---


@pytest.mark.slow
@pytest.mark.fault(149)
@pytest.mark.fault(150)
@pytest.mark.parametrize("program", ["curl", "wget", "python3"])
def test_a_text_cut_off_altered_withheld_or_slow_at_any_of_fifty_places_runs_nothing_or_all(program: str) -> None:
    text = runner_text().content
    ways = ["cut", "short", "other", "silent", "slow"]
    with RunnerServer() as server, Box(network="host") as box:
        others = " ".join(f"/usr/bin/{name}" for name in {"curl", "wget"} - {program})
        box.sh(f"rm -f {others}")
        box.put("/root/user-data", script(server.url))
        for number in range(50):
            way, place = ways[number % 5], number * (len(text) - 1) // 49
            # For as many programs as ask: python3 is always there, and asks when another has failed.
            server.answers = [f"{way}@{place}"] * 2
            done = box.sh("sh /root/user-data")
            server.answers = []
            if way == "slow":
                assert done.returncode == 0, (place, done.stderr)
            else:
                assert done.returncode == 75 and f"; {server.url}" in done.stderr, (way, place, done.stderr)
                assert not box.exists(STATE) and not box.exists(BUNDLE), (way, place)
                box.tick()
            box.wait_for(lambda: is_healthy(box))
            assert (ran(box), box.sh("ls /run/initialrunner.bundle.text").stdout) == (1, "")
            empty(box)


def test_two_sources_of_which_one_always_fails_and_one_comes_back() -> None:
    with RunnerServer() as gone, RunnerServer() as back, Box(network="host") as box:
        gone.answers, back.answers = ["500"] * 99, ["cut@1000"] * 3
        box.put("/root/user-data", script(gone.url, back.url))
        first = box.sh("sh /root/user-data")
        assert first.returncode == 75 and first.stderr.index(gone.url) < first.stderr.index(back.url)
        box.tick()
        box.wait_for(lambda: is_healthy(box))
        assert ran(box) == 1


# --- killed ---


def with_kills(carrier: bytes) -> bytes:
    """Return the carrier with a count between all of its steps, which kills its shell at the number in /srv/kill."""
    program = carrier.decode().split('cat <<"__"\n')[1].split("\n__\n}\n")[0]
    kills = '[ $K = "$(cat /srv/kill 2>/dev/null)" ] && echo $K >/srv/killed && kill -9 $$'
    counted = f"k() {{ K=$((K+1)); {kills}; :; }}\n"
    steps = [
        "umask 77\n", "(umask 22; mkdir", 'echo "$c" >$w.new', "sed s/=D", "chmod 644", "mv $w.new",
        "sync && mv $w.entry", "mv $w.entry", "rm -f $w.new", "sync\n}\n", "trap ", "n=/usr", 'm="no', "set -f",
        "have || {", "{ cat $t", "rm -f /run/", "sh $f", "x=$?",
    ]  # fmt: skip
    if "umask 22\nmkdir" in program:
        steps += ["mkdir -p /etc/systemd", "cat >/etc/systemd/system/initialrunner.service", "systemctl start"]
    for step in steps:
        assert program.count(step) == 1, (step, program.count(step))
        joint = " && " if step.startswith(("mv", "sed", "chmod", "sync &&")) else "\n"
        program = program.replace(step, f"k{joint}{step}")
    program = program.replace("\nw=", f"\n{counted}K=0\nw=", 1)
    digest = hashlib.sha256(program.encode() + b"\n").hexdigest()
    first, last = carrier.decode().split('cat <<"__"\n')[0], carrier.decode().split("\n__\n}\n")[1]
    rest = last.split("\n", 1)[1]
    return f'{first}cat <<"__"\n{program}\n__\n}}\nc=$(_carrier) d={digest}\n{rest}'.encode()


@pytest.mark.slow
@pytest.mark.parametrize("trigger", ["cron", "both"])
def test_killed_between_any_two_steps_it_is_healthy_later_and_runs_its_stage_once(trigger: str) -> None:
    carrier = with_kills(script("http://127.0.0.1:9/none", trigger=trigger, units=False))
    parts(carrier)
    with Box(units=trigger == "both") as box:
        box.put(TEXT, runner_text().content)
        for number in range(1, 40):
            box.put("/root/user-data", carrier)
            box.put("/srv/kill", str(number))
            done = box.sh("sh /root/user-data")
            if not box.exists("/srv/killed"):
                break
            assert done.returncode == 137 or done.returncode == -9, (number, done)
            # A child that the shell has left may hold the lock for a moment.
            box.sh("rm /srv/kill /srv/killed; flock /run/initialrunner.bundle.lock true")
            if number % 2:
                box.sh("rm -rf /run/initialrunner.b*")  # as a boot does
            # What was killed before it was durable is started again by cloud-init alone.
            if box.exists(TRIGGER):
                box.tick()
            else:
                box.sh("sh /root/user-data")
            box.wait_for(lambda: is_healthy(box))
            assert ran(box) == 1, number
            assert box.events("fixed") == [], number
            box.wait_for(lambda: left(box).replace("/run/initialrunner.bundle.lock\n", "") == "")
            empty(box)
        assert number >= 18, "fewer steps than there are"
        box.wait_for(lambda: is_healthy(box))


def test_the_entry_that_starts_it_is_on_disk_after_all_that_it_starts() -> None:
    """Power may be cut between any two syncs: an entry whose stub was lost would start nothing for ever."""
    with Box() as box:
        box.put("/root/user-data", script(trigger="both"))
        trace = "strace -f -e trace=sync,rename,renameat,renameat2 -o /srv/trace sh /root/user-data"
        assert box.sh(trace).returncode == 75
        lines = [line for line in box.text("/srv/trace").splitlines() if "(" in line and "+++" not in line]
        steps = ["sync" if " sync(" in line else STUB if f'"{STUB}"' in line else TRIGGER for line in lines]
        assert steps == ["sync", STUB, "sync", TRIGGER, "sync"]


# --- disks ---


def test_a_full_run_is_said_as_such_and_made_up_for() -> None:
    with Box() as box:
        box.put(TEXT, runner_text().content)
        box.put("/root/user-data", script())
        tmpfs(box, "/run", "size=16k")
        done = box.sh("sh /root/user-data")
        assert done.returncode == 75 and "No space left" in done.stderr and f"cannot copy {TEXT}" in done.stderr
        assert not box.exists(STATE)
        in_view(box, "mount", "-o", "remount,size=44k", "/run")
        done = box.sh("sh /root/user-data")
        assert done.returncode == 75 and "cannot write /run/initialrunner.bundle" in done.stderr
        in_view(box, "umount", "/run")
        box.tick()
        box.wait_for(lambda: is_healthy(box))
        assert ran(box) == 1


@pytest.mark.parametrize("how", ["full", "read-only"])
def test_where_etc_cannot_be_written_it_says_so_and_goes_on(how: str) -> None:
    with Box() as box:
        box.put("/root/user-data", script())
        for path in ("/etc/initialrunner", "/etc/cron.d"):
            tmpfs(box, path, "size=4k" if how == "full" else "ro")
        done = box.sh("sh /root/user-data")
        assert done.returncode == 75
        assert f"cannot write {STUB} and {TRIGGER}: this is the only try" in done.stderr
        assert f"waits for the runner {runner_text().sha256}" in done.stderr
        assert box.sh("ls /etc/initialrunner /etc/cron.d").stdout.split() == ["/etc/cron.d:", "/etc/initialrunner:"]
        for path in ("/etc/initialrunner", "/etc/cron.d"):
            in_view(box, "umount", path)
        assert box.sh("sh /root/user-data").returncode == 75
        box.put(TEXT, runner_text().content)
        box.tick()
        box.wait_for(lambda: is_healthy(box))
        assert ran(box) == 1


def test_a_bundle_that_is_not_the_one_it_names_is_not_run() -> None:
    """The carrier is whole and has another digest of its bundle: as if a byte had changed while it was put together."""
    carrier = script().decode()
    digest = parts(carrier.encode())[1]
    program = carrier.split('cat <<"__"\n')[1].split("\n__\n}\n")[0]
    other = program.replace(digest, "0" * 64)
    proof = [hashlib.sha256(text.encode() + b"\n").hexdigest() for text in (program, other)]
    with Box() as box:
        box.put(TEXT, runner_text().content)
        box.put("/root/user-data", carrier.replace(program, other).replace(*proof))
        done = box.sh("sh /root/user-data")
        assert (done.returncode, done.stderr) == (4, "initialrunner: this carrier is altered; nothing was run\n")
        assert not box.exists(STATE) and not box.exists(BUNDLE)


# --- beside other payloads ---


def test_two_that_start_at_the_same_moment_run_the_stage_once() -> None:
    with Box() as box:
        box.put(TEXT, runner_text().content)
        box.put("/root/user-data", script())
        box.sh("for i in 1 2 3 4; do sh /root/user-data & done; wait")
        box.wait_for(lambda: is_healthy(box))
        assert ran(box) == 1


def test_two_that_start_at_the_same_moment_ask_their_source_once() -> None:
    with RunnerServer() as server, Box(network="host") as box:
        server.answers = ["late"]
        box.put("/root/user-data", script(server.url))
        box.sh("setsid sh /root/user-data >/srv/said 2>&1 &")
        box.wait_for(lambda: server.asked)
        assert box.sh("sh /root/user-data").returncode == 0
        server.open.set()
        box.wait_for(lambda: is_healthy(box))
        assert (ran(box), len(server.asked)) == (1, 1)


def test_an_old_one_that_starts_after_a_newer_one_has_begun_does_nothing() -> None:
    with Box() as box:
        box.put(TEXT, runner_text().content)
        for name, deploy_id in (("old", OLD), ("new", NEW)):
            box.put(f"/root/{name}", script(deploy_id=deploy_id, text=f"echo {name} >>/srv/oracle"))
            assert box.sh(f"sh /root/{name}").returncode == 0
            box.wait_for(lambda: is_healthy(box))
        before = box.journal()
        assert box.sh("sh /root/old").returncode == 0
        assert box.journal() == before and left(box) == "/run/initialrunner.bundle.lock\n"
        assert box.text("/srv/oracle") == "old\nnew\n"


def test_an_old_boothook_that_never_had_the_text_gives_way_to_a_newer_deploy() -> None:
    with RunnerServer() as server, Box(network="host") as box:
        server.answers = ["404"] * 3
        box.put(HOOK, script(server.url, deploy_id=OLD, text="echo old >>/srv/oracle"), 0o700)
        box.sh(HOOK)
        box.wait_for(lambda: "waits for the runner" in box.syslog())
        box.put("/root/new", payload([stage("one", "echo new >>/srv/oracle")], deploy_id=NEW).bundle)
        assert box.sh("sh /root/new").returncode == 0
        box.wait_for(lambda: is_healthy(box))
        box.reboot()
        before = box.journal()
        box.sh(HOOK)
        time.sleep(0.5)
        assert box.journal() == before and not box.exists(STUB) and not box.exists(TRIGGER)
        assert box.text("/srv/oracle") == "new\n"


def test_a_payload_that_comes_while_the_text_is_fetched_is_not_replaced() -> None:
    with RunnerServer() as server, Box(network="host") as box:
        server.answers = ["late"]
        box.put("/root/old", script(server.url, deploy_id=OLD, text="echo old >>/srv/oracle"))
        box.sh("setsid sh /root/old >/srv/said 2>&1 &")
        box.wait_for(lambda: server.asked)
        box.put("/root/new", payload([stage("one", "echo new >>/srv/oracle")], deploy_id=NEW).bundle)
        assert box.sh("sh /root/new").returncode == 0
        box.wait_for(lambda: is_healthy(box))
        server.open.set()
        box.wait_for(lambda: "another payload has come; nothing was run" in box.text("/srv/said"))
        assert box.text("/srv/oracle") == "new\n" and left(box) == "/run/initialrunner.bundle.lock\n"


def test_a_newer_one_takes_over_from_a_run_that_is_going_on() -> None:
    with Box(cron="fast") as box:
        box.put(TEXT, runner_text().content)
        slow = "echo old >>/srv/oracle; until test -e /srv/go; do sleep 0.05; done; echo late >>/srv/oracle"
        box.put("/root/old", payload([stage("one", slow)], deploy_id=OLD).bundle)
        box.put("/root/new", script(deploy_id=NEW, text="echo new >>/srv/oracle"))
        assert box.sh("sh /root/old").returncode == 0
        box.wait_for(lambda: box.text("/srv/oracle"))
        assert box.sh("sh /root/new").returncode == 0
        box.wait_for(lambda: is_healthy(box))
        assert box.text("/srv/oracle") == "old\nnew\n"
        assert box.events("started")[0]["deploy_id"] == NEW


# --- tools and modes ---


@pytest.mark.parametrize("tool", ["flock", "logger"])
def test_it_does_without(tool: str) -> None:
    with Box() as box:
        box.put("/root/user-data", script())
        box.sh(f"rm -f /usr/bin/{tool}")
        assert box.sh("sh /root/user-data").returncode == 75
        waits = f"waits for the runner {runner_text().sha256}"
        said = box.tick().stdout
        # Without logger, cron gets the line, and sends it by mail.
        assert waits in (said if tool == "logger" else box.syslog())
        box.put(TEXT, runner_text().content)
        box.tick()
        box.wait_for(lambda: is_healthy(box))
        assert ran(box) == 1


def test_without_sha256sum_nothing_runs_and_a_line_names_it() -> None:
    with Box() as box:
        box.put(TEXT, runner_text().content)
        box.put("/root/user-data", script())
        done = box.sh("rm /usr/bin/sha256sum; sh /root/user-data")
        assert done.returncode == 4
        assert "sha256sum: not found" in done.stderr and "nothing was run" in done.stderr
        assert not any(map(box.exists, (STATE, BUNDLE, STUB, TRIGGER)))


def test_with_busybox_and_python_alone() -> None:
    with RunnerServer() as server, Box(network="host") as box:
        box.sh("mkdir /bb && /usr/bin/busybox --install -s /bb && ln -s /usr/bin/python3 /bb/python3")
        box.put("/root/user-data", script(server.url))
        done = box.sh("PATH=/bb /bb/sh /root/user-data")
        assert done.returncode == 0, done.stderr
        box.wait_for(lambda: is_healthy(box))
        assert ran(box) == 1


def test_an_entry_that_cron_would_ignore_is_written_again() -> None:
    """As cloud-init writes the files of a config drive."""
    packed = payload([stage("one", NOTE)], sources=())
    with Box(packed.files, inject_mode=0o660) as box:
        assert box.sh(f"sh {STUB}").returncode == 75
        assert box.stat(TRIGGER)[:2] == ("0644", "root:root") and box.stat(STUB)[:2] == ("0600", "root:root")
        box.put(TEXT, runner_text().content)
        box.tick()
        box.wait_for(lambda: is_healthy(box))


def test_a_host_with_cron_gets_no_units_and_one_without_gets_those_of_its_bundle() -> None:
    packed = payload([stage("one", "until test -e /srv/go; do sleep 0.05; done")], sources=())
    for cron in (True, False):
        with Box(units=True) as box:
            if not cron:
                box.sh("rm -f /usr/sbin/cron")
            box.put("/root/user-data", packed.script)
            assert box.sh("sh /root/user-data").returncode == 75
            assert (box.sh(f"ls {UNITS}").stdout == "") == cron
            before = box.sh(f"sha256sum {UNITS}; stat -c '%a %U' {UNITS}").stdout
            box.put(TEXT, runner_text().content)
            box.sh("sh /root/user-data")
            box.wait_for(lambda: box.events("stage.started"))
            assert box.sh(f"sha256sum {UNITS}; stat -c '%a %U' {UNITS}").stdout == before
            assert box.events("fixed") == []
            box.put("/srv/go", "")
            box.wait_for(lambda: is_healthy(box) and not box.sh(f"ls {UNITS}").stdout)
