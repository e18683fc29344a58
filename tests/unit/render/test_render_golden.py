"""Golden cases: a folder with spec.yaml gives exactly what is in its expected/. `make golden` writes them again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bootstrap.plan.resolve import resolve
from bootstrap.render.render import render
from bootstrap.spec.load import load

CASES = sorted(path.parent for path in (Path(__file__).parents[2] / "golden").glob("*/spec.yaml"))


def outcome(case: Path) -> dict[str, str]:
    """{file name: text} of everything a case renders to."""
    plan = resolve(load(case / "spec.yaml"), server="web-1", deploy_id="20261120T120000-ab12cd")
    found = render(plan, secret=bytes(range(32)))
    files = [
        {
            "path": file.path,
            "content": file.content.decode(),
            "mode": f"{file.mode:04o}",
            "owner": ":".join(file.owner),
            "secret": file.secret,
            "keep": file.keep,
            "deliver": file.deliver,
            "fetch": file.fetch,
        }
        for file in found.files
    ]
    texts = {"plan.json": found.host_plan, "files.json": files}
    outcome = {name: json.dumps(value, indent=1, sort_keys=True) + "\n" for name, value in texts.items()}
    outcome["cron"] = found.cron
    if found.rc_local is not None:
        outcome["rc.local"] = found.rc_local
    return outcome


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_golden(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOLDEN_TOKEN", "golden-token-value")
    found, folder = outcome(case), case / "expected"
    if os.environ.get("GOLDEN") == "write":
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for name, text in found.items():
            (folder / name).write_text(text)
    assert {path.name: path.read_text() for path in folder.iterdir()} == found
