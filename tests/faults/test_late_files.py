"""Files that come late, torn, empty, foreign or with the wrong mode: waited for, never run until they are whole.

The oracle is a log that the stage itself writes and syncs, not the runner's journal.
"""

from __future__ import annotations

import pytest
from box import Box, needs_root
from handmade import payload, stage
from oracle import said, start_tick

from bootstrap.payload.model import InjectedFile, Payload
from bootstrap.render.model import RenderedFile
from bootstrap.runner.host import COMMAND, STATE, TRIGGER

pytestmark = [pytest.mark.integration, needs_root]
STAGE1 = "/etc/rc.local.stage1"
ORACLE = "/srv/oracle"
# What it does first shows whether a torn copy ran; what it does last, whether a whole one did.
SCRIPT = b"#!/bin/sh\nset -eu\necho begin >>/srv/oracle\n" + b": padding\n" * 40 + b"sync\necho end >>/srv/oracle\n"


def late(**more: object) -> Payload:
    """A payload whose one stage runs an injected script."""
    files = [RenderedFile(STAGE1, SCRIPT, 0o755, deliver="inject")]
    return payload([stage("one", f"{STAGE1}\n")], files=files, **more)


def without(one: Payload, path: str) -> list[InjectedFile]:
    return [file for file in one.files if file.path != path]


def ran(box: Box) -> list[str]:
    return box.text(ORACLE).split()


def healthy(box: Box) -> bool:
    return box.state() == "healthy" and not box.exists(TRIGGER)


def waits(box: Box) -> bool:
    """Whether a runner holds the lock and has been round its first look."""
    return box.sh("test -s /run/initialrunner.lock && ! flock -n /run/initialrunner.lock true").returncode == 0


@pytest.mark.fault(1)
def test_a_late_file_is_waited_for_and_run_once() -> None:
    with Box(without(late(), STAGE1), cron="fast") as box:
        box.wait_for(lambda: waits(box))
        # Told after five seconds, not before: the report would cost more than the rest of the start.
        (waiting,) = box.wait_for(lambda: box.events("waiting"))
        assert waiting["missing"] == [{"path": STAGE1, "why": "absent", "want": len(SCRIPT)}]
        assert ran(box) == []
        box.put(STAGE1, SCRIPT, 0o400)
        box.wait_for(lambda: healthy(box))
        assert ran(box) == ["begin", "end"]


@pytest.mark.fault(2)
def test_a_file_that_never_comes_fails_the_run_and_a_later_one_heals_it() -> None:
    with Box(without(late(deadline_s=1), STAGE1), cron="fast") as box:
        (state,) = box.wait_for(lambda: box.events("state", state="failed"))
        reason = f"{STAGE1}: absent, 0 of {len(SCRIPT)} bytes"
        assert (state["reason"], state["cause"], state["final"]) == (reason, "missing", False)
        assert f"box-1 failed: {reason}; ask `initialrunner why`" in box.text("/etc/motd")
        assert ran(box) == []
        box.put(STAGE1, SCRIPT, 0o400)
        box.wait_for(lambda: healthy(box))
        assert ran(box) == ["begin", "end"]
    wait_for = [{"path": "/srv/key", "min_size": 1, "deadline_s": 1}]
    with Box(payload([stage("one", "echo end >>/srv/oracle")], wait_for=wait_for).files, cron="fast") as box:
        box.wait_for(lambda: box.events("state", state="failed"))
        box.put("/srv/key", b"k")
        box.wait_for(lambda: healthy(box))
        assert ran(box) == ["end"]


@pytest.mark.fault(3)
def test_a_file_that_grows_in_place_runs_only_when_whole() -> None:
    with Box(without(late(), STAGE1)) as box:
        box.copy.hold(STAGE1, mode=0o400)
        box.copy.chunk(STAGE1, SCRIPT[:64])
        # No other tick comes: the one that has seen a part waits for the whole.
        start_tick(box)
        (waiting,) = box.wait_for(lambda: box.events("waiting"))
        assert waiting["missing"] == [{"path": STAGE1, "why": "short", "have": 64, "want": len(SCRIPT)}]
        for at in range(64, len(SCRIPT), 64):
            box.copy.chunk(STAGE1, SCRIPT[at : at + 64])
            assert at + 64 >= len(SCRIPT) or ran(box) == []
        # The writer still holds it: the runner works on a copy of its own.
        box.wait_for(lambda: healthy(box))
        assert ran(box) == ["begin", "end"]


@pytest.mark.fault(4)
def test_an_empty_file_is_not_a_script_that_succeeded() -> None:
    with Box(without(late(), STAGE1), cron="fast") as box:
        box.put(STAGE1, b"", 0o755)
        (waiting,) = box.wait_for(lambda: box.events("waiting"))
        assert waiting["missing"][0]["why"] == "empty"
        assert box.events("stage.started") == []


