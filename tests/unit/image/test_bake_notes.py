"""Notes of a bake on an image in which the runner may not start on a clone."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest
from box import needs_root
from image_root import clean_root, link, put

from bootstrap.image import bake
from bootstrap.image.bake import Settings

pytestmark = needs_root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root that is not baked yet."""
    clean = clean_root(tmp_path / "root")
    bake.remove(clean)
    return clean


def notes(root: Path, **settings: str) -> tuple[str, ...]:
    return bake.bake(root, Settings(**settings)).notes


def test_a_root_that_is_well_has_no_note(root: Path) -> None:
    assert notes(root) == ()


def test_a_cron_that_nothing_starts(root: Path) -> None:
    put(root, "/usr/sbin/cron", "ELF", 0o755)
    assert notes(root, trigger="cron") == ()
    (root / "etc/systemd/system/multi-user.target.wants/cron.service").unlink()
    assert notes(root, trigger="cron") == (
        "cron is installed, and nothing in the image starts it: enable it, or seal refuses the image",
    )
    # systemd starts the runner then.
    assert notes(root, trigger="both") == ()


def test_selinux(root: Path) -> None:
    put(root, "/etc/selinux/config", "SELINUX=enforcing\n")
    assert [note.split()[0] for note in notes(root)] == ["SELinux"]


def test_files_of_another_user() -> None:
    """By somebody who unpacked the whole root, so that nothing in it is root's."""
    with tempfile.TemporaryDirectory() as folder:
        root = clean_root(Path(folder) / "root")
        # What is read from this installation is in memory then.
        assert notes(root) == ()
        bake.remove(root)
        for path in [root, *root.rglob("*")]:
            os.chown(path, 1000, 1000, follow_symlinks=False)
        Path(folder).chmod(0o755)
        os.setegid(1000)
        os.seteuid(1000)
        try:
            (note,) = notes(root)
        finally:
            os.seteuid(0)
            os.setegid(0)
    assert note.startswith("the files belong to user 1000: cron and the runner only take those of root, so give them")


def test_a_runner_in_var(root: Path) -> None:
    (root / "var/usrlocal").mkdir(parents=True)
    if (root / "usr/local").exists():
        (root / "usr/local").rename(root.parent / "old")
    link(root, "/usr/local", "../var/usrlocal")
    (note,) = notes(root)
    assert note.startswith("/usr/local leads to /var, so the runner is at /var/usrlocal/lib/initialrunner/baked.py: ")
