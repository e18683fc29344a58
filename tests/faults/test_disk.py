"""File systems that forbid, fill up, or are not there: nothing runs that cannot be recorded, and all goes on later."""

from __future__ import annotations

import shutil

import pytest
from box import FAKETIME, LOCK, TRIGGER, Box, needs_faketime, needs_root
from box_disks import goes_on, in_view, tmpfs
from handmade import payload, stage
from oracle import NOTE, ended, ran, said, start_tick

from bootstrap.runner.host import BUNDLE, COMMAND, STATE
from bootstrap.runner.tick.journal import JOURNAL, seal

pytestmark = [pytest.mark.integration, needs_root]
SPACE = "no space or no inodes are left: see df -h and df -i"
TWO = [stage("one", NOTE + "note one"), stage("two", NOTE + "note two; test -e /srv/go || exit 75; note end")]


def remount(box: Box, how: str) -> None:
    """All that was mounted from a disk: ro or rw."""
    for line in box.text("/proc/mounts").splitlines():
        _, path, kind = line.split()[:3]
        if kind == "overlay":
            in_view(box, "mount", "-o", f"remount,bind,{how}", path)


@pytest.mark.fault(40)
def test_where_nothing_may_be_executed_stages_run_all_the_same() -> None:
    python = "#!/usr/bin/python3\nopen('/srv/oracle', 'a').write('python\\n')\n"
    asked = {"skip_if": "exit 1", "verify": "exit 0"}
    stages = [stage("one", NOTE + "note one", **asked), stage("python", python)]
    checks = [{"kind": "command", "text": "true"}]
    with Box(payload(stages, checks=checks, every_boot=[stage("each", NOTE + "note each")]).files) as box:
        for path in "/tmp", STATE, "/etc/initialrunner":
            kept = box.read(BUNDLE)
            tmpfs(box, path, "noexec")
            if path == "/etc/initialrunner" and kept:
                box.put(BUNDLE, kept, 0o400)
        box.put(f"{STATE}/probe", "#!/bin/sh\n", 0o755)
        assert box.sh(f"{STATE}/probe").returncode == 126
        assert box.tick().returncode == 0, box.console()
        assert ran(box) == ["one", "python", "each"]


@pytest.mark.fault(41)
def test_on_a_read_only_root_nothing_runs_until_it_can_be_recorded() -> None:
    with Box(payload(TWO).files) as box:
        remount(box, "ro")
        for _ in range(2):
            assert box.tick().returncode == 75
        assert (ran(box), box.exists(JOURNAL)) == ([], False)
        assert "cannot go on yet: [Errno 30] Read-only file system" in box.console()
        remount(box, "rw")
        goes_on(box)
        assert ran(box) == ["one", "two", "end"]


@pytest.mark.fault(42)
@pytest.mark.parametrize("pages", range(0, 14, 2))
def test_on_a_full_disk_state_is_never_empty_or_torn_and_nothing_runs_twice(pages: int) -> None:
    """So many pages of 4 KiB are free at first: it gets as far as these, and no record is half there."""
    with Box(payload(TWO).files) as box:
        tmpfs(box, STATE, "size=256k")
        box.sh(f"head -c {(64 - pages) * 4096} /dev/zero >{STATE}/filler")
        for _ in range(2):
            assert box.tick().returncode == 75
        before = box.journal()
        assert [e["seq"] for e in before] == list(range(1, len(before) + 1))
        done = [e["stage"] for e in before if e["type"] == "stage.ended" and e["result"] == "done"]
        assert done == ran(box)[:1]
        if not done:
            assert SPACE in box.console()
        box.sh(f"rm {STATE}/filler")
        goes_on(box)
        assert box.journal()[: len(before)] == before
        assert (ran(box).count("one"), ran(box)[-1]) == (1, "end")


@pytest.mark.fault(42)
def test_a_stage_whose_end_finds_no_room_is_interrupted_and_asked_not_repeated() -> None:
    fill = f"head -c 1000000 /dev/zero >{STATE}/filler || :; note filled\n"
    with Box(payload([stage("one", NOTE + fill, verify="grep -q filled /srv/oracle"), *TWO[1:]]).files) as box:
        tmpfs(box, STATE, "size=256k")
        for _ in range(2):
            assert box.tick().returncode == 75
        assert (ran(box), ended(box, "one")) == (["filled"], [])
        box.sh(f"rm {STATE}/filler")
        goes_on(box)
        assert (ran(box), ended(box, "one")) == (["filled", "two", "end"], [("done", "interrupted")])


@pytest.mark.fault(42)
def test_a_stage_whose_begin_finds_no_room_does_not_begin() -> None:
    """The one free page goes to the stage's text; the record that it begins would cross into another one."""
    fill = f"head -c 1000000 /dev/zero >{STATE}/filler || :; truncate -s -4096 {STATE}/filler"
    gate = stage("gate", f"test -e /srv/fill || exit 75\n{fill}\n")
    with Box(payload([gate, *TWO]).files) as box:
        tmpfs(box, STATE, "size=256k")
        assert box.tick().returncode == 75
        data = box.read(JOURNAL) or b""
        attempt = sum(len(line) + 1 for line in data.split(b"\n") if b'"stage": "gate"' in line)
        seq = len(box.journal()) + 1
        last = {"seq": seq, "at": 0.0, "uptime_s": box.journal()[-1]["uptime_s"], "type": "state", "state": "running"}
        room = 4096 - 100 - (len(data) + len(seal({**last, "pad": ""})) + attempt) % 4096
        box.put(JOURNAL, seal({**last, "pad": "x" * (room % 4096)}), method="append")
        box.put("/srv/fill", "")
        for _ in range(2):
            assert box.tick().returncode == 75
        assert box.journal()[-1]["stage"] == "gate" and ended(box, "gate")[-1] == ("done", None)
        assert box.exists(f"{STATE}/stages/one.1") and ran(box) == []
        box.sh(f"rm {STATE}/filler")
        goes_on(box)
        assert ran(box) == ["one", "two", "end"]