@pytest.mark.fault(4)
def test_an_awaited_file_without_a_digest_counts_when_it_has_its_size_and_is_not_empty() -> None:
    wait_for = [{"path": "/srv/key"}, {"path": "/srv/table", "min_size": 10}]
    with Box(payload([stage("one", "cat /srv/key /srv/table >/srv/oracle")], wait_for=wait_for).files) as box:
        box.put("/srv/key", b"")
        box.put("/srv/table", b"half\n")
        start_tick(box)
        box.wait_for(lambda: box.exists(COMMAND))
        lines = ["/srv/key: empty, 0 of ? bytes.", "/srv/table: short, 5 of 10 bytes."]
        assert said(box, "why")[1].splitlines()[:2] == lines
        box.put("/srv/table", b"whole\nit is\n")
        assert said(box, "why")[1].splitlines()[:1] == lines[:1]
        assert ran(box) == []
        box.put("/srv/key", b"key\n")
        box.wait_for(lambda: healthy(box))
        assert ran(box) == ["key", "whole", "it", "is"]


@pytest.mark.fault(5)
def test_a_file_that_vanishes_for_a_moment_is_waited_for() -> None:
    """The agent's three steps: a temporary file, the old one to .bak, the temporary one in its place."""
    other = {"path": "/srv/other", "min_size": 1}
    with Box(without(late(wait_for=[other]), STAGE1)) as box:
        box.put(STAGE1, SCRIPT[:100], 0o644)
        # No other tick comes: the one that has seen it vanish goes on.
        start_tick(box)
        box.wait_for(lambda: box.events("waiting"))
        box.sh(f"mv {STAGE1} {STAGE1}.bak.away")
        box.put("/srv/other", "o")
        again = box.wait_for(lambda: box.events("waiting")[1:])
        assert again[0]["missing"] == [{"path": STAGE1, "why": "absent", "want": len(SCRIPT)}]
        box.sh(f"mv {STAGE1}.bak.away {STAGE1}")
        for number in range(20):
            box.put(f"{STAGE1}.tmp.{number}", SCRIPT if number == 19 else SCRIPT[: 100 + number], 0o600)
            box.sh(f"mv {STAGE1} {STAGE1}.bak.{number}; mv {STAGE1}.tmp.{number} {STAGE1}")
        box.wait_for(lambda: healthy(box))
        assert ran(box) == ["begin", "end"]


@pytest.mark.fault(7)
def test_a_torn_set_is_not_run() -> None:
    """The new bundle beside the stage script of an older roll-out."""
    with Box(without(late(), STAGE1), cron="fast") as box:
        box.put(STAGE1, SCRIPT.replace(b"padding", b"PADDING"), 0o755)
        (waiting,) = box.wait_for(lambda: box.events("waiting"))
        assert (waiting["missing"][0]["why"], ran(box)) == ("differs", [])
        box.put(STAGE1, SCRIPT, 0o400)
        box.wait_for(lambda: healthy(box))
        assert ran(box) == ["begin", "end"]


@pytest.mark.fault(8)
@pytest.mark.parametrize("mode", [0o400, 0o440, 0o444, 0o644, 0o666, 0o000])
def test_read_only_and_not_executable_is_mended(mode: int) -> None:
    with Box(without(late(), STAGE1)) as box:
        box.put(STAGE1, SCRIPT, mode)
        assert box.tick().returncode == 0
        assert (ran(box), box.stat(STAGE1)[:2]) == (["begin", "end"], ("0755", "root:root"))
        (fixed,) = box.events("fixed", path=STAGE1)
        assert (fixed["was"]["mode"], fixed["now"]["mode"]) == (f"{mode:04o}", "0755")


@pytest.mark.fault(8)
def test_an_agent_that_sets_the_mode_last_does_not_take_it_from_our_copy() -> None:
    """QEMU's agent makes a file 0666, fills it, and changes its mode by its path when the runner may have seen it."""
    files = [RenderedFile(STAGE1, SCRIPT, 0o755, deliver="inject")]
    stages = [stage("first", "until test -e /srv/go; do sleep 0.02; done"), stage("one", f"{STAGE1}\n")]
    with Box(without(payload(stages, files=files), STAGE1), cron="fast") as box:
        box.wait_for(lambda: waits(box))
        box.put("/srv/new", SCRIPT)
        # In the box, so that no busy machine makes the agent slower than agents are.
        agent = f"umask 0; cat /srv/new >{STAGE1}; sleep 1; chmod 0400 {STAGE1} && touch /srv/go"
        assert box.sh(agent).returncode == 0
        box.wait_for(lambda: healthy(box) or box.state() == "failed")
        assert (box.state(), ran(box), box.stat(STAGE1)[0]) == ("healthy", ["begin", "end"], "0755")


@pytest.mark.fault(9)
def test_a_file_of_another_owner_becomes_roots_copy() -> None:
    with Box(without(late(), STAGE1)) as box:
        box.put(STAGE1, SCRIPT, 0o644, owner=(65534, 65534))
        box.tick()
        assert (ran(box), box.stat(STAGE1)[1]) == (["begin", "end"], "root:root")


