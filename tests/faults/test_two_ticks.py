"""Two starts at once: one finishes while the other, which has read the bundle already, waits for the lock."""

from __future__ import annotations

import pytest
from box import TRIGGER, Box, needs_root
from handmade import payload, stage
from oracle import NOTE, deliver, ran, said

from bootstrap.runner.host import BUNDLE, COMMAND, STATE

pytestmark = [pytest.mark.integration, needs_root]
# The python3 that PATH names first: a start that finds /srv/hold-next takes it and is held there, its bundle read.
HELD = """#!/bin/sh
if mv /srv/hold-next /srv/held 2>/dev/null; then while [ ! -e /srv/release ]; do sleep 0.02; done; fi
exec /usr/bin/python3 "$@"
"""
SHORT = [stage("one", NOTE + "note one"), stage("two", NOTE + "note two")]
TICK = f"sed -n 's/^@reboot root //p' {TRIGGER} >/root/tick; sh /root/tick"


def held_start(box: Box, command: str) -> None:
    """Start a command whose Python waits, and return when it does."""
    box.put("/usr/local/sbin/python3", HELD, 0o755)
    box.put("/srv/hold-next", "")
    box.sh(f"(setsid sh -c \"{command}; echo \\$? >/srv/code\" </dev/null >/srv/printed 2>&1 &)")
    box.wait_for(lambda: box.exists("/srv/held"))


def release(box: Box) -> int:
    """Let it go on, and wait for its exit code."""
    box.put("/srv/release", "")
    box.wait_for(lambda: box.exists("/srv/code"))
    box.wait_for(lambda: box.sh("flock -n /run/initialrunner.lock true").returncode == 0)
    return int(box.text("/srv/code"))


def written(box: Box) -> str:
    """What tells whether the command was written again, or anything in the folders of trigger and bundle."""
    return box.sh(f"stat -c '%n %i %y' {COMMAND} /etc/cron.d /etc/initialrunner").stdout


def looks_finished(box: Box) -> None:
    assert [box.exists(path) for path in (TRIGGER, BUNDLE)] == [False, False]
    assert said(box, "status")[0] == 0 and said(box, "why")[1].startswith("box-1 is healthy")
    assert ran(box) == ["one", "two"]


@pytest.mark.fault(110)
@pytest.mark.parametrize(
    ("command", "code"), [(TICK, 0), (f"sh {BUNDLE}", 0), (f"sh {BUNDLE} run", 0), (f"sh {BUNDLE} doctor --fix", None)],
    ids=["tick", "install", "run", "doctor"],
)  # fmt: skip
def test_a_start_that_read_the_bundle_before_another_finished_writes_nothing_again(
    command: str, code: int | None
) -> None:
    with Box(payload(SHORT).files) as box:
        held_start(box, command)
        assert box.tick().returncode == 0
        looks_finished(box)
        untouched = written(box)
        assert release(box) == code or code is None
        looks_finished(box)
        assert written(box) == untouched


@pytest.mark.fault(110)
def test_an_install_that_waited_for_the_lock_writes_nothing_again() -> None:
    """It is on its way into the lock, two seconds long, while a tick does all there is to do."""
    with Box(payload(SHORT).files) as box:
        slow = "strace -f -qq -o /srv/trace -e trace=flock -e inject=flock:delay_enter=2000000:when=1"
        box.sh(f"cp {BUNDLE} /srv/bundle; (setsid {slow} sh /srv/bundle </dev/null >/dev/null 2>&1; touch /srv/code) &")
        box.wait_for(lambda: box.exists("/run/initialrunner.lock"))
        assert box.tick().returncode == 0
        untouched = written(box)
        box.wait_for(lambda: box.exists("/srv/code"))
        looks_finished(box)
        assert written(box) == untouched


@pytest.mark.fault(110)
def test_nor_where_the_collector_has_gone_after_it_heard_the_end() -> None:
    """The second start would have to offer all again, and nobody answers."""
    with Box() as box:
        deliver(box, payload(SHORT, report=(box.collector.url, box.collector.secret)))
        held_start(box, TICK)
        assert box.tick().returncode == 0
        box.collector.__exit__(None, None, None)
        assert release(box) == 0
        looks_finished(box)


@pytest.mark.fault(110)
def test_a_trigger_that_comes_back_after_success_goes_away_by_itself() -> None:
    with Box(payload(SHORT).files) as box:
        trigger = box.read(TRIGGER)
        assert trigger is not None and box.tick().returncode == 0
        box.put(TRIGGER, trigger)
        assert box.tick().returncode == 0
        looks_finished(box)
        assert "waits for" not in box.syslog() + box.console()


@pytest.mark.fault(110)
def test_on_a_clone_that_trigger_waits_for_its_bundle_and_starts_it() -> None:
    one = payload(SHORT)
    with Box(one.files) as box:
        trigger = box.read(TRIGGER)
        assert trigger is not None and box.tick().returncode == 0
        box.sh("echo 0123456789abcdef0123456789abcdef >/etc/machine-id")
        box.reboot()
        box.put(TRIGGER, trigger)
        assert box.sh(f"sh {STATE}/ended.*.healthy").returncode == 75
        assert box.exists(TRIGGER)
        deliver(box, one)
        assert box.tick().returncode == 0
        assert ran(box) == ["one", "two"] * 2


@pytest.mark.fault(110)
def test_the_command_of_a_host_whose_bundle_is_gone_says_what_to_do() -> None:
    with Box(payload([stage("one", "exit 3")]).files) as box:
        assert box.tick().returncode == 5
        box.sh(f"rm {BUNDLE}")
        code, _, error = said(box, "why")
        assert (code, error) == (
            4, f"initialrunner: {BUNDLE} is missing, incomplete or a different bundle: inject it again. "
            f"Logs: {STATE}/logs\n",
        )  # fmt: skip


@pytest.mark.fault(110)
def test_no_program_of_a_folder_that_the_caller_happens_to_be_in_is_run_by_the_command() -> None:
    with Box(payload([stage("one", "exit 75")]).files) as box:
        assert box.tick().returncode == 75
        for name in "cat", "sha256sum", "python3":
            box.put(f"/srv/evil/{name}", f"#!/bin/sh\ntouch /srv/hijacked\nexec /usr/bin/{name} \"$@\"\n", 0o755)
        assert box.sh(f"cd /srv/evil && PATH=.:$PATH {COMMAND} status").returncode in (0, 75)
        assert not box.exists("/srv/hijacked")
