"""A published folder is brought back: whole, checked, and never over something else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bootstrap.publish.folder import FolderObjects
from bootstrap.publish.tree_publish import TreeError, TreePublisher
from bootstrap.publish.tree_restore import PART, restore


@pytest.fixture
def place(tmp_path: Path) -> FolderObjects:
    root = tmp_path / "site"
    (root / "b/empty").mkdir(parents=True)
    for name in ("a", "b/c", "d"):
        (root / name).write_text(f"{name}\n")
        os.utime(root / name, ns=(10**18, 10**18 + 5))
    (root / "d").chmod(0o555)
    (root / "link").symlink_to("/nowhere")
    (root / "b").chmod(0o555)
    TreePublisher(objects := FolderObjects(tmp_path / "store"), root).run()
    return objects


def test_files_links_folders_modes_and_times_come_back(place: FolderObjects, tmp_path: Path) -> None:
    back = tmp_path / "deep/back"
    assert restore(place, back).fetched == 3
    assert sorted(str(path.relative_to(back)) for path in back.rglob("*")) == ["a", "b", "b/c", "b/empty", "d", "link"]
    assert ((back / "b/c").read_text(), (back / "b/c").stat().st_mtime_ns) == ("b/c\n", 10**18 + 5)
    assert [(back / name).stat().st_mode & 0o777 for name in ("d", "b")] == [0o555, 0o555]
    assert str((back / "link").readlink()) == "/nowhere"


def test_a_restore_that_was_cut_off_goes_on(place: FolderObjects, tmp_path: Path) -> None:
    back = tmp_path / "back"
    restore(place, back)
    (back / "a").unlink()
    (back / f"a{PART}").write_text("half")
    assert restore(place, back).fetched == 1
    assert (back / "a").read_text() == "a\n" and not (back / f"a{PART}").exists()


def test_nothing_that_is_there_is_overwritten_or_followed(place: FolderObjects, tmp_path: Path) -> None:
    back, elsewhere = tmp_path / "back", tmp_path / "elsewhere"
    back.mkdir()
    elsewhere.mkdir()
    (back / "a").write_text("mine\n")
    (back / "b").symlink_to(elsewhere)
    (back / "link").write_text("")
    with pytest.raises(TreeError) as caught:
        restore(place, back)
    assert [problem.message for problem in caught.value.problems] == [
        f"{back}/b is there, and is no folder",
        f"{back}/link is there, and is not the link to /nowhere",
        f"{back}/a is there, with another content",
    ]
    assert ((back / "a").read_text(), list(elsewhere.iterdir())) == ("mine\n", [])


def test_an_altered_object_gets_no_name_and_the_others_come(place: FolderObjects, tmp_path: Path) -> None:
    (place.folder / "a").chmod(0o600)
    (place.folder / "a").write_text("A\n")
    (place.folder / "d").unlink()
    back = tmp_path / "back"
    with pytest.raises(TreeError) as caught:
        restore(place, back)
    assert [problem.code for problem in caught.value.problems] == ["publish.altered", "publish.missing"]
    assert sorted(path.name for path in back.rglob("*") if path.is_file()) == ["c"]
