"""Images that are good, tried: Debian 12 and 13, with cron and without, with cloud-init, as disks and as a folder."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import built_images
import partitioned
import pytest
import trials
from declared import within
from trials import tried

from bootstrap.image.root import Root
from bootstrap.trial import kernel

pytestmark = [pytest.mark.slow, pytest.mark.first, pytest.mark.timeout(900)]
Note = Callable[[str, float], None]
REQUIRE = ("--require", "cron", "--require", "ssh")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with trials.folder_of_disks() as made:
        yield made


@pytest.fixture(scope="module")
def bookworm(folder: Path) -> Iterator[Path]:
    """A sealed root of bookworm, with cron and sshd."""
    with trials.unpacked("bookworm", "ssh") as root:
        trials.bake_and_seal(root, "--host-keys")
        yield root


@pytest.fixture(scope="module")
def disk(bookworm: Path, folder: Path) -> Path:
    """A disk of it."""
    return trials.disk_of(bookworm, folder / "bookworm.img")


def test_two_clones_have_names_and_keys_of_their_own(disk: Path, note: Note) -> None:
    trial = tried(disk, "--clones", "2", *REQUIRE)
    assert (trial.exit_code, trial.outcome["verdict"]) == (0, "good"), trial.text
    one, two = trial.clones
    assert one["server"] != two["server"] and one["machine_id"] != two["machine_id"]
    assert one["host_keys"] and not set(one["host_keys"]) & set(two["host_keys"])
    assert one["address"]
    assert trial.codes("ok") >= {
        "try.boot", "try.require", "try.ssh", "try.host-keys", "try.address", "try.machine-id", "try.once",
    }  # fmt: skip
    note("bookworm, two clones: the second is healthy", trial.healthy_s())
    note("bookworm, two clones: the whole trial", trial.seconds)


def test_a_run_goes_on_after_a_power_cut(disk: Path, note: Note) -> None:
    trial = tried(disk, "--power-cut", *REQUIRE)
    assert (trial.exit_code, trial.codes("error")) == (0, set()), trial.text
    assert "try.power-cut" in trial.codes("ok")
    note("bookworm, power cut: the whole trial", trial.seconds)


def test_trixie_as_qcow2(folder: Path, note: Note) -> None:
    with trials.unpacked("trixie", "ssh") as root:
        trials.bake_and_seal(root, "--host-keys")
        raw = trials.disk_of(root, folder / "trixie.img")
    image = folder / "trixie.qcow2"
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, image], check=True, timeout=120)
    raw.unlink()
    trial = tried(image, *REQUIRE)
    assert (trial.exit_code, trial.codes("error")) == (0, set()), trial.text
    assert trial.clones[0]["system"].startswith("Debian GNU/Linux 13")
    note("trixie, qcow2: healthy", trial.healthy_s())


def without_cron(root: Path) -> None:
    subprocess.run(["chroot", root, "dpkg", "--purge", "cron"], env=within(), check=True, capture_output=True)


def test_a_folder_without_cron(folder: Path, note: Note) -> None:
    with trials.unpacked("bookworm", "ssh") as root:
        without_cron(root)
        trials.bake_and_seal(root, "--host-keys", require=("ssh",))
        trial = tried(root, "--require", "ssh")
    assert (trial.exit_code, trial.codes("error")) == (0, set()), trial.text
    note("bookworm without cron, a folder: healthy", trial.healthy_s())


def with_initrd(root: Path, folder: Path) -> None:
    """Give a root an initial file system in its /boot: without one a drive may come after cloud-init has looked."""
    with closing(Root(root)) as tree:
        linux, initrd = kernel.extracted(kernel.Folder(tree), "image", folder)
    (installed,) = (root / "boot").glob("vmlinuz-*")
    shutil.move(initrd, installed.with_name(installed.name.replace("vmlinuz", "initrd.img")))
    linux.unlink()


def test_cloud_init_makes_the_host_keys_where_the_payload_comes_by_nocloud(folder: Path, note: Note) -> None:
    with trials.unpacked("bookworm", "ssh-cloud-init") as root:
        with_initrd(root, folder)
        trials.bake_and_seal(root, "--source", "nocloud")
        disk = trials.disk_of(root, folder / "cloud-init.img")
    trial = tried(disk, *REQUIRE)
    assert (trial.exit_code, trial.outcome["source"], trial.codes("error")) == (0, "nocloud", set()), trial.text
    assert trial.clones[0]["host_keys"]
    note("bookworm with cloud-init: healthy", trial.healthy_s())
    note("bookworm with cloud-init: the whole trial", trial.seconds)


def test_a_partitioned_disk_is_started_by_its_own_boot_loader(bookworm: Path, folder: Path, note: Note) -> None:
    """Its kernel is named by a menu of GRUB alone, and its files lie behind a partition table."""
    disk = folder / "grub.img"

    def with_grub(root: Path) -> None:
        with closing(Root(root)) as tree:
            _, initrd = kernel.extracted(kernel.Folder(tree), "bookworm", folder, "/dev/vda1")
        partitioned.make(root, disk, trials.BYTES, initrd=initrd.read_bytes(), words=kernel.COMMAND_LINE)

    trials.disk_of(bookworm, folder / "bare.img", with_grub).unlink()
    trial = tried(disk, *REQUIRE)
    assert (trial.exit_code, trial.codes("error")) == (0, set()), trial.text
    note("bookworm by GRUB: healthy", trial.healthy_s())


def test_the_folder_that_the_recipe_of_mmdebstrap_makes(folder: Path, note: Note) -> None:
    """As the page has it: nothing is taken out that costs time at boot, and the initial file system is in it."""
    tools, root = built_images.command(folder / "bin"), folder / "image"
    recipe = built_images.EXAMPLES / "chroot/mmdebstrap.sh"
    built = built_images.run(tools, [recipe, root, "--include=linux-image-cloud-amd64", "--quiet"])
    assert built.returncode == 0, built.stdout[-4000:]
    trial = tried(root, "--require", "cron", "--require", "systemd-networkd")
    assert (trial.exit_code, trial.codes("error")) == (0, set()), trial.text
    note("bookworm as mmdebstrap.sh makes it: healthy", trial.healthy_s())
    note("bookworm as mmdebstrap.sh makes it: the whole trial", trial.seconds)
