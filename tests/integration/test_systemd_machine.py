"""A Debian with systemd, without cron: healthy in the end, through kills and power cuts, and nothing of ours stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from debian_root import make_root
from handmade import payload, stage
from systemd_box import Machine, needs_systemd

from bootstrap.payload import triggers
from bootstrap.payload.model import Payload
from bootstrap.runner.host import BUNDLE, COMMAND, TRIGGER

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), needs_systemd]
UNITS = tuple(triggers.units("auto"))
OURS = (*UNITS, TRIGGER, BUNDLE)
# Waits, the first time it is run, for somebody to say go.
SLOW = "echo ran >>/srv/oracle; until test -e /srv/go; do sleep 0.1; done"


@pytest.fixture(scope="module")
def tar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_root(tmp_path_factory.mktemp("root") / "bookworm.tar")


@pytest.fixture
def machine(tar: Path) -> Iterator[Machine]:
    with Machine(tar) as one:
        assert not one.exists("/usr/sbin/cron")
        yield one


def lay(machine: Machine, one: Payload) -> None:
    for file in one.files:
        machine.put(file.path, file.content, 0o400 if file.path == BUNDLE else 0o644)


def ran(machine: Machine) -> int:
    return machine.text("/srv/oracle").count("ran")


def left(machine: Machine) -> list[str]:
    """Our files, and our units in systemd's memory, that are still there."""
    known = machine.sh("systemctl list-units --all --plain --no-legend 'initialrunner*'").splitlines()
    # A kernel with control groups of the old kind may keep a dead unit's group, and systemd its name with it.
    return [path for path in OURS if machine.exists(path)] + [row for row in known if " not-found inactive " not in row]


def is_clean(machine: Machine) -> bool:
    return not left(machine)


@pytest.mark.parametrize("trigger", ["auto", "systemd", "both"])
def test_injected_files_end_healthy_and_no_unit_is_left(machine: Machine, trigger: str) -> None:
    more = {} if trigger == "auto" else {"trigger": trigger}
    lay(machine, payload([stage("one", "echo ran >>/srv/oracle")], units=True, **more))
    machine.boot()
    machine.wait_for(lambda: machine.state() == "healthy")
    machine.wait_for(lambda: is_clean(machine))
    assert ran(machine) == 1
    assert machine.sh("systemctl --failed --plain --no-legend") == ""
    assert machine.sh(f"{COMMAND} status").startswith("box-1  healthy")


def test_a_boot_is_up_while_a_stage_is_at_work_and_a_daemon_of_a_stage_lives_on(machine: Machine) -> None:
    daemon = "setsid sh -c 'sleep 1234' >/dev/null 2>&1 &"
    lay(machine, payload([stage("daemon", daemon), stage("one", SLOW)], units=True))
    machine.boot()  # returns when no job of the boot is left
    machine.wait_for(lambda: ran(machine) == 1)
    machine.put("/srv/go", "")
    machine.wait_for(lambda: is_clean(machine))
    # Not before the runner has ended: what systemd does to the rest of a service's processes, it does then.
    machine.wait_for(lambda: machine.sh("systemctl is-active initialrunner.service").strip() == "inactive")
    assert machine.sh("systemctl show -p KillMode --value initialrunner.service").strip() == "process"
    assert "sleep 1234" in machine.sh("cat /proc/[0-9]*/cmdline | tr '\\0' ' '")


def test_a_killed_runner_is_back_within_the_minute(machine: Machine) -> None:
    lay(machine, payload([stage("one", SLOW, verify="test -e /srv/go")], units=True))
    machine.boot()
    machine.wait_for(lambda: ran(machine) == 1)
    machine.sh("kill -9 $(cat /run/initialrunner.lock)")
    machine.wait_for(lambda: ran(machine) == 2, timeout_s=100)
    assert len(machine.events("interrupted")) == 1
    machine.put("/srv/go", "")
    machine.wait_for(lambda: is_clean(machine))
    assert machine.state() == "healthy"


def test_after_a_power_cut_the_next_boot_goes_on(machine: Machine) -> None:
    lay(machine, payload([stage("zero", "echo zero >>/srv/zero"), stage("one", SLOW)], units=True))
    machine.boot()
    machine.wait_for(lambda: ran(machine) == 1)
    machine.power_cut()
    machine.put("/srv/go", "")
    machine.boot()
    machine.wait_for(lambda: machine.state() == "healthy" and is_clean(machine))
    assert (machine.text("/srv/zero"), ran(machine)) == ("zero\n", 2)


def test_user_data_brings_its_own_units_which_take_over_from_a_killed_runner(machine: Machine) -> None:
    one = payload([stage("one", SLOW)])
    machine.put("/root/user-data", one.bundle, 0o700)
    machine.boot()
    machine.sh("/root/user-data")
    machine.wait_for(lambda: ran(machine) == 1)
    assert all(machine.exists(path) for path in OURS)
    assert machine.sh("systemctl is-active initialrunner.timer").strip() == "active"
    machine.sh("kill -9 $(cat /run/initialrunner.lock)")
    machine.put("/srv/go", "")
    machine.wait_for(lambda: machine.state() == "healthy" and is_clean(machine), timeout_s=100)
    assert ran(machine) == 2


def test_a_kill_or_a_power_cut_in_the_last_steps_leaves_nothing_that_starts(machine: Machine) -> None:
    one = payload([stage("one", "echo ran >>/srv/oracle")], units=True)
    lay(machine, one)
    machine.boot()
    machine.wait_for(lambda: machine.state() == "healthy" and is_clean(machine))
    machine.power_cut()
    # As a cut after the entry, and the timer, had gone.
    for file in one.files:
        if file.path in UNITS[1:]:
            machine.put(file.path, file.content)
    machine.boot()
    machine.wait_for(lambda: is_clean(machine))
    assert ran(machine) == 1


def test_after_a_final_failure_no_unit_has_failed_and_the_admin_can_go_on(machine: Machine) -> None:
    lay(machine, payload([stage("one", "echo ran >>/srv/oracle; test -e /srv/go")], units=True))
    machine.boot()
    machine.wait_for(lambda: machine.events("state", state="failed", final=True))
    machine.wait_for(lambda: "inactive" in machine.sh("systemctl is-active initialrunner.service"))
    assert machine.sh("systemctl --failed --plain --no-legend") == ""
    machine.put("/srv/go", "")
    assert "not used cron" in machine.sh(f"{COMMAND} doctor")
    machine.sh(f"{COMMAND} run one --force; {COMMAND} run")
    machine.wait_for(lambda: machine.state() == "healthy" and is_clean(machine))
