"""systemd units as a trigger, in a copy: they start what the cron entry names, are mended, and go when all is done."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from box import Box, needs_root
from handmade import payload, stage
from systemd_box import service_command

from bootstrap.payload import crontab, triggers
from bootstrap.runner.host import BUNDLE, COMMAND, TRIGGER

pytestmark = [pytest.mark.integration, needs_root]
UNITS = tuple(triggers.units("auto"))
SERVICE = f"{triggers.FOLDER}/initialrunner.service"
NOTE = "echo ran >>/srv/oracle"


def start(box: Box) -> subprocess.CompletedProcess[str]:
    return box.run(*service_command(box.text(SERVICE)))


def left(box: Box) -> list[str]:
    return [path for path in (*UNITS, TRIGGER, BUNDLE) if box.exists(path)]


def ran(box: Box) -> int:
    return box.text("/srv/oracle").count("ran")


@pytest.mark.parametrize("trigger", ["auto", "systemd", "both"])
def test_the_service_starts_what_the_entry_names_and_all_of_it_goes(trigger: str) -> None:
    more = {} if trigger == "auto" else {"trigger": trigger}
    with Box(payload([stage("one", NOTE)], units=True, **more).files, inject_mode=0o644) as box:
        assert left(box) == [*UNITS, TRIGGER, BUNDLE]
        assert start(box).returncode == 0
        assert (ran(box), left(box)) == (1, [])


def test_for_systemd_alone_cron_finds_no_entry() -> None:
    one = payload([stage("one", NOTE)], trigger="systemd")
    found = crontab.parse(one.files[-1].content)
    assert (found.entries, found.refusal) == ((), None)
    assert one.digest.encode() in one.files[-1].content


def test_for_cron_alone_nothing_of_systemd_travels() -> None:
    one = payload([stage("one", NOTE)], trigger="cron", units=True)
    assert [file.path for file in one.files] == [BUNDLE, TRIGGER]


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_an_entry_that_others_could_write_starts_nothing(mode: int) -> None:
    with Box(payload([stage("one", NOTE)], units=True).files, inject_mode=0o644) as box:
        box.put(TRIGGER, box.text(TRIGGER), mode)
        assert start(box).returncode == 0
        assert ran(box) == 0


def test_a_torn_bundle_is_not_run() -> None:
    with Box(payload([stage("one", NOTE)], units=True).files, inject_mode=0o644) as box:
        box.put(BUNDLE, (box.read(BUNDLE) or b"")[:-100])
        box.sh("sed -i 's/sleep 5/:/' " + TRIGGER)
        start(box)
        assert ran(box) == 0 and left(box) == [*UNITS, TRIGGER, BUNDLE]


def test_units_that_were_changed_or_opened_are_made_anew_where_systemd_runs() -> None:
    with Box(payload([stage("one", "exit 75")], units=True).files, inject_mode=0o644) as box:
        wanted = {path: box.text(path) for path in UNITS}
        box.sh("mkdir -p /run/systemd/system")
        box.put(UNITS[0], "[Timer]\nOnActiveSec=1y\n")
        box.put(SERVICE, wanted[SERVICE], 0o666)
        assert box.tick().returncode == 75
        assert {path: box.text(path) for path in UNITS} == wanted
        assert {box.stat(path)[:2] for path in UNITS} == {("0644", "root:root")}
        assert [event["was"]["mode"] for event in box.events("fixed", path=SERVICE)] == ["0666"]


@pytest.mark.parametrize("systemd", [True, False])
def test_without_cron_the_runner_makes_them_itself_where_systemd_runs(systemd: bool) -> None:
    one = payload([stage("one", "until test -e /srv/go; do sleep 0.05; done")])
    with Box() as box:
        box.sh("rm -rf /etc/cron.d /usr/sbin/cron /usr/sbin/crond")
        if systemd:
            box.sh("mkdir -p /run/systemd/system")
        box.put("/root/user-data", one.bundle, 0o700)
        assert box.run("/root/user-data").returncode == 0
        box.wait_for(lambda: box.events("stage.started"))
        assert left(box) == ([*UNITS, TRIGGER, BUNDLE] if systemd else [BUNDLE])
        box.put("/srv/go", "")
        box.wait_for(lambda: box.state() == "healthy" and not left(box))


def test_where_cron_is_none_are_made() -> None:
    with Box(payload([stage("one", "exit 75")]).files) as box:
        box.sh("mkdir -p /run/systemd/system")
        assert box.tick().returncode == 75
        assert left(box) == [TRIGGER, BUNDLE]


def test_killed_after_the_entry_went_the_service_takes_the_last_steps() -> None:
    one = payload([stage("one", NOTE)], units=True)
    with Box(one.files, inject_mode=0o644) as box:
        assert start(box).returncode == 0
        # The timer goes first; what is left then still begins at a boot.
        for kept in (UNITS, UNITS[1:]):
            for file in one.files:
                if file.path in kept:
                    box.put(file.path, file.content)
            assert start(box).returncode == 0
            assert (ran(box), left(box)) == (1, [])


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_the_timer_goes_first_since_a_boot_still_begins_with_the_others() -> None:
    one = payload([stage("one", NOTE)], units=True)
    with Box(one.files, inject_mode=0o644) as box:
        box.put("/usr/local/sbin/python3", "#!/bin/sh\nexec strace -qqo /srv/trace /usr/bin/python3 \"$@\"\n", 0o755)
        assert start(box).returncode == 0
        gone = [line.split('"')[1] for line in box.text("/srv/trace").splitlines() if line.startswith("unlinkat(")]
        names = [path.rsplit("/", 1)[1] for path in (BUNDLE, TRIGGER, *UNITS)]
        assert [name for name in gone if name in names][-4:] == [
            "initialrunner", "initialrunner.timer", "initialrunner.service", "initialrunner.conf",
        ]  # fmt: skip


@pytest.mark.parametrize("arrived", [BUNDLE, TRIGGER])
def test_units_stay_for_a_newer_payload(arrived: str) -> None:
    one = payload([stage("one", NOTE)], units=True)
    with Box(one.files, inject_mode=0o644) as box:
        assert start(box).returncode == 0
        for file in one.files:
            if file.path in UNITS:
                box.put(file.path, file.content)
        box.put(arrived, "newer\n")
        box.run(COMMAND, "tick")
        assert left(box) == sorted([*UNITS, arrived], key=[*UNITS, TRIGGER, BUNDLE].index)


def test_a_unit_of_the_admin_under_our_name_stays() -> None:
    one = payload([stage("one", NOTE)])
    with Box(one.files) as box:
        box.put(SERVICE, "[Service]\nExecStart=/bin/true\n")
        assert box.tick().returncode == 0
        assert left(box) == [SERVICE]
