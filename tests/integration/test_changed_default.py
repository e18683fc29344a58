"""A default that is changed in the one line where it is said: a host does as the changed line says."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
import tracked
from box import Box, needs_root

from bootstrap.payload.model import InjectedFile

pytestmark = [pytest.mark.integration, needs_root]
SPEC = """\
version: 1
name: web
stages: [{name: slow, run: sleep 600}]
"""


def test_a_stage_is_killed_at_the_changed_default_timeout(tmp_path: Path) -> None:
    copy = tracked.copied(tmp_path / "copy")
    table = copy / "bootstrap/runner/defaults.py"
    text = table.read_text()
    assert text.count('"timeout_s": 900') == 1
    table.write_text(text.replace('"timeout_s": 900', '"timeout_s": 2'))
    (tmp_path / "web.yaml").write_text(SPEC)

    render = [sys.executable, "-m", "bootstrap", "render", "web.yaml", "--server", "web-1", "--target", "personality"]
    done = subprocess.run(
        render, cwd=tmp_path, env={"PYTHONPATH": str(copy)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    files = [
        InjectedFile(file["path"], base64.b64decode(file["contents"]))
        for file in json.loads((tmp_path / "build/web-1/personality.json").read_text())
    ]
    with Box(files, server="web-1") as box:
        assert box.tick(timeout_s=60).returncode == 5
        (end,) = box.events("stage.ended", stage="slow")
    assert (end["result"], end["cause"]) == ("failed", "timeout")
