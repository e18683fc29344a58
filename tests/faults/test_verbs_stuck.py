"""A runner that cannot go on: `why`, `status` and `doctor` name the cause and a next step."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import pytest
from box import Box, needs_root
from handmade import payload, stage
from oracle import NOTE, ran, start_tick

from bootstrap.render.model import RenderedFile
from bootstrap.runner.host import BUNDLE, STATE, TRIGGER

pytestmark = [pytest.mark.integration, needs_root]
FIX = "Find the cause: initialrunner doctor"


def ask(box: Box, verb: str) -> tuple[int, str]:
    """(exit code, what it prints), from the bundle itself: the first tick, which brings the command, may not come."""
    done = box.run("/bin/sh", BUNDLE, *verb.split())
    assert done.stderr == ""
    return done.returncode, done.stdout


def full(box: Box) -> None:
    box.from_outside(f"mkdir -p {STATE}; mount -t tmpfs -o size=8k,mode=0711 tmpfs {STATE}")


def no_inodes(box: Box) -> None:
    box.from_outside(f"mkdir -p {STATE}; mount -t tmpfs -o nr_inodes=2,mode=0711 tmpfs {STATE}")


def var_lib_read_only(box: Box) -> None:
    box.from_outside("mount -t tmpfs -o ro tmpfs /var/lib")


def etc_read_only(box: Box) -> None:
    box.from_outside("mount --bind /etc /etc; mount -o remount,bind,ro /etc")


def bundle_immutable(box: Box) -> None:
    box.from_outside(f"chattr +i {BUNDLE}")


def bundle_mounted(box: Box) -> None:
    box.from_outside(f"mount --bind {BUNDLE} {BUNDLE}")


def run_without_inodes(box: Box) -> None:
    box.from_outside("mount -t tmpfs -o nr_inodes=1 tmpfs /run")


ROOM = "df -h; df -i "
HOW: dict[str, tuple[Callable[[Box], None], str, str, str]] = {
    "state folder full": (full, "[Errno 28] No space left on device", f"{STATE}: no space or no inodes left", ROOM),
    "no inodes": (no_inodes, "[Errno 28] No space left on device", f"{STATE}: no space or no inodes left", ROOM),
    "/var/lib read-only": (
        var_lib_read_only, "[Errno 30] Read-only file system", "/var/lib: read-only: nothing can be recorded or run",
        "findmnt -T /var/lib",
    ),
    "/etc read-only": (etc_read_only, "[Errno 30] Read-only file system", f"{TRIGGER}: read-only", "findmnt -T "),
    "bundle immutable": (
        bundle_immutable, "[Errno 1] Operation not permitted",
        f"{BUNDLE}: not writable even by root: immutable?", f"chattr -i {BUNDLE}",
    ),
    "bundle mounted": (
        bundle_mounted, "[Errno 16] Device or resource busy",
        f"{BUNDLE}: a mount point, so the file cannot be replaced", f"umount {BUNDLE}",
    ),
    # Not even the cause finds a place.
    "/run has no inodes": (run_without_inodes, "", "/run: no space or no inodes left", ROOM),
}  # fmt: skip


@pytest.mark.fault(120)
@pytest.mark.parametrize("kind", HOW)
def test_what_keeps_the_runner_from_going_on_is_named(kind: str) -> None:
    happens, error, fault, step = HOW[kind]
    # 0444: the runner closes it, which it cannot do here.
    with Box(payload([stage("one", NOTE + "note one")]).files, inject_mode=0o444) as box:
        happens(box)
        assert box.tick().returncode == 75
        assert ran(box) == []
        code, out = ask(box, "why")
        assert code == 75 and out.startswith(f"box-1 cannot go on yet: {error}" if error else "box-1 has not started.")
        assert out.strip().endswith(FIX)
        code, out = ask(box, "status")
        assert code == 75 and (not error or f"  reason: cannot go on yet: {error}" in out)
        code, out = ask(box, "doctor")
        assert code == 5 and f"WRONG    disk      {fault}" in out
        assert f"-> {step}" in out


@pytest.mark.fault(120)
def test_a_state_that_becomes_read_only_while_a_stage_runs() -> None:
    with Box(payload([stage("one", NOTE + "note one; block go"), stage("two", NOTE + "note two")]).files) as box:
        box.from_outside(f"mkdir -p {STATE}; mount -t tmpfs -o mode=0711 tmpfs {STATE}")
        start_tick(box)
        box.wait_for(lambda: ran(box) == ["one"])
        # Its journal is open for writing, so it can only be made read-only by a mount over it, as it stands.
        box.from_outside(f"mount --bind {STATE} {STATE}; mount -o remount,bind,ro {STATE}")
        box.put("/srv/go", "")
        box.wait_for(lambda: box.sh("flock -n /run/initialrunner.lock true").returncode == 0)
        assert box.tick().returncode == 75
        code, out = ask(box, "why")
        assert code == 75 and out.startswith("box-1 cannot go on yet: [Errno 30] Read-only file system")
        assert f"{STATE}: read-only: nothing can be recorded or run" in ask(box, "doctor")[1]
        box.from_outside(f"umount {STATE}")
        assert box.tick().returncode == 0
        assert ask(box, "why")[0] == 0 if box.exists(BUNDLE) else box.state() == "healthy"


@pytest.mark.fault(120)
def test_a_disk_that_is_full_when_a_stage_ends() -> None:
    fill = f"head -c 1000000 /dev/zero >{STATE}/filler || :"
    with Box(payload([stage("one", fill, verify="true")]).files) as box:
        box.from_outside(f"mkdir -p {STATE}; mount -t tmpfs -o size=256k,mode=0711 tmpfs {STATE}")
        assert box.tick().returncode == 75
        code, out = ask(box, "why")
        assert code == 75 and out.startswith("box-1 cannot go on yet: [Errno 28] No space left on device")
        assert f"WRONG    disk      {STATE}: no space or no inodes left" in ask(box, "doctor")[1]
        box.sh(f"rm {STATE}/filler")
        assert box.tick().returncode == 0


@pytest.mark.fault(120)
def test_a_trigger_that_cannot_be_removed_after_success() -> None:
    with Box(payload([stage("one", NOTE + "note one; block go")]).files) as box:
        start_tick(box)
        box.wait_for(lambda: ran(box) == ["one"])
        box.from_outside(f"mount --bind {TRIGGER} {TRIGGER}")
        box.put("/srv/go", "")
        box.wait_for(lambda: box.state() == "healthy")
        box.wait_for(lambda: box.sh("flock -n /run/initialrunner.lock true").returncode == 0)
        done = box.sh("initialrunner why")
        assert done.returncode == 0
        said = f"box-1 is healthy, but its trigger {TRIGGER} cannot be removed: cannot go on yet: [Errno 16]"
        assert done.stdout.startswith(said) and done.stdout.splitlines()[-1] == FIX
        done = box.sh("initialrunner doctor")
        assert f"{TRIGGER}: a mount point, so the file cannot be replaced" in done.stdout
        assert f"-> umount {TRIGGER}" in done.stdout
        # umount wants to see itself in /proc, which is the box's.
        box.from_outside(f"python3 -c \"import ctypes; assert not ctypes.CDLL(None).umount2(b'{TRIGGER}', 0)\"")
        assert box.tick().returncode == 0
        assert (box.exists(TRIGGER), box.sh("initialrunner why").stdout.split(";")[0]) == (False, "box-1 is healthy")


@pytest.mark.fault(128)
def test_a_fetch_that_failed_for_good_is_named_with_the_next_step() -> None:
    fetch = {"url": "https://127.0.0.1:1/app?secret", "sha256": hashlib.sha256(b"x").hexdigest()}
    files = [RenderedFile("/srv/app", b"", deliver="fetch", fetch=fetch)]
    one = payload([stage("one", "true")], deadline_s=0, files=files)
    with Box(one.files) as box:
        assert box.tick().returncode == 5
        code, out = ask(box, "why")
        first = "box-1 failed: /srv/app: https://127.0.0.1:1/app: "
        assert code == 5 and out.startswith(first) and "secret" not in out
        assert out.splitlines()[-1] == "Continue: initialrunner run"
        code, out = ask(box, "status")
        assert code == 5 and f"  reason: {first.split('failed: ')[1]}" in out
        assert json.loads(ask(box, "status --json")[1])["state"] == "failed"


def test_after_a_failure_or_a_success_nobody_needs_cron() -> None:
    files = [RenderedFile("/srv/x", b"x", 0o644)]
    with Box(payload([stage("one", "test -e /srv/good")], files=files).files) as box:
        assert box.tick().returncode == 5
        code, out = ask(box, "doctor")
        assert (code, "not used cron\n" in out) == (0, True)
        box.put("/srv/good", "")
        for words in "run one --force", "run":
            assert box.sh(f"initialrunner {words}").returncode == 0
        assert "not used cron\n" in box.sh("initialrunner doctor").stdout
