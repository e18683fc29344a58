"""The judge of a trial, run under a real sh: on a copy of this machine without systemd, and on a Debian with it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from box import needs_root
from debian_root import make_root
from systemd_box import Machine, needs_systemd

from bootstrap import resources
from bootstrap.image import bake
from bootstrap.rehearse.copy import Copy
from bootstrap.trial import handover, payload
from bootstrap.trial.identities import host_keys
from bootstrap.trial.model import lines
from bootstrap.trial.payload import JUDGE, Reports
from bootstrap.trial.source import Source
from bootstrap.trial.verdict import facts_of, judged

SERVER = "try-1"
OUTPUTS = "/root/outputs"
# What the runner gives to a stage, and nothing else.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "TRY_SERVER": SERVER,
    "TRY_WAIT_S": "60",
    "INITIALRUNNER_OUTPUT": OUTPUTS,
}
SLOW_UNIT = """[Unit]
Description=a unit that takes a while
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sleep 4
[Install]
WantedBy=multi-user.target
"""
BROKEN_UNIT = """[Unit]
Description=a unit that fails
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'echo first; echo "no database at db-1" >&2; exit 3'
[Install]
WantedBy=multi-user.target
"""


def facts_in(text: str) -> dict[str, str]:
    """The outputs as the runner reads them."""
    return dict(line.split("=", 1) for line in text.splitlines())


@needs_root
def test_without_systemd_it_looks_at_processes_disk_and_address() -> None:
    with Copy(SERVER) as copy:
        copy.put("/root/judge.sh", resources.text("files/trial/judge.sh").encode(), mode=0o700)
        script = "rm -f /etc/ssh/ssh_host_*; sleep 100 & sh /root/judge.sh; echo $?; kill $!"
        done = copy.run(["sh", "-c", script], environment={**ENVIRONMENT, "TRY_REQUIRE": "cron no-such-agent"})
        assert done.stdout == "0\n", done.stdout + done.stderr
        facts = facts_in((copy.read(OUTPUTS) or b"").decode())
        assert copy.read("/etc/.initialrunner-try") is None
    assert (facts["state"], facts["disk"], facts["ran"]) == ("none", "writable", f"{SERVER}:judge ")
    assert len(facts["boot_id"]) == 36
    assert "Linux " in facts["system"]
    assert facts["unit.no-such-agent"] == "LoadState=not-found"
    assert host_keys(facts) == ()


@needs_root
def test_a_root_that_cannot_be_written_to_is_told() -> None:
    # What a copy writes goes to memory of this size, but for /run, which is a file system of its own.
    with Copy(SERVER, size="2M") as copy:
        copy.put("/root/judge.sh", resources.text("files/trial/judge.sh").encode(), mode=0o700)
        script = "head -c 9000000 /dev/zero >/etc/zero; sh /root/judge.sh"
        outputs = {**ENVIRONMENT, "INITIALRUNNER_OUTPUT": "/run/outputs", "TRY_REQUIRE": ""}
        copy.run(["sh", "-c", script], environment=outputs)
        facts = facts_in((copy.read("/run/outputs") or b"").decode())
    assert facts["disk"] == "/etc cannot be written: No space left on device"


@pytest.fixture(scope="module")
def tar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_root(tmp_path_factory.mktemp("root") / "bookworm.tar", "openssh-server")


@pytest.fixture
def machine(tar: Path, tmp_path: Path) -> Iterator[Machine]:
    """A baked Debian with a whole payload of a trial in it, which nobody hears of: it has no network."""
    with Machine(tar) as box:
        bake.bake(box.root, bake.Settings())
        reports = Reports("http://127.0.0.1:9", "127.0.0.1", bytes(32))
        project = payload.load(None, (), (), tmp_path)
        rendering = payload.build(
            project, SERVER, "20261120T120000-ab12cd", reports, require=("ssh", "slow", "no-agent"), deadline_s=600
        )
        for path, content in handover.hand_over(Source("files", True), rendering).files.items():
            box.put(path, content, 0o400)
        yield box


def unit(machine: Machine, name: str, text: str) -> None:
    machine.put(f"/etc/systemd/system/{name}.service", text)
    subprocess.run(["systemctl", "--quiet", "--root", machine.root, "enable", name], check=True, capture_output=True)


def judgements(machine: Machine) -> list[str]:
    """The verdict, once the judge has ended: it must not wait for its own unit, which belongs to the boot."""
    machine.wait_for(lambda: machine.events("stage.ended", stage=JUDGE), 120)
    facts = facts_of(machine.journal())
    first = machine.events("started")[0]
    booted_at = first["at"] - first["uptime_s"]
    return lines(judged(facts, machine.journal(), server=SERVER, powered_on_at=booted_at, power_cut=False))


@pytest.mark.slow
@pytest.mark.timeout(600)
@needs_systemd
def test_with_systemd_a_good_machine_is_found_good(machine: Machine) -> None:
    unit(machine, "slow", SLOW_UNIT)
    machine.boot()
    told = judgements(machine)
    assert "ok[try.boot]: systemd has started everything, and no unit has failed" in told
    assert "ok[try.require]: ssh is active" in told
    # It waited for the boot to end.
    assert "ok[try.require]: slow is active" in told
    assert "ok[try.host-keys]: 3 ssh host keys, for root alone" in told
    assert "ok[try.once]: try-1 ran its own payload, each stage once" in told
    assert [line for line in told if line.startswith("error")] == [
        "error[try.require]: no-agent is not installed; --require asks for it",
        "error[try.address]: the clone has no address; no interface has one that goes beyond its own link",
    ]


@pytest.mark.slow
@pytest.mark.timeout(600)
@needs_systemd
def test_with_systemd_failed_units_and_missing_keys_are_told_with_their_reasons(machine: Machine) -> None:
    unit(machine, "slow", BROKEN_UNIT)
    for key in machine.root.glob("etc/ssh/ssh_host_*"):
        key.unlink()
    machine.boot()
    told = judgements(machine)
    errors = [line for line in told if line.startswith("error")]
    assert "error[try.unit-failed]: slow.service has failed (exit-code); no database at db-1" in errors
    assert any(
        line.startswith("error[try.unit-failed]: ssh.service has failed") and "no hostkeys available" in line
        for line in errors
    )
    assert "error[try.require]: slow is not active; no database at db-1" in errors
    assert any(line.startswith("error[try.host-keys]: sshd has no host keys") for line in errors)
    assert any(line.startswith("error[try.ssh]: ssh.service is not active") for line in errors)
