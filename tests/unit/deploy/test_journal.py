"""The journal of a deploy: what is on disk, and what a kill or a bad disk leaves of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bootstrap.deploy.journal import FileLog, Journal, Record
from bootstrap.errors import UsageError


def journal(path: Path, clock: float = 1000.0) -> Journal:
    return Journal(FileLog(path), lambda: clock)


def test_records_are_read_back_as_they_were_added(tmp_path: Path) -> None:
    first = journal(tmp_path / "journal")
    begun = first.add("begun", deploy="20261130T120000-abcdef")
    call = first.add("call", call="create", tier="web", slot=1, attempt=1, server="shop-web-1-abcdef")
    assert journal(tmp_path / "journal").records == [begun, call]
    assert (begun["seq"], begun["version"], call["seq"], call["at"]) == (1, 1, 2, 1000.0)
    assert "version" not in call


def test_the_file_is_private_and_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    path = tmp_path / "journal"
    journal(path).add("begun")
    assert path.stat().st_mode & 0o777 == 0o600
    # The name of a new file is on disk before its first line.
    assert synced == [str(tmp_path), str(path)]


def test_an_observer_gets_a_record_once_it_is_on_disk(tmp_path: Path) -> None:
    path, seen = tmp_path / "journal", list[tuple[Record, int]]()
    observed = Journal(FileLog(path), lambda: 1.0, lambda record: seen.append((record, path.stat().st_size)))
    observed.add("begun")
    assert [record["type"] for record, _ in seen] == ["begun"] and seen[0][1] > 0


@pytest.mark.parametrize("torn", [b'{"half', b'{"type": "call", "crc": "00000000"}\n', b"\0" * 40, b"\n"])
def test_a_torn_end_is_cut_and_the_next_record_is_whole(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "journal"
    begun = journal(path).add("begun")
    with path.open("ab") as file:
        file.write(torn)
    again = journal(path)
    assert again.records == [begun]
    phase = again.add("phase", phase="creating", tier="web")
    assert journal(path).records == [begun, phase]


def test_a_damaged_middle_is_refused_with_the_way_on(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    first = journal(path)
    for number in range(3):
        first.add("phase", phase="creating", tier=str(number))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1].replace(b"creating", b"deleting") + lines[2])
    with pytest.raises(UsageError, match="the journal of this deploy is damaged") as error:
        journal(path)
    assert error.value.hint and "bootstrap reap --file FILE" in error.value.hint


def test_a_missing_line_is_damage_too(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    first = journal(path)
    for number in range(3):
        first.add("phase", phase="creating", tier=str(number))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])
    with pytest.raises(UsageError, match="is damaged"):
        journal(path)


def test_a_journal_of_a_later_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.deploy.journal.VERSION", 2)
    journal(tmp_path / "journal").add("begun")
    monkeypatch.undo()
    with pytest.raises(UsageError, match="is of version 2, and this program knows 1"):
        journal(tmp_path / "journal")


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = journal(tmp_path / "journal")
    full.add("begun")
    monkeypatch.setattr(os, "write", lambda handle, line: 3)
    with pytest.raises(UsageError, match="the disk is full"):
        full.add("phase", phase="creating", tier="web")
