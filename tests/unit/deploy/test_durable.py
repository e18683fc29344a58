"""Small files are whole or absent, for their owner alone, and what a killed process left is no hindrance."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bootstrap.deploy import durable


def test_a_new_file_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "a"
    durable.write_new(path, b"first")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        durable.write_new(path, b"second")
    assert path.read_bytes() == b"first"


def test_no_link_leads_to_another_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(FileExistsError):
        durable.write_new(tmp_path / "link", b"x")
    assert not (tmp_path / "target").exists()


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    (tmp_path / ".plan.json.new").write_bytes(b"half of a pl")
    durable.replace(path, b"one")
    durable.replace(path, b"two")
    assert (path.read_bytes(), [entry.name for entry in tmp_path.iterdir()]) == (b"two", ["plan.json"])


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    durable.replace(path, b"old\n")

    def fails(descriptor: int) -> None:
        raise OSError("no space")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="no space"):
        durable.replace(path, b"new\n")
    assert path.read_text() == "old\n"
