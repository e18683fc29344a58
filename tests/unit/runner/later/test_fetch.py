"""A file that the host fetches, within one process: whole, cut, refused, and how the run takes each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pytest
from checkout import Machine, MakeMachine
from handmade import payload, stage
from scripted_site import Site, Turn

from bootstrap.render.model import RenderedFile
from bootstrap.runner.later import fetch

DATA = bytes(range(256)) * 400
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


@pytest.fixture
def tick(machine: MakeMachine, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs one tick of a plan that fetches a file. What it gives: exit code, machine."""
    monkeypatch.setattr(fetch, "PAUSES", [0.01, 0.01])
    # A child would end with the runner; here there is none.
    monkeypatch.setattr("ctypes.CDLL", lambda name: type("Libc", (), {"prctl": lambda *words: 0}))
    monkeypatch.setattr("os.getppid", fetch.os.getpid)

    def tick(url: str, present: bytes | None = None, **more: Any) -> tuple[int, Machine]:
        file = RenderedFile("/srv/big", b"", 0o640, deliver="fetch", fetch={"url": url, "sha256": SHA256, **more})
        box = machine(payload([stage("one", "true")], files=[file], deadline_s=more.pop("deadline_s", 3600)))
        if present is not None:
            box.put("/srv/big", present)
        return box.tick(), box

    return tick


def test_a_file_comes_whole_after_cuts(tick: Any, site: Site) -> None:
    url = site.put("/x", DATA, '"one"')
    site.next(Turn(cut=50_000), Turn(cut=30_000))
    code, box = tick(url)
    assert code == 0
    assert (box.path("/srv/big").read_bytes(), box.mode("/srv/big")) == (DATA, 0o640)
    assert site.ranges()[-3:] == [None, "bytes=50000-", "bytes=80000-"]


@pytest.mark.parametrize(("present", "requests"), [(DATA, 0), (DATA[:-1], 1), (DATA[::-1], 1)])
def test_a_file_that_is_in_place_already_is_not_fetched(
    tick: Any, site: Site, present: bytes, requests: int
) -> None:
    url, number = site.put("/x", DATA), len(site.asked)
    code, box = tick(url, present=present)
    assert (code, len(site.asked) - number) == (0, requests)
    assert box.path("/srv/big").read_bytes() == DATA


@pytest.mark.parametrize(
    ("turn", "cause", "part"),
    [
        (Turn(status=403, reason="Forbidden"), "missing", "403"),
        (Turn(status=302, headers={"location": "http://far.example.com/"}), "missing", "only https"),
        (Turn(change=(DATA[::-1], "")), "digest", "SHA-256"),
        (Turn(change=(DATA + DATA, "")), "digest", "bytes"),
    ],
)
def test_a_refusal_is_final(tick: Any, site: Site, turn: Turn, cause: str, part: str) -> None:
    url = site.put("/x", DATA)
    site.next(turn)
    code, box = tick(url, max_size=len(DATA) + 1)
    last = box.find("state")[-1]
    assert (code, last["cause"]) == (5, cause) and part in last["reason"]
    assert not box.path("/srv/.big.initialrunner").exists()


@pytest.mark.parametrize("turn", [Turn(status=404), Turn(status=503)])
def test_what_may_come_later_waits_for_the_next_tick(tick: Any, site: Site, turn: Turn) -> None:
    url = site.put("/x", DATA)
    site.next(*[turn] * 4)
    code, box = tick(url + "?secret=1")
    assert code == 75
    assert box.find("waiting")[0]["missing"] == [{"path": "/srv/big", "why": "not fetched"}]
    assert str(turn.status) in box.find("state")[-1]["reason"] and "secret" not in str(box.events)
    site.turns.clear()


def test_a_redirect_on_this_machine_is_followed(tick: Any, site: Site) -> None:
    url = site.put("/x", DATA)
    site.next(Turn(status=302, headers={"location": "/x"}))
    assert tick(url)[0] == 0


def test_a_disk_without_room_waits(tick: Any, site: Site, mocker: Any) -> None:
    mocker.patch.object(fetch.Fetch, "spare", return_value=1000)
    code, box = tick(site.put("/x", DATA))
    assert code == 75 and "no space" in box.find("state")[-1]["reason"]
