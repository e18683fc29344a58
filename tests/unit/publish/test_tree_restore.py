"""A published folder is brought back: whole, checked, and never over something else."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.publish.folder import FolderObjects
from bootstrap.publish.tree_manifest import File, Folder, Link, Manifest
from bootstrap.publish.tree_publish import TreeError, TreePublisher
from bootstrap.publish.tree_restore import part_of, restore


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
    part_of(back / "a").write_text("half")
    assert restore(place, back).fetched == 1
    assert (back / "a").read_text() == "a\n" and not part_of(back / "a").exists()


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


BAD = hashlib.sha256(b"bad").hexdigest()


def a_file(path: str, size: int = 3) -> File:
    return File(path, size, BAD, "0" * 32, 0o644, 0)


def test_a_manifest_that_leaves_a_folder_out_leads_through_no_link(tmp_path: Path) -> None:
    elsewhere, back = tmp_path / "elsewhere", tmp_path / "back"
    elsewhere.mkdir()
    (objects := FolderObjects(tmp_path / "store")).put("a/cron", b"bad", BAD)
    # The first manifest makes the link that the second one goes through.
    restore(objects, back, Manifest("m", (), (Link("a", str(elsewhere)),)))
    for entries in ((Link("a/b", "c"),), (a_file("a/cron"),)):
        links = tuple(entry for entry in entries if isinstance(entry, Link))
        files = tuple(entry for entry in entries if isinstance(entry, File))
        with pytest.raises(TreeError) as caught:
            restore(objects, back, Manifest("m", files, links))
        assert str(caught.value) == f"{back}/a is there, and is no folder"
    assert list(elsewhere.iterdir()) == []


def test_names_as_long_as_a_file_system_takes_and_like_our_own_come_back(tmp_path: Path) -> None:
    root, back = tmp_path / "root", tmp_path / "back"
    root.mkdir()
    names = sorted(["n" * 255, "x", "x.initialrunner-part"])
    for name in names:
        (root / name).write_text(name)
    TreePublisher(objects := FolderObjects(tmp_path / "store"), root).run()
    assert restore(objects, back).fetched == 3
    assert sorted(path.name for path in back.iterdir()) == names
    assert all((back / name).read_text() == name for name in names)


def test_an_object_that_is_longer_than_the_manifest_says_is_not_read_to_its_end(tmp_path: Path) -> None:
    class Endless(FolderObjects):
        def read(self, name: str) -> Iterator[bytes]:
            while True:
                yield b"bad"

    with pytest.raises(TreeError, match="altered: a has SHA-256"):
        restore(Endless(tmp_path / "store"), tmp_path / "back", Manifest("m", (a_file("a"),)))
    assert list((tmp_path / "back").iterdir()) == []


@pytest.mark.parametrize(
    "manifest",
    [
        Manifest("m", (a_file("f" * 300),)),
        Manifest("m", (), (Link("a/b", "c"),)),
        Manifest("m", (), (Link("a", "c" * 5000),)),
        Manifest("m", (), (), (Folder("d" * 300, 0o755),)),
    ],
    ids=["file", "link", "target", "folder"],
)
def test_what_the_disk_cannot_hold_is_said(tmp_path: Path, manifest: Manifest) -> None:
    with pytest.raises(TreeError, match=r"File name too long|No such file"):
        restore(FolderObjects(tmp_path / "store"), tmp_path / "back", manifest)