@pytest.mark.fault(42)
def test_a_full_root_holds_the_files_of_the_plan_back_not_half_written() -> None:
    with Box(payload(TWO).files, size="24m") as box:
        box.sh("cat /dev/zero >/srv/filler; sync")
        assert box.tick().returncode == 75
        assert ran(box) == []
        box.sh("rm /srv/filler")
        goes_on(box)
        assert ran(box) == ["one", "two", "end"]


@pytest.mark.fault(43)
@pytest.mark.parametrize("inodes", range(1, 8))
def test_without_inodes_it_waits_and_names_them(inodes: int) -> None:
    with Box(payload(TWO).files) as box:
        tmpfs(box, STATE, f"nr_inodes={inodes}")
        assert box.tick().returncode == 75
        before = box.journal()
        assert ran(box)[:1] == [e["stage"] for e in before if e["type"] == "stage.ended" and e["result"] == "done"]
        if not ran(box):
            assert SPACE in box.console()
        in_view(box, "mount", "-o", "remount,nr_inodes=1000", STATE)
        goes_on(box)
        assert ran(box).count("one") == 1


@pytest.mark.fault(49)
def test_a_pid_in_a_stale_lock_file_is_nobody() -> None:
    """No pid file decides anything: the kernel's lock does, and a process that has such a number is let be."""
    with Box(payload(TWO[:1]).files) as box:
        box.sh(f"setsid sleep 1007 </dev/null >/dev/null 2>&1 & printf %s $! >{LOCK}")
        bystander = box.text(LOCK)
        assert box.sh(f"kill -0 {bystander}").returncode == 0
        assert box.tick().returncode == 0
        assert ran(box) == ["one"]
        assert box.sh(f"kill -0 {bystander}").returncode == 0


@pytest.mark.fault(51)
@needs_faketime
@pytest.mark.skipif(shutil.which("systemd-tmpfiles") is None, reason="needs systemd-tmpfiles")
def test_a_cleaner_of_old_files_takes_nothing_of_a_run() -> None:
    """It runs as if two years had gone by, in the middle of a stage and between two ticks."""
    ours = f"find {STATE} /run/initialrunner* {BUNDLE} {TRIGGER} | sort"
    clock = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": "+2y", "NO_FAKE_STAT": "1"}

    def clean(box: Box) -> None:
        box.put("/tmp/old", "")
        assert box.sh("ls -A /tmp").stdout == "old\n"
        before = box.sh(ours).stdout
        cleaned = box.run("systemd-tmpfiles", "--clean", environment=clock)
        assert not box.exists("/tmp/old"), cleaned.stderr
        assert box.sh(ours).stdout == before

    with Box(payload([stage("one", NOTE + "note one; block first; note end"), *TWO[1:]]).files) as box:
        # systemd's own ages, which Debian leaves out.
        box.put("/etc/tmpfiles.d/tmp.conf", "q /tmp 1777 root root 10d\nq /var/tmp 1777 root root 30d\n")
        start_tick(box)
        box.wait_for(lambda: ran(box) == ["one"])
        clean(box)
        box.put("/srv/first", "")
        box.wait_for(lambda: ended(box, "two") and box.sh(f"flock -n {LOCK} true").returncode == 0)
        clean(box)
        goes_on(box)
        assert ran(box) == ["one", "end", "two", "two", "end"]


@pytest.mark.fault(52)
def test_while_its_state_is_hidden_by_a_mount_nothing_runs_again() -> None:
    with Box(payload(TWO).files) as box:
        assert box.tick().returncode == 75
        before = box.journal()
        tmpfs(box, "/var/lib", "size=1m")
        for _ in range(2):
            assert box.tick().returncode == 75
        assert "is its file system mounted?" in box.console()
        # Nor does user-data, which may run again at every boot, or the admin.
        assert box.sh(f"sh {BUNDLE}").returncode == 5
        assert said(box, "run one")[2] == (
            "initialrunner: its journal is not there; is its file system mounted? "
            f"To begin anew: rm {COMMAND}\n"
        )
        assert box.exists(STATE) is False
        in_view(box, "umount", "/var/lib")
        assert (box.journal(), ran(box)) == (before, ["one", "two"])
        goes_on(box)
        assert ran(box) == ["one", "two", "two", "end"]
        assert said(box, "status")[0] == 0 and box.exists(COMMAND)


def test_killed_between_two_journals_the_next_tick_opens_the_second() -> None:
    """As a clone's first tick may be: the first is put aside, and that is no hidden state."""
    with Box(payload(TWO).files) as box:
        assert box.tick().returncode == 75
        box.sh(f"mv {JOURNAL} {JOURNAL}.reset.0001")
        goes_on(box)
        assert ran(box) == ["one", "two", "one", "two", "end"]
