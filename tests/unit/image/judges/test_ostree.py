"""A runner that lies in /var because /usr/local leads there: `bake` notes it, `seal` warns."""

from __future__ import annotations

from pathlib import Path

import pytest
from image_root import bake, clean_root, link, put
from judging import told

from bootstrap.image import bake as baking
from bootstrap.image.judges import ostree

PLACE = "/var/usrlocal/lib/initialrunner/baked.py"


@pytest.mark.parametrize("target", ["../var/usrlocal", "/var/usrlocal"])
def test_a_runner_in_var_is_a_warning(tmp_path: Path, target: str) -> None:
    bake(tmp_path)
    (tmp_path / "var").mkdir()
    (tmp_path / "usr/local").rename(tmp_path / "var/usrlocal")
    link(tmp_path, "/usr/local", target)
    assert told(ostree, tmp_path, {}) == [("ostree.runner", "warning", PLACE)]


def test_a_runner_in_usr_is_none(tmp_path: Path) -> None:
    bake(tmp_path)
    put(tmp_path, "/var/usrlocal/lib/initialrunner/baked.py", "x")
    assert told(ostree, tmp_path, {}) == []


def test_bake_says_where_the_runner_is(tmp_path: Path) -> None:
    root = clean_root(tmp_path / "root")
    baking.remove(root)
    (root / "var/usrlocal").mkdir(parents=True)
    (root / "usr/local").rename(tmp_path / "old")
    link(root, "/usr/local", "../var/usrlocal")
    notes = baking.bake(root, baking.Settings()).notes
    assert [note for note in notes if f"the runner is at {PLACE}" in note]
