"""A carrier on a Debian with systemd and no cron: started again every minute and at a boot, until the text comes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from debian_root import make_root
from handmade import payload, stage
from systemd_box import Machine, needs_systemd

from bootstrap.payload import triggers
from bootstrap.payload.split import FOLDER, runner_text
from bootstrap.runner.host import BUNDLE, COMMAND, STUB, TRIGGER

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), needs_systemd]
UNITS = tuple(triggers.units("auto"))
TEXT = f"{FOLDER}/{runner_text().sha256}"
SLOW = "echo ran >>/srv/oracle; until test -e /srv/go; do sleep 0.1; done"


@pytest.fixture(scope="module")
def tar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_root(tmp_path_factory.mktemp("root") / "bookworm.tar")


@pytest.fixture
def machine(tar: Path) -> Iterator[Machine]:
    with Machine(tar) as one:
        yield one


def said(machine: Machine) -> int:
    """Return how often it has said that it waits: a line for each start."""
    return machine.text("/run/initialrunner.missed").count("\n") or int(
        machine.sh("wc -l </run/initialrunner.missed 2>/dev/null || echo 0")
    )


def left(machine: Machine) -> str:
    there = " ".join((*UNITS, TRIGGER, BUNDLE, STUB))
    known = machine.sh("systemctl list-units --all --plain --no-legend 'initialrunner*'")
    return machine.sh(f"ls {there} /run/initialrunner.bundle /run/initialrunner.bundle.text 2>/dev/null") + "".join(
        row for row in known.splitlines() if " not-found inactive " not in row
    )


@pytest.mark.parametrize("trigger", ["auto", "systemd"])
def test_its_timer_starts_it_every_minute_and_after_a_boot_until_the_text_is_there(
    machine: Machine, trigger: str
) -> None:
    more = {} if trigger == "auto" else {"trigger": trigger}
    machine.put("/root/user-data", payload([stage("one", SLOW)], sources=(), **more).script, 0o700)
    machine.boot()
    assert "waits for the runner" in machine.sh("/root/user-data")
    assert machine.sh("systemctl is-active initialrunner.timer").strip() == "active"
    machine.wait_for(lambda: said(machine) >= 2, 100)
    machine.power_cut()
    machine.boot()
    # /run is new: the units have started it in this boot.
    machine.wait_for(lambda: said(machine) >= 2, 150)
    wanted = {path: machine.text(path) for path in UNITS}
    assert all(wanted.values())
    machine.put(TEXT, runner_text().content)
    machine.wait_for(lambda: machine.text("/srv/oracle") == "ran\n", 100)
    assert {path: machine.text(path) for path in UNITS} == wanted and not machine.exists(STUB)
    assert machine.events("fixed") == []
    machine.put("/srv/go", "")
    machine.wait_for(lambda: machine.state() == "healthy")
    machine.wait_for(lambda: left(machine) == "")
    assert machine.text("/srv/oracle") == "ran\n"
    assert machine.sh("systemctl --failed --plain --no-legend") == ""
    assert machine.sh(f"{COMMAND} status").startswith("box-1  healthy")
