"""A baked Debian with its own systemd and no cron: the boot is not held up, the bundle runs with full rights, once."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from debian_root import make_root
from handmade import payload, stage
from systemd_box import Machine, needs_systemd

from bootstrap.image import bake
from bootstrap.image.bake import Settings
from bootstrap.render.model import RenderedFile
from bootstrap.runner.host import BUNDLE, COMMAND, STUB
from bootstrap.targets import seed, starter

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), needs_systemd]
UNITS = ("initialrunner-image.service", "initialrunner-image.timer")
TAKEN = "/var/lib/initialrunner/taken"
ONE = payload([stage("one", "echo ran >>/srv/oracle; grep -E 'NoNewPrivs|CapEff' /proc/self/status >/srv/rights")])
THIN = payload([stage("one", "echo ran >>/srv/oracle")], sources=[])


@pytest.fixture(scope="module")
def tar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_root(tmp_path_factory.mktemp("root") / "bookworm.tar")


@pytest.fixture
def machine(tar: Path) -> Iterator[Machine]:
    with Machine(tar) as one:
        assert bake.bake(one.root, Settings()).trigger == "systemd"
        yield one


def active(machine: Machine) -> list[str]:
    return machine.sh(f"systemctl is-active {' '.join(UNITS)}").split()


def is_done(machine: Machine) -> bool:
    return machine.state() == "healthy" and machine.exists(TAKEN) and active(machine) == ["inactive", "inactive"]


def test_a_late_bundle_is_taken_and_no_boot_is_held_up(machine: Machine) -> None:
    machine.boot()  # returns when no job of the boot is left
    assert active(machine) == ["active", "active"]
    machine.wait_for(lambda: "no /etc/initialrunner/bundle" in machine.sh(f"{COMMAND} status"))
    machine.put(BUNDLE, ONE.bundle, 0o400)
    machine.wait_for(lambda: is_done(machine))
    assert machine.text("/srv/oracle") == "ran\n"
    assert json.loads(machine.text(TAKEN))["source"] == "files"
    assert machine.sh("systemctl --failed --plain --no-legend") == ""
    # Stages have what any service of the machine may have, however locked in the part was that looked.
    rights = machine.text("/srv/rights")
    assert "NoNewPrivs:\t0" in rights
    assert machine.sh("grep CapEff /proc/1/status").strip() in rights
    machine.power_cut()
    machine.boot()
    assert active(machine) == ["inactive", "inactive"]
    assert "was not met" in machine.sh("systemctl status initialrunner-image.timer")
    assert machine.text("/srv/oracle") == "ran\n"


def test_what_looks_can_write_nothing_but_its_own_folder(machine: Machine) -> None:
    """The unit's own hardening around another program."""
    unit = machine.root / "etc/systemd/system/initialrunner-image.service"
    tries = "for f in /etc/x /usr/x /var/x /var/lib/initialrunner/x /root/x /run/initialrunner/x; do"
    probe = f"{tries} touch $f 2>/dev/null && echo $f >>/run/initialrunner/wrote; done; exit 75"
    text = unit.read_text()
    for line in text.splitlines():
        if line.startswith("ExecStart="):
            text = text.replace(line, f"ExecStart=/bin/sh -c '{probe.replace('$', '$$')}'")
    unit.write_text(text)
    machine.boot()
    machine.wait_for(lambda: "inactive" in machine.sh("systemctl is-active initialrunner-image.service"))
    assert machine.sh("cat /run/initialrunner/wrote") == "/run/initialrunner/x\n"
    assert machine.sh("systemctl --failed --plain --no-legend") == ""


def test_a_config_drive_is_mounted_by_what_is_locked_in(tar: Path, tmp_path: Path) -> None:
    beside = RenderedFile("/srv/new/beside", b"from the drive\n", 0o640, deliver="inject")
    made = payload([stage("one", "cp /srv/new/beside /srv/oracle")], files=[beside])
    drive, image = seed.config_drive(made, starter.text(made).encode()), tmp_path / "drive"
    folder = drive.write(tmp_path / drive.label)
    subprocess.run(["mkfs.ext4", "-q", "-L", drive.label, "-d", folder, image, "4M"], check=True, capture_output=True)
    attached = subprocess.run(["losetup", "-f", "--show", "-r", image], capture_output=True, text=True)
    if attached.returncode:
        pytest.skip(f"no loop device: {attached.stderr}")
    device = attached.stdout.strip()
    try:
        with Machine(tar, (device,)) as machine:
            bake.bake(machine.root, Settings(("files", "config-drive")))
            machine.boot()
            machine.wait_for(lambda: is_done(machine))
            assert json.loads(machine.text(TAKEN))["source"] == "config-drive"
            # The file beside the bundle too, though what looks may write nowhere but in /run.
            assert machine.text("/srv/oracle") == "from the drive\n"
            assert machine.sh("stat -c %a /srv/new/beside") == "640\n"
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)


def test_a_looker_that_is_killed_is_back_within_the_minute(machine: Machine) -> None:
    machine.boot()
    machine.sh("systemctl kill --signal=KILL --kill-who=main initialrunner-image.service")
    # Without the runner's text, which what is locked in reads on the image.
    machine.put(STUB, THIN.script, 0o400)
    machine.wait_for(lambda: is_done(machine), timeout_s=100)
    assert machine.text("/srv/oracle") == "ran\n"