@pytest.mark.fault(10)
def test_a_script_with_crlf_is_another_file_and_is_said_to_differ() -> None:
    with Box(without(late(), STAGE1), cron="fast") as box:
        box.put(STAGE1, SCRIPT.replace(b"\n", b"\r\n"), 0o755)
        (waiting,) = box.wait_for(lambda: box.events("waiting"))
        assert (waiting["missing"][0]["why"], ran(box)) == ("differs", [])


@pytest.mark.fault(14)
def test_one_flipped_byte_runs_nothing() -> None:
    one = payload([stage("one", "echo ran >>/srv/oracle")])
    # In its digest, where the rest would unpack and run: an "a" would become a backquote, which no shell reads.
    digest = one.bundle.rindex(b"_bundle ") + len(b"_bundle ")
    digit = next(at for at in range(digest, digest + 64) if one.bundle[at] != ord("a"))
    with Box(without(one, TRIGGER)) as box:
        for at in (0, len(one.bundle) // 2, digit, len(one.bundle) - 2):
            flipped = bytearray(one.bundle)
            flipped[at] ^= 1
            box.put("/etc/initialrunner/bundle", bytes(flipped), 0o400)
            started = box.sh("sh /etc/initialrunner/bundle tick")
            assert started.returncode != 0
            assert (ran(box), box.exists(f"{STATE}/journal")) == ([], False)


@pytest.mark.fault(19)
def test_the_payload_of_an_old_deploy_in_the_image_gives_way_to_the_new_trigger() -> None:
    old = payload([stage("old", "echo old >>/srv/oracle; sleep 60")], deploy_id="20250101T000000-000000")
    with Box(old.files, cron="fast") as box:
        box.wait_for(lambda: ran(box) == ["old"])
        new = payload([stage("new", "echo new >>/srv/oracle")])
        for file in new.files:
            box.put(file.path, file.content, 0o400)
        box.wait_for(lambda: healthy(box))
        assert ran(box) == ["old", "new"]
        assert box.sh("pgrep -x sleep").stdout == ""


@pytest.mark.fault(15)
def test_a_link_that_another_user_could_make_is_not_followed() -> None:
    files = [RenderedFile("/srv/open/sub/file", b"x\n")]
    with Box(payload([], files=files).files) as box:
        box.sh("mkdir -p /srv/open /srv/elsewhere; chmod 1777 /srv/open")
        box.sh("ln -s /srv/elsewhere /srv/open/sub; chown -h nobody /srv/open/sub")
        assert box.tick().returncode == 75
        assert box.sh("ls /srv/elsewhere").stdout == ""
        assert "a link that others could have made" in box.text("/etc/motd")


@pytest.mark.fault(15)
@pytest.mark.parametrize("plant", ["ln -s /srv/right", "mkfifo", "mkdir"])
def test_a_link_pipe_or_folder_in_place_of_an_injected_file_is_not_read(plant: str) -> None:
    with Box(without(late(), STAGE1), cron="fast") as box:
        # The very bytes, so that it is the link that is refused.
        box.put("/srv/right", SCRIPT, 0o755)
        box.sh(f"{plant} {STAGE1}")
        (waiting,) = box.wait_for(lambda: box.events("waiting"))
        assert (waiting["missing"][0]["why"], ran(box)) == ("a link" if "ln" in plant else "differs", [])


def test_a_link_of_roots_own_on_the_way_is_followed() -> None:
    """/etc/rc.local is a link to rc.d on RHEL, /lib one into /usr everywhere."""
    with Box(payload([], files=[RenderedFile("/srv/link/file", b"x\n")]).files) as box:
        box.sh("mkdir /srv/real; ln -s real /srv/link")
        assert box.tick().returncode == 0
        assert box.text("/srv/real/file") == "x\n"


def test_a_file_for_a_user_that_a_stage_makes_gets_it_afterwards() -> None:
    files = [RenderedFile("/srv/file", b"x\n", 0o640, owner=("late", "late"))]
    with Box(payload([stage("user", "useradd -M late")], files=files).files) as box:
        assert box.tick().returncode == 0, box.console()
        assert box.stat("/srv/file")[:2] == ("0640", "late:late")


def test_a_file_of_another_hand_keeps_its_mode_when_its_user_comes_late() -> None:
    """It may be a private key: only a mode that the spec names changes its own."""
    wait_for = [{"path": "/srv/tls.key", "min_size": 1, "user": "late", "group": "late"}]
    with Box(payload([stage("user", "useradd -M late")], wait_for=wait_for).files) as box:
        box.put("/srv/tls.key", "k", 0o600)
        assert box.tick().returncode == 0, box.console()
        assert box.stat("/srv/tls.key")[:2] == ("0600", "late:late")


def test_a_file_for_a_user_that_nobody_makes_fails_the_run() -> None:
    files = [RenderedFile("/srv/file", b"x\n", owner=("nobody-made", "root"))]
    with Box(payload([stage("one", ":")], files=files).files) as box:
        assert box.tick().returncode == 5
        assert box.events("state")[-1]["reason"] == "no user nobody-made on this host, who should own /srv/file"
