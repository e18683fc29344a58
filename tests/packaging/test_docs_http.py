"""The commands of docs/reference/http.md, run with curl against a real collector, print what the page shows."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from collector_process import DEPLOY_TOKEN, TOKEN, CollectorProcess
from pages import Block, blocks
from tracked import TOP as ROOT

sys.path.insert(0, str(ROOT / "docs"))
import http_examples

from bootstrap.collector.app import ENDPOINTS

PAGE = ROOT / "docs/reference/http.md"


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    with CollectorProcess(tmp_path_factory.mktemp("collector")) as running:
        for content, headers in http_examples.seeds():
            running.send(content, headers)
        yield running


def pairs() -> list[tuple[Block, Block]]:
    """Every command with the answer below it. The first, of the errors, is asked last: its order does not matter."""
    listed = blocks(PAGE)
    found = [(block, below) for block, below in itertools.pairwise(listed) if "collector" in block.words]
    return [*found[1:], found[0]]


def comparable(text: str) -> Any:
    """JSON as values, with times set to 0; other text as lines."""
    try:
        return json.loads(http_examples.steady(json.dumps(json.loads(text))))
    except ValueError:
        return text.split()


def test_the_examples_of_the_page_are_true(collector: CollectorProcess, tmp_path: Path) -> None:
    assert shutil.which("curl"), "no curl: apt-get install curl"
    (tmp_path / "collector.secret").write_text((collector.folder / "secret").read_text())
    for block in blocks(PAGE):
        if block.saved_as:
            (tmp_path / block.saved_as).write_text(block.text)
    environment = {
        **os.environ,
        "BOOTSTRAP_COLLECTOR": collector.url,
        "BOOTSTRAP_TOKEN": TOKEN,
        "BOOTSTRAP_DEPLOY_TOKEN": DEPLOY_TOKEN,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    asked = pairs()
    assert len(asked) == len(http_examples.EXAMPLES)
    for block, answer in asked:
        ((command, _),) = block.commands
        done = subprocess.run(
            ["sh", "-c", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == block.exit_code, f"{command}\n{done.stdout}{done.stderr}"
        assert comparable(done.stdout) == comparable(answer.text), command


def test_every_route_has_a_section() -> None:
    headings = re.findall(r"^### (\w+ /\S*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings == [f"{route.method} {route.path}" for route in ENDPOINTS]
