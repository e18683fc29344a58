"""A file of a folder that may change is read until it stays the same meanwhile."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from bootstrap.publish import tree_read
from bootstrap.publish.tree_read import ChangedError, UnreadableError, read

OLD, NEW = b"old " * 1000, b"new " * 1000


class Meddler:
    """A digest, at whose first blocks somebody writes to the file that is read. times: how often."""

    def __init__(self, path: Path, times: int) -> None:
        self.path, self.times, self.real = path, times, hashlib.sha256

    def __call__(self, *more: Any) -> Meddler:
        self.digest = self.real(*more)
        self.is_first = True
        return self

    def update(self, block: bytes) -> None:
        self.digest.update(block)
        if self.is_first and self.times:
            self.path.write_bytes(NEW)
            self.times -= 1
        self.is_first = False

    def hexdigest(self) -> str:
        return self.digest.hexdigest()


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tree_read, "PAUSE_S", 0.0)
    monkeypatch.setattr(tree_read, "BLOCK_BYTES", 100)
    (tmp_path / "file").write_bytes(OLD)
    return tmp_path / "file"


def test_a_file_is_read_with_all_its_facts(path: Path) -> None:
    path.chmod(0o640)
    content = read(path.parent, "file")
    assert (content.data, content.file.size, content.file.mode) == (OLD, len(OLD), 0o640)
    assert content.file.sha256 == hashlib.sha256(OLD).hexdigest()
    assert content.file.md5 == hashlib.md5(OLD).hexdigest()
    assert content.file.mtime_ns == path.stat().st_mtime_ns


def test_a_large_file_is_not_held_in_memory(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_read, "SMALL_BYTES", len(OLD) - 1)
    assert read(path.parent, "file").data is None


def test_a_file_that_changes_while_it_is_read_is_read_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tree_read.hashlib, "sha256", Meddler(path, 1))
    content = read(path.parent, "file")
    assert (content.data, content.file.md5) == (NEW, hashlib.md5(NEW).hexdigest())


def test_a_file_that_changes_each_time_is_given_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    meddler = Meddler(path, 100)
    monkeypatch.setattr(tree_read.hashlib, "sha256", meddler)
    with pytest.raises(ChangedError, match="file"):
        read(path.parent, "file")
    assert meddler.times == 100 - tree_read.TRIES


@pytest.mark.parametrize("kind", ["gone", "link", "pipe", "below a file"])
def test_what_is_no_file_any_more_has_changed(path: Path, kind: str) -> None:
    path.unlink()
    if kind == "link":
        path.symlink_to("/etc/passwd")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "below a file":
        path.write_text("")
    with pytest.raises(ChangedError):
        read(path.parent, "file/x" if kind == "below a file" else "file")


@pytest.mark.parametrize("name", ["in/file", "in/deep/file"])
def test_no_link_in_the_place_of_a_folder_is_followed(path: Path, tmp_path: Path, name: str) -> None:
    (path.parent / "root").mkdir()
    (path.parent / "deep").mkdir()
    (path.parent / "deep/file").write_bytes(OLD)
    # Somebody who may write in the tree only leads out of it to a file that root may read.
    (path.parent / "root/in").symlink_to(path.parent)
    with pytest.raises(ChangedError):
        read(path.parent / "root", name)
    assert read(path.parent, "deep/file").data == OLD


def test_a_file_that_cannot_be_read_says_why(path: Path) -> None:
    with pytest.raises(UnreadableError, match="file name too long"):
        read(path.parent, "x" * 300)
