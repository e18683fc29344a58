"""The disk of a clone that was never heard of: a real ext4, made without mounting."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from declared import within

from bootstrap.runner.baked.program import TAKEN
from bootstrap.runner.host import STATE
from bootstrap.trial.machine import Start
from bootstrap.trial.remains import Remains, examine

JOURNAL = "".join(
    json.dumps(event) + "\n" for event in ({"type": "started"}, {"type": "state", "state": "running"})
) + '{"type": "sta'


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param({"/usr/bin/python3.11": "#"}, Remains(), id="nothing has run"),
        pytest.param({"/usr/bin/python": "#"}, Remains(has_python=False), id="no python3"),
        pytest.param(
            {"/usr/libexec/platform-python": "#", TAKEN: "{}", f"{STATE}/journal": JOURNAL},
            Remains(is_taken=True, state="running"), id="a runner at work",
        ),
    ],
)  # fmt: skip
def test_the_disk_says_how_far_the_runner_had_come(
    files: dict[str, str], expected: Remains, tmp_path: Path
) -> None:
    root, image = tmp_path / "root", tmp_path / "disk.img"
    for path, content in files.items():
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
    subprocess.run(
        ["mkfs.ext4", "-q", "-F", "-d", root, image, "8M"], check=True, timeout=60, env=within(), capture_output=True
    )
    assert examine(Start(image, "raw"), tmp_path) == expected


def test_a_disk_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "disk.img").write_bytes(bytes(1 << 20))
    assert examine(Start(tmp_path / "disk.img", "raw"), tmp_path) is None
