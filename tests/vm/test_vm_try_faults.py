"""Images that are broken, each in one way, tried: the verdict names that way. And a clone without sshd, mended."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trials
from declared import within
from trials import tried

pytestmark = [pytest.mark.slow, pytest.mark.first, pytest.mark.timeout(900)]
Note = Callable[[str, float], None]
UNITS = "etc/systemd/system"
# Of those that are never heard of: four times what a boot takes here when the machine has little else to do.
LATE_S = 90


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """A sealed root of bookworm that is good, with cron and sshd."""
    with trials.unpacked("bookworm", "ssh") as unpacked:
        trials.bake_and_seal(unpacked, "--host-keys")
        yield unpacked


@pytest.fixture
def folder() -> Iterator[Path]:
    with trials.folder_of_disks() as made:
        yield made


def systemctl(root: Path, *words: str) -> None:
    subprocess.run(["systemctl", "--quiet", f"--root={root}", *words], env=within(), check=True, timeout=60)


def no_host_keys(root: Path) -> None:
    """sshd is on, its keys are gone as they must be, and the unit that makes them is off."""
    code, output, errors = trials.run("bake", root)
    assert code == 0, output + errors


def no_network(root: Path) -> None:
    systemctl(root, "disable", "systemd-networkd.service")
    for file in (root / "etc/systemd/network").iterdir():
        file.unlink()


def failed_unit(root: Path) -> None:
    (root / UNITS / "agent.service").write_text(
        "[Service]\nType=oneshot\nExecStart=/bin/false\n[Install]\nWantedBy=multi-user.target\n"
    )
    systemctl(root, "enable", "agent.service")


def no_python(root: Path) -> None:
    for program in (root / "usr/bin").glob("python3*"):
        program.unlink()


def trigger_off(root: Path) -> None:
    systemctl(root, "disable", "initialrunner-image.timer", "initialrunner-image.service", "cron.service")


@pytest.mark.parametrize(
    ("edit", "required", "codes"),
    [
        pytest.param(no_host_keys, (), {"try.host-keys", "try.ssh", "try.unit-failed"}, id="no-host-keys"),
        pytest.param(failed_unit, ("agent",), {"try.unit-failed", "try.require"}, id="failed-unit"),
    ],
)
def test_a_fault_that_a_healthy_clone_has(
    edit: Callable[[Path], None], required: tuple[str, ...], codes: set[str], root: Path, folder: Path, note: Note
) -> None:
    disk = trials.disk_of(root, folder / "disk.img", edit)
    trial = tried(disk, *(word for unit in required for word in ("--require", unit)))
    assert (trial.exit_code, trial.outcome["verdict"], trial.codes("error")) == (5, "failed", codes), trial.text
    note(f"{edit.__name__}: healthy", trial.healthy_s())
    note(f"{edit.__name__}: the whole trial", trial.seconds)


@pytest.mark.parametrize(
    ("edit", "others", "reason", "fix"),
    [
        # Its judge has run, and the disk still has what that saw.
        pytest.param(
            no_network, {"try.address"}, "its own journal says healthy", "(seal: need.network)", id="no-network"
        ),
        pytest.param(
            no_python, set(), "no runner has run, and it has no Python", "(seal: need.python)", id="no-python"
        ),
        pytest.param(trigger_off, set(), "no runner has run;", "(seal: need.trigger)", id="trigger-off"),
    ],
)
def test_a_fault_because_of_which_a_clone_is_never_heard_of(
    edit: Callable[[Path], None], others: set[str], reason: str, fix: str, root: Path, folder: Path, note: Note
) -> None:
    disk = trials.disk_of(root, folder / "disk.img", edit)
    trial = tried(disk, deadline_s=LATE_S)
    assert (trial.exit_code, trial.outcome["verdict"]) == (6, "late"), trial.text
    assert trial.codes("error") == {"try.never-heard", *others}, trial.text
    (finding,) = (one for one in trial.outcome["findings"] if one["code"] == "try.never-heard")
    assert reason in finding["why"] and fix in finding["mend"], finding
    # It has booted, and its console is shown.
    assert any("login:" in line for line in trial.outcome["console_tail"]), trial.text
    note(f"{edit.__name__}: the whole trial", trial.seconds)


def test_clones_of_an_image_that_was_not_sealed_are_alike(folder: Path, note: Note) -> None:
    """It has host keys and a machine id, as an installation leaves them."""
    with trials.unpacked("bookworm", "ssh") as root:
        (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
        code, output, errors = trials.run("bake", root)
        assert code == 0, output + errors
        disk = trials.disk_of(root, folder / "disk.img")
    trial = tried(disk, "--clones", "2")
    assert (trial.exit_code, trial.codes("error")) == (5, {"try.identity"}), trial.text
    note("not sealed, two clones: the whole trial", trial.seconds)


def test_a_clone_without_sshd_is_refused_caught_mended_and_seen_to_work(
    folder: Path, note: Note, show: Callable[[str], None]
) -> None:
    """Clones of an image with cloud-init that get their payload as files: cloud-init finds nothing to do in them."""
    bake = ("--source", "nocloud", "--source", "files")
    require = ("--require", "cron", "--require", "ssh")
    with trials.unpacked("bookworm", "ssh-cloud-init") as root:
        code, output, errors = trials.run("bake", root, *bake)
        show(trials.step(" ".join(("bake ROOT", *bake)), code, output + errors))
        assert code == 0, output + errors
        code, output, errors = trials.seal(root, "cron", "ssh")
        show(trials.step(" ".join(("seal ROOT --clean", *require)), code, output + errors))
        assert code == 4 and "error[need.host-keys]" in output, output + errors

        trial = tried(trials.disk_of(root, folder / "refused.img"), "--source", "files", *require)
        show(trials.step(" ".join(("try refused.img --source files", *require)), trial.exit_code, trial.lines()))
        assert trial.exit_code == 5, trial.text
        assert trial.codes("error") >= {"try.host-keys", "try.ssh"}, trial.text
        note("without sshd: the trial that catches it", trial.seconds)

        code, output, errors = trials.run("bake", root, *bake, "--host-keys")
        show(trials.step(" ".join(("bake ROOT", *bake, "--host-keys")), code, output + errors))
        assert code == 0, output + errors
        code, output, errors = trials.seal(root, "cron", "ssh")
        show(trials.step(" ".join(("seal ROOT --clean", *require)), code, output + errors))
        assert (code, errors) == (0, ""), output + errors

        trial = tried(trials.disk_of(root, folder / "mended.img"), "--source", "files", *require)
        show(trials.step(" ".join(("try mended.img --source files", *require)), trial.exit_code, trial.lines()))
        assert (trial.exit_code, trial.codes("error")) == (0, set()), trial.text
        note("without sshd, mended: healthy", trial.healthy_s())
