"""A journal damaged anywhere: what stands whole in it is kept, nothing is made up, and a hole is told of."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from fuzz_strategies import any_text, effort
from hypothesis import event, given
from hypothesis import strategies as st

from bootstrap.runner import host as host_module
from bootstrap.runner.host import Host
from bootstrap.runner.later import recovery
from bootstrap.runner.tick import journal as journal_module
from bootstrap.runner.tick.journal import Journal, events_in

fields = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(["running", "healthy"]),
        "tail": any_text | st.text(max_size=40) | st.just('", "crc": "00000000"}'),
        "took_s": st.floats(allow_nan=False, allow_infinity=False),
        "digests": st.dictionaries(any_text, any_text, max_size=2),
    },
)
lives = st.lists(fields, min_size=1, max_size=9)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The state folder, moved: the only constants of the host layout that this test has to move."""
    folder = tmp_path_factory.mktemp("journals") / "state"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(host_module, "STATE", str(folder))
        for module in (journal_module, recovery):
            patch.setattr(module, "STATE", str(folder))
            patch.setattr(module, "JOURNAL", str(folder / "journal"))
        yield folder


class Quiet(Host):  # type: ignore[misc]
    """A host that remembers what it said, and whose clock stands still, so that equal lives are equal bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def say(self, line: str) -> None:
        self.said.append(line)

    def now(self) -> float:
        return 1_000_000.25

    def uptime(self) -> float:
        return 12.5


class ClosedJournal(Journal):  # type: ignore[misc]
    """A journal that lets its files go at its end: a runner's process ends instead, this one has hundreds of them."""

    def __del__(self) -> None:
        with suppress(OSError):
            self.close()


def lived(state: Path, life: list[dict[str, Any]]) -> list[bytes]:
    """A journal of these events, written by the runner's own hand: its lines."""
    shutil.rmtree(state, ignore_errors=True)
    journal = ClosedJournal(Quiet())
    for one in life:
        journal.add("state", **one)
    (state / "journal").rename(state / "was")
    return (state / "was").read_bytes().splitlines(True)


@st.composite
def damage(draw: Callable[[Any], Any], lines: list[bytes]) -> bytes:
    """The bytes of a journal after something has happened to it once or twice."""
    for _ in range(draw(st.integers(1, 2))):
        data = b"".join(lines)
        at = draw(st.integers(0, len(data)))
        to = draw(st.integers(at, min(len(data), at + draw(st.sampled_from([1, 10, 200, 5000])))))
        line = draw(st.integers(0, max(0, len(lines) - 1)))
        what = draw(st.sampled_from(["flip", "cut", "insert", "delete", "zero", "double", "swap", "drop", "again"]))
        event(what)
        if what == "flip":
            mask = draw(st.integers(1, 255))
            data = data[:at] + bytes(byte ^ mask for byte in data[at : at + 1]) + data[at + 1 :]
        elif what == "cut":
            data = data[:at]
        elif what == "insert":
            data = data[:at] + draw(st.binary(max_size=20) | st.just(b"\n")) + data[at:]
        elif what == "delete":
            data = data[:at] + data[to:]
        elif what == "zero":
            data = data[:at] + bytes(to - at) + data[to:]
        elif what == "double":
            data = data[:to] + data[at:]
        else:
            lines = data.splitlines(True)
            line = min(line, len(lines) - 1)
            if what == "swap":
                lines[line:] = lines[line:][::-1]
            elif what == "drop":
                del lines[max(0, line) : line + 1]
            elif line >= 0:
                lines.insert(draw(st.integers(0, len(lines))), lines[line])
            continue
        lines = data.splitlines(True)
    return b"".join(lines)


@given(life=lives, data=st.data())
@effort(250)
def test_a_damaged_journal_keeps_what_is_whole_and_names_what_is_lost(
    state: Path, life: list[dict[str, Any]], data: st.DataObject
) -> None:
    lines = lived(state, life)
    was = events_in(str(state / "was"))
    assert [one["seq"] for one in was] == list(range(1, len(life) + 1))
    damaged = data.draw(damage(lines))
    (state / "journal").write_bytes(damaged)

    # A line is whole when all of it is there, to its newline.
    found = [line + b"\n" for line in damaged.split(b"\n")[:-1]]
    good = [lines.index(line) for line in found if line in lines]
    last = max((at for at, line in enumerate(found) if line in lines), default=-1)
    has_hole = found[: last + 1] != lines[: last + 1]
    event("a hole" if has_hole else "a torn end")

    host = Quiet()
    journal = ClosedJournal(host)
    assert len(journal.events) == max(good, default=-1) + 1
    for number, one in enumerate(journal.events):
        if number in good:
            assert one == was[number]
        else:
            assert (one["type"], one["seq"]) == ("lost", number + 1)
    aside = [path for path in state.iterdir() if "damaged" in path.name]
    if has_hole:
        assert [path.read_bytes() for path in aside] == [damaged]
        assert host.said == [f"the journal was damaged; kept as {aside[0]}"]
    else:
        assert (aside, host.said) == ([], [])

    # What is added now has the next number, and all of it is read back.
    added = journal.add("state", state="healthy")
    assert added["seq"] == len(journal.events)
    again = Quiet()
    assert ClosedJournal(again).events == journal.events
    assert again.said == []


@given(data=st.binary(max_size=300) | st.lists(st.binary(max_size=30)).map(b"\n".join))
@effort(60)
def test_any_bytes_are_no_journal_and_stop_nobody(state: Path, data: bytes) -> None:
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir()
    (state / "journal").write_bytes(data)
    assert events_in(str(state / "journal")) == []
    journal = ClosedJournal(Quiet())
    assert journal.events == []
    assert journal.add("state", state="running")["seq"] == 1
    assert len(ClosedJournal(Quiet()).events) == 1
