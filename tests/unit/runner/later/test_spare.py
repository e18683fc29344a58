"""`verify`, beside `timeline` and `history` in test_show.py."""

from __future__ import annotations

from checkout import MakeMachine
from handmade import payload, stage
from verbs import Capture, report_of

from bootstrap.render.model import RenderedFile


def test_files_that_differ_from_the_plan_are_listed(machine: MakeMachine, capsys: Capture) -> None:
    files = [RenderedFile(f"/srv/{name}", name.encode()) for name in ("same", "bytes", "mode", "gone")]
    box = machine(payload([stage("one", "true")], files=files))
    box.tick()
    assert report_of(box, capsys, "verify")[0] == 0
    box.put("/srv/bytes", "other")
    box.path("/srv/mode").chmod(0o600)
    box.path("/srv/gone").unlink()
    code, text = report_of(box, capsys, "verify")
    lines = [line.split(None, 2) for line in text.splitlines()]
    assert code == 5 and [line[0] for line in lines] == ["same", "differs", "differs", "differs"]
    assert lines[2][2] == "mode 0600" and "No such file" in lines[3][2]
