"""What only the kernel knows of a stage: who belongs to it, what memory it was refused, what no longer fits on disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from box import Box, needs_root
from handmade import payload, stage
from oracle import NOTE, ended, kill_runner_after, ran, said, start_tick

pytestmark = needs_root

# Leaves the session, empties the environment, is adopted by init: neither mark nor session tells whose it is.
ESCAPE = "env -i setsid sh -c 'sleep 1006 & sleep 1007 & exec sleep 1008' &\n"
ESCAPED = "pgrep -fc '[s]leep 100[678]'"


@contextmanager
def groups(box: Box) -> Iterator[None]:
    """cgroup v2 where a real host has it; a box masks it. The groups are this machine's, so they go again."""
    box.from_outside("mount -t cgroup2 cgroup2 /sys/fs/cgroup")
    try:
        yield
    finally:
        box.sh("pkill -KILL -f '[s]leep 100[678]'")
        box.wait_for(lambda: box.sh(ESCAPED).stdout.strip() == "0")
        box.from_outside("for g in /sys/fs/cgroup/initialrunner.*; do [ ! -d $g ] || rmdir $g; done")


@pytest.mark.fault(73)
def test_what_left_its_session_and_its_environment_dies_with_its_stage() -> None:
    one = stage("one", NOTE + ESCAPE + "note begun; sleep 1000\n", timeout_s=1)
    with Box(payload([one]).files) as box, groups(box):
        box.tick()
        assert ended(box, "one") == [("failed", "timeout")]
        assert ran(box) == ["begun"]
        assert box.sh(ESCAPED).stdout.strip() == "0"
        assert box.sh("ls -d /sys/fs/cgroup/initialrunner.*").stdout == ""


@pytest.mark.fault(46)
@pytest.mark.fault(73)
def test_what_a_killed_runner_left_behind_dies_before_the_next_attempt() -> None:
    text = NOTE + f"[ $({ESCAPED}) = 0 ] || note beside\n" + ESCAPE + "note begun; [ -e /srv/again ] || sleep 1000\n"
    with Box(payload([stage("one", text)]).files) as box, groups(box):
        start_tick(box)
        kill_runner_after(box, "begun")
        box.wait_for(lambda: box.sh(ESCAPED).stdout.strip() == "3")  # each has to become what it is known by
        box.put("/srv/again", "")
        assert box.tick().returncode == 0
        assert ran(box) == ["begun", "begun"]
        assert len(box.events("interrupted")[0]["killed"]) >= 3
        # The second attempt succeeded: what it started lives on.
        box.wait_for(lambda: box.sh(ESCAPED).stdout.strip() == "3")


EAT = "python3 -c 'b = bytearray(300 << 20)'"
# In a group of 64 MiB, whichever version of cgroups this machine counts memory with.
LIMITED = """
mkdir -p /mnt/initialrunner-oom; cd /mnt/initialrunner-oom
for f in memory.limit_in_bytes memory.max; do [ ! -e $f ] || echo 67108864 >$f; done
for f in memory.swap.max; do [ ! -e $f ] || echo 0 >$f; done
echo $$ >cgroup.procs; cd /
"""


@pytest.mark.fault(74)
def test_a_stage_killed_for_memory_says_so_and_other_signals_do_not() -> None:
    hungry = stage("hungry", LIMITED + f"exec {EAT}\n")
    with Box(payload([stage("shot", "kill -9 $$\n", attempts=2, delay_s=0.01), hungry]).files) as box:
        kind = box.from_outside(
            "grep -qs memory /sys/fs/cgroup/cgroup.controllers && echo cgroup2 || echo cgroup"
        ).strip()
        box.from_outside(f"mount -t {kind} {'-o memory' if kind == 'cgroup' else ''} {kind} /mnt")
        try:
            box.tick()
            assert ended(box, "shot") == [("failed", "signal"), ("failed", "signal")]
            assert box.events("stage.ended", stage="shot")[-1]["signal"] == 9
            assert ended(box, "hungry") == []
            box.sh("initialrunner run hungry --force")
            assert ended(box, "hungry") == [("failed", "oom")]
            assert "oom" in said(box, "why")[1] or "oom" in said(box, "status")[1]
        finally:
            box.from_outside("rmdir /mnt/initialrunner-oom || true")


@pytest.mark.fault(42)
def test_a_stage_that_fills_the_disk_fails_for_that() -> None:
    text = NOTE + "head -c 500M /dev/zero >/var/tmp/much || { note full; exit 9; }\n"
    with Box(payload([stage("one", text, attempts=2, delay_s=0.01)]).files, size="24M") as box:
        box.tick()
        assert ended(box, "one")[0] == ("failed", "disk")
        box.sh("rm /var/tmp/much")
