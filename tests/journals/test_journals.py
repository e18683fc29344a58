"""Journals of every format are read by today's runner, and a run that began under one is brought to its end."""

from __future__ import annotations

import json
from pathlib import Path

import kept_journals
import pytest
from box import Box, needs_root
from oracle import ran, said

from bootstrap.runner.host import STATE
from bootstrap.runner.tick.journal import VERSION, unseal

HERE = Path(__file__).resolve().parent
KEPT = sorted(path.relative_to(HERE) for path in HERE.glob("*/*.journal"))
# What today's runner still has to run when it finds a journal of that moment, its exit code, the state at the end.
GOES_ON = {
    "again": (["second", "third", "fourth"], 0, "healthy"),
    "interrupted": (["third", "fourth"], 0, "healthy"),
    "failed": ([], 5, "failed"),
    "healthy": ([], 0, "healthy"),
}

pytestmark = [pytest.mark.integration, needs_root]


def events_of(path: Path) -> list[dict[str, object]]:
    return [event for event in map(unseal, (HERE / path).read_bytes().splitlines()) if event]


def shape(events: list[dict[str, object]]) -> dict[str, set[str]]:
    """{type of event: names of all its fields}."""
    found: dict[str, set[str]] = {}
    for event in events:
        found.setdefault(str(event["type"]), set()).update(event)
    return found


def test_every_format_up_to_todays_is_kept_in_all_its_moments() -> None:
    assert {int(path.parts[0].split("-")[0]) for path in KEPT} == set(range(1, VERSION + 1))
    assert {path.stem for path in KEPT if path.parts[0] == str(VERSION)} == set(kept_journals.MOMENTS)


@pytest.mark.parametrize("path", KEPT, ids=str)
def test_a_run_that_began_under_an_older_runner_ends_under_todays(path: Path) -> None:
    runs, code, state = GOES_ON[path.stem]
    with kept_journals.new_box() as box:
        box.sh("touch /srv/again /srv/ready /srv/go")
        box.put(f"{STATE}/journal", (HERE / path).read_bytes(), 0o600)
        # The head of that journal is the host's, whatever came after: it is read, not begun anew.
        status = json.loads(said_before(box))
        assert status["server"] == "box-1"
        assert (box.tick().returncode, ran(box), box.state()) == (code, runs, state)
        kept = events_of(path)
        assert box.journal()[: len(kept)] == kept
        stages = json.loads(said(box, "status --json")[1])["stages"]
        done = [stage["name"] for stage in stages if stage["state"] == "done"]
        assert done == ["first", "second", "third", "fourth"][: 2 if state == "failed" else 4]


def said_before(box: Box) -> str:
    """`status --json` of the bundle itself, which has not installed the admin's command yet."""
    return box.sh("sh /etc/initialrunner/bundle status --json").stdout


@pytest.mark.parametrize("moment", kept_journals.MOMENTS)
def test_todays_runner_writes_what_the_kept_journals_of_its_format_hold(moment: str) -> None:
    kept = shape(events_of(Path(str(VERSION)) / f"{moment}.journal"))
    with kept_journals.new_box() as box:
        kept_journals.bring_to(box, moment)
        today = shape(box.journal())
    missing = {kind: fields - today.get(kind, set()) for kind, fields in kept.items()}
    assert {kind: fields for kind, fields in missing.items() if fields} == {}, (
        "a field that readers may count on is gone: raise VERSION in runner/tick/journal.py and keep both formats"
    )
