"""The folder of the state is mounted over or removed while a run is at work: it goes on there, or says why not."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from box import Box, needs_root
from box_disks import goes_on, in_view, tmpfs
from handmade import DEPLOY_ID, payload, stage
from oracle import NOTE, ended, ran, said, start_tick

from bootstrap.runner.host import BUNDLE, COMMAND, STATE
from bootstrap.runner.tick.journal import JOURNAL, seal

pytestmark = [pytest.mark.integration, needs_root]
# The second stage is where the admin's script mounts: the test does it from outside, since a copy may not.
MOVE = "echo step=moved >>$INITIALRUNNER_OUTPUT; note move; block mounted\n"
STAGES = [
    stage("one", NOTE + "note one"),
    stage("move", NOTE + MOVE),
    stage("three", NOTE + "note three; test -e /srv/go || exit 75; note end"),
]
ONCE = ["one", "move", "three", "three", "end"]


def over_var_lib(box: Box) -> None:
    tmpfs(box, "/var/lib", "size=4m")


def over_the_folder(box: Box) -> None:
    tmpfs(box, STATE, "size=4m")


def copied_var(box: Box) -> None:
    """As an admin moves /var to a disk of its own: copy, then mount."""
    box.sh(f"mkdir -p /srv/disk/lib && cp -a {STATE} /srv/disk/lib")
    in_view_bind(box, "/srv/disk", "/var")


def bound_elsewhere(box: Box) -> None:
    box.sh("mkdir -p /srv/disk")
    in_view_bind(box, "/srv/disk", "/var/lib")


def removed(box: Box) -> None:
    box.sh(f"rm -rf {STATE}")


def in_view_bind(box: Box, source: str, target: str) -> None:
    in_view(box, "mount", "--bind", source, target)


def unmount(box: Box, path: str) -> None:
    """By the system call: umount(8) looks into /proc, which is that of another PID namespace."""
    lazy = 2  # MNT_DETACH
    call = f"import ctypes, sys; sys.exit(ctypes.CDLL(None).umount2({path.encode()!r}, {lazy}))"
    in_view(box, "python3", "-c", call)


def run_with(box: Box, happens: Callable[[Box], None]) -> None:
    """A tick in whose second stage that happens, and which ends with "not yet"."""
    start_tick(box)
    box.wait_for(lambda: "move" in ran(box))
    happens(box)
    box.put("/srv/mounted", "")
    box.wait_for(lambda: ended(box, "three"))
    box.wait_for(lambda: box.sh("flock -n /run/initialrunner.lock true").returncode == 0)


@pytest.mark.fault(109)
@pytest.mark.parametrize("happens", [over_var_lib, over_the_folder, copied_var, bound_elsewhere, removed])
def test_a_run_goes_on_with_its_journal_where_its_folder_is_now(happens: Callable[[Box], None]) -> None:
    with Box(payload(STAGES).files) as box:
        run_with(box, happens)
        assert [event["seq"] for event in box.journal()] == list(range(1, len(box.journal()) + 1))
        assert ended(box, "one") == [("done", None)] and ended(box, "move") == [("done", None)]
        assert box.events("fixed", path=STATE)[0]["now"] == {"place": "brought along"}
        if happens is not removed:
            assert box.events("stage.ended", stage="move")[0]["outputs"] == {"step": "moved"}
            assert box.exists(f"{STATE}/logs/one.log")
        goes_on(box)
        assert ran(box) == ONCE
        status = json.loads(said(box, "status --json")[1])
        assert [(row["state"], row["attempts"]) for row in status["stages"]] == [("done", 1), ("done", 1), ("done", 2)]


@pytest.mark.fault(109)
def test_text_that_a_stage_writes_between_the_copy_of_its_folder_and_the_mount_is_kept() -> None:
    """The copy lacks the last lines of the log and of the outputs: the originals are the newer files."""
    late = "echo late words, pass-1234; echo step=late >>$INITIALRUNNER_OUTPUT"
    writes = f"note move; block copied; {late}; note wrote; block mounted"
    with Box(payload([stage("move", NOTE + writes), STAGES[2]], secrets=["pass-1234"]).files) as box:
        start_tick(box)
        box.wait_for(lambda: "move" in ran(box))
        box.sh(f"mkdir -p /srv/disk/lib && cp -a {STATE} /srv/disk/lib")
        box.put("/srv/copied", "")
        box.wait_for(lambda: "wrote" in ran(box))
        in_view_bind(box, "/srv/disk", "/var")
        box.put("/srv/mounted", "")
        box.wait_for(lambda: ended(box, "three"))
        assert box.events("stage.ended", stage="move")[0]["outputs"] == {"step": "late"}
        assert "late words, *********" in box.text(f"{STATE}/logs/move.log")


@pytest.mark.fault(109)
def test_a_run_goes_on_when_what_was_mounted_over_its_folder_is_unmounted() -> None:
    with Box(payload(STAGES).files) as box:
        tmpfs(box, "/var/lib", "size=4m")
        run_with(box, lambda box: unmount(box, "/var/lib"))
        goes_on(box)
        assert ran(box) == ONCE


@pytest.mark.fault(109)
def test_the_left_journal_begins_nothing_anew_and_the_new_one_goes_on_when_it_is_back() -> None:
    """A boot that does not mount the new file system shows the old folder again."""
    with Box(payload(STAGES).files) as box:
        run_with(box, bound_elsewhere)
        unmount(box, "/var/lib")
        for _ in range(2):
            assert box.tick().returncode == 75
        assert "went on in the file system that was mounted over /var/lib/initialrunner" in box.console()
        assert ran(box) == ONCE[:3]
        in_view_bind(box, "/srv/disk", "/var/lib")
        goes_on(box)
        assert ran(box) == ONCE


@pytest.mark.fault(109)
def test_a_journal_that_the_new_place_has_from_another_life_is_put_aside() -> None:
    other = [
        {"type": "started", "seq": 1, "at": 1.0, "uptime_s": 1.0, "deploy_id": DEPLOY_ID, "boot_id": "b", "version": 1,
         "stages": ["three"], "digests": {"three": "x"}, "product_uuid": "", "machine_id": "", "journal": "ff"},
        {"type": "stage.ended", "seq": 2, "at": 1.0, "uptime_s": 1.0, "stage": "three", "result": "done", "attempt": 1},
    ]  # fmt: skip

    def happens(box: Box) -> None:
        box.put("/srv/disk/initialrunner/journal", "".join(map(seal, other)))
        bound_elsewhere(box)

    with Box(payload(STAGES).files) as box:
        run_with(box, happens)
        assert box.sh(f"cat {JOURNAL}.old.*").stdout == "".join(map(seal, other))
        goes_on(box)
        assert ran(box) == ONCE


@pytest.mark.fault(109)
def test_where_the_new_place_takes_nothing_the_old_journal_has_the_end_and_the_runner_says_why() -> None:
    with Box(payload(STAGES).files) as box:
        start_tick(box)
        box.wait_for(lambda: "move" in ran(box))
        tmpfs(box, "/var/lib", "size=4m,ro")
        box.put("/srv/mounted", "")
        box.wait_for(lambda: "cannot go on yet: [Errno 30]" in box.console())
        box.wait_for(lambda: box.sh("flock -n /run/initialrunner.lock true").returncode == 0)
        assert "Read-only file system" in box.text("/run/initialrunner.stuck")
        unmount(box, "/var/lib")
        box.put("/srv/go", "")
        assert box.tick().returncode == 0
        assert ran(box) == ["one", "move", "three", "end"]
        assert not box.exists("/run/initialrunner.stuck")


@pytest.mark.fault(109)
@pytest.mark.parametrize("line", ["/dev/vdb /var ext4 defaults 0 2", "UUID=1 /var/lib xfs noatime 0 2"])
def test_a_reboot_that_would_hide_the_state_is_refused_by_name(line: str) -> None:
    stages = [stage("disk", f"{NOTE}note disk; echo '{line}' >>/etc/fstab", reboot="after"), STAGES[0]]
    with Box(payload(stages).files) as box:
        assert box.tick().returncode == 5
        failed = box.events("stage.ended", stage="disk")[-1]
        assert (failed["cause"], failed["final"]) == ("reboot", True)
        why = f"the next boot mounts {line.split()[1]} over the state of this run; mount it in an earlier stage"
        assert (failed["tail"], failed["attempt"]) == (why, 1)
        assert f"stage disk failed ({why})" in box.console()
        assert ran(box) == ["disk"]


@pytest.mark.fault(109)
@pytest.mark.parametrize("line", ["/dev/vdb /var ext4 noauto 0 2", "# /dev/vdb /var ext4 defaults 0 2", "a /srv b c"])
def test_other_lines_of_fstab_hold_no_reboot_up(line: str) -> None:
    disk = stage("disk", f"{NOTE}note disk; echo '{line}' >>/etc/fstab", reboot="after")
    stages = [disk, stage("b", NOTE + "note b")]
    with Box(payload(stages).files) as box:
        start_tick(box)
        box.wait_for(lambda: box.events("rebooting"))
        box.kill_runner()
        box.reboot()
        assert box.tick().returncode == 0
        assert ran(box) == ["disk", "b"]


@pytest.mark.fault(109)
def test_killed_before_the_state_was_brought_along_the_next_tick_waits_and_says_so() -> None:
    with Box(payload(STAGES).files) as box:
        start_tick(box)
        box.wait_for(lambda: "move" in ran(box))
        assert box.kill_runner()
        tmpfs(box, "/var/lib", "size=4m")
        assert box.tick().returncode == 75
        assert "is its file system mounted?" in box.console()
        assert (ran(box), box.exists(BUNDLE), box.exists(COMMAND)) == (["one", "move"], True, True)
