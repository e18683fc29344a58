"""Files over a machine in a folder: those that come late, and how each is put in place."""

from __future__ import annotations

import hashlib
import os
from typing import Any

import pytest
from checkout import Machine, MakeMachine
from handmade import payload, stage

from bootstrap.render.model import RenderedFile
from bootstrap.runner.tick.files import Waiting, place


def waits(machine: MakeMachine, **entry: Any) -> tuple[Machine, Waiting]:
    """A machine that waits for /srv/late."""
    box = machine(payload([stage("one", "true")], wait_for=[{"path": "/srv/late", **entry}]))
    return box, Waiting(box.host, box.plan)


def reasons(waiting: Waiting) -> list[str]:
    return [missing["why"] for missing in waiting.missing()]


def test_a_file_by_size_must_rest(machine: MakeMachine) -> None:
    box, waiting = waits(machine, min_size=4, settle_s=5)
    assert reasons(waiting) == ["absent"]
    for content, why in [("", "empty"), ("123", "short"), ("1234", "unsettled")]:
        box.put("/srv/late", content)
        assert reasons(waiting) == [why]
    box.host.clock += 4
    assert reasons(waiting) == ["unsettled"]
    box.put("/srv/late", "12345")
    box.host.clock += 2
    assert reasons(waiting) == ["unsettled"]
    box.host.clock += 5
    assert reasons(waiting) == []


def test_a_file_by_digest_is_whole_or_another(machine: MakeMachine) -> None:
    box, waiting = waits(machine, sha256=hashlib.sha256(b"late").hexdigest(), size=4)
    for content, why in [("la", ["short"]), ("tale", ["differs"]), ("late", [])]:
        box.put("/srv/late", content)
        assert reasons(waiting) == why


def test_a_file_that_others_may_write_rests_before_it_counts(machine: MakeMachine) -> None:
    box, waiting = waits(machine, sha256=hashlib.sha256(b"late").hexdigest(), size=4)
    box.put("/srv/late", "late", 0o666)
    assert reasons(waiting) == ["unsettled"]
    box.host.clock += 2
    assert reasons(waiting) == []


def test_a_link_or_a_folder_is_no_file(machine: MakeMachine) -> None:
    box, waiting = waits(machine)
    box.path("/srv/late").mkdir()
    assert reasons(waiting) == ["differs"]


def test_a_look_before_the_sleep_sees_what_has_come(machine: MakeMachine) -> None:
    box, waiting = waits(machine, min_size=1)
    missing = waiting.missing()
    box.put("/srv/late", "late")
    waiting.watch(missing, 60)  # else this would take a minute
    assert reasons(waiting) == []


def test_files_get_their_mode_whatever_was_there(machine: MakeMachine) -> None:
    files = [RenderedFile("/srv/a", b"a", 0o750), RenderedFile("/srv/b", b"b", deliver="inject")]
    box = machine(payload([stage("one", "true")], files=files, wait_for=[{"path": "/srv/c", "mode": 0o640}]))
    box.put("/srv/a", "old", 0o777)
    box.put("/srv/c", "c", 0o600)
    run = box.run()
    place(box.host, box.plan, run.journal)
    assert (box.mode("/srv/a"), box.path("/srv/a").read_text()) == (0o750, "a")
    assert box.mode("/srv/c") == 0o640
    changes = {event["path"]: (event["was"]["mode"], event["now"]["mode"]) for event in box.find("fixed")}
    assert changes["/srv/a"] == ("0777", "0750") and changes["/srv/c"] == ("0600", "0640")


def test_a_file_that_changed_after_the_look_is_not_placed(machine: MakeMachine) -> None:
    box = machine(payload([stage("one", "true")], files=[RenderedFile("/srv/b", b"b", deliver="inject")]))
    run = box.run()
    box.put("/srv/b", "c")
    with pytest.raises(OSError, match="changed"):
        place(box.host, box.plan, run.journal)


def test_a_hard_link_keeps_its_owner(machine: MakeMachine) -> None:
    box = machine(payload([stage("one", "true")], wait_for=[{"path": "/srv/c", "mode": 0o640}]))
    box.put("/srv/c", "c", 0o600)
    os.link(box.path("/srv/c"), box.path("/srv/d"))
    with pytest.raises(PermissionError, match="hard link"):
        place(box.host, box.plan, box.run().journal)


def test_systemd_s_units_are_put_in_place_and_started(machine: MakeMachine) -> None:
    box = machine(payload([stage("one", "exit 75")], units=True))
    box.everywhere("units_wanted", lambda plan: True)
    unit = next(path for path in box.plan["units"] if path.endswith("timer"))
    box.put(unit, "another text")
    assert box.tick() == 75
    assert box.path(unit).read_text() == box.plan["units"][unit]
    assert "systemctl start initialrunner.timer" in box.host.started


def test_a_bundle_that_others_can_read_is_closed(machine: MakeMachine) -> None:
    box = machine(payload([stage("one", "exit 75")]))
    box.path("/etc/initialrunner/bundle").chmod(0o644)
    box.tick()
    assert box.mode("/etc/initialrunner/bundle") == 0o600
