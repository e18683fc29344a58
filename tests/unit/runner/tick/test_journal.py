"""The journal on a real disk: what a kill or a bad sector leaves is read back without guessing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from box import needs_root
from pytest_mock import MockerFixture

from bootstrap.runner import host as host_module
from bootstrap.runner.host import Host
from bootstrap.runner.later import recovery
from bootstrap.runner.tick import journal as journal_module
from bootstrap.runner.tick.journal import Journal, seal, unseal


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The state folder, moved: the only constants of the host layout that this test has to move."""
    folder = tmp_path / "state"
    monkeypatch.setattr(host_module, "STATE", str(folder))
    for module in journal_module, recovery:
        monkeypatch.setattr(module, "STATE", str(folder))
        monkeypatch.setattr(module, "JOURNAL", str(folder / "journal"))
    return folder


def write(count: int) -> list[dict]:
    journal = Journal(Host())
    for number in range(count):
        journal.add("state", state="running", number=number)
    return journal.events


def test_events_come_back_in_order(state: Path) -> None:
    events = write(3)
    assert Journal(Host()).events == events
    assert [e["seq"] for e in events] == [1, 2, 3]


def test_every_line_is_json_with_a_checksum(state: Path) -> None:
    write(2)
    for line in (state / "journal").read_bytes().splitlines():
        assert json.loads(line)["crc"] and unseal(line) is not None
        assert unseal(line.replace(b"running", b"healthy")) is None


@pytest.mark.parametrize("keep", range(1, 130, 7))
def test_a_torn_tail_is_cut_and_the_next_line_stands_alone(state: Path, keep: int) -> None:
    write(2)
    path = state / "journal"
    lines = path.read_bytes().splitlines(True)
    path.write_bytes(lines[0] + lines[1][: min(keep, len(lines[1]) - 1)])
    journal = Journal(Host())
    assert [e["number"] for e in journal.events] == [0]
    journal.add("state", state="running", number=7)
    assert [e["number"] for e in Journal(Host()).events] == [0, 7]


@needs_root
def test_a_damaged_middle_is_set_aside_and_named(state: Path, mocker: MockerFixture) -> None:
    say = mocker.patch.object(Host, "say")
    write(4)
    path = state / "journal"
    lines = path.read_bytes().splitlines(True)
    damaged = lines[0] + lines[1].replace(b"running", b"ruining") + lines[2] + lines[3]
    path.write_bytes(damaged)
    journal = Journal(Host())
    assert [e["type"] for e in journal.events] == ["state", "lost", "state", "state"]
    assert [e["seq"] for e in journal.events] == [1, 2, 3, 4]
    aside = [p for p in state.iterdir() if "damaged" in p.name]
    assert [p.read_bytes() for p in aside] == [damaged]
    say.assert_called_once_with(f"the journal was damaged; kept as {aside[0]}")


@needs_root
@pytest.mark.parametrize(
    ("order", "types"),
    [
        ([0, 2], ["state", "lost", "state"]),
        ([0, 0], ["state"]),
        ([1, 0, 2], ["state", "state", "state"]),
        ([1], ["lost", "state"]),
    ],
    ids=["one-gone", "one-twice", "two-swapped", "the-first-gone"],
)
def test_whole_lines_in_another_order_are_damage_too(
    state: Path, mocker: MockerFixture, order: list[int], types: list[str]
) -> None:
    """Found by fuzzing: an event added after such a hole had the number of another."""
    say = mocker.patch.object(Host, "say")
    write(3)
    path = state / "journal"
    lines = path.read_bytes().splitlines(True)
    path.write_bytes(b"".join(lines[number] for number in order))
    journal = Journal(Host())
    assert [(e["seq"], e["type"]) for e in journal.events] == list(enumerate(types, 1))
    assert [e["number"] for e in journal.find("state")] == sorted(set(order))
    say.assert_called_once()
    assert journal.add("state", state="running")["seq"] == len(types) + 1


def test_an_event_that_does_not_fit_leaves_no_half_line(state: Path, mocker: MockerFixture) -> None:
    journal = Journal(Host())
    journal.add("state", state="running")
    before = (state / "journal").read_bytes()
    real = journal_module.os.write
    mocker.patch.object(journal_module.os, "write", side_effect=lambda fd, data: real(fd, data[:5]))
    with pytest.raises(OSError, match="no space"):
        journal.add("state", state="healthy")
    assert (state / "journal").read_bytes() == before
    assert len(journal.events) == 1


def test_time_counts_over_boots_but_not_while_powered_off(state: Path, mocker: MockerFixture) -> None:
    journal = Journal(Host())
    journal.host.boot_id = "second"
    journal.events = [
        {"type": "started", "boot_id": "first", "uptime_s": 5.0},
        {"type": "state", "uptime_s": 25.0},
        {"type": "state", "boot_id": "second", "uptime_s": 3.0},
    ]
    mocker.patch.object(journal.host, "uptime", return_value=13.0)
    assert journal.elapsed() == 20.0 + 10.0


def test_a_file_in_the_way_that_is_a_link_is_refused(state: Path) -> None:
    state.mkdir()
    (state / "elsewhere").write_text("")
    (state / "journal").symlink_to(state / "elsewhere")
    with pytest.raises(OSError):
        Journal(Host())


def test_seal_and_unseal_agree_on_any_text() -> None:
    event = {"seq": 1, "tail": 'quote " brace } crc", "crc": "00000000"}', "é": "\u2028"}
    assert unseal(seal(event).strip().encode()) == event
