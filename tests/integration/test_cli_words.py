"""No word of a host moves the cursor of who looks at its reports: every verb that prints them, every text of one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from collector_process import ROOT, CollectorProcess
from reports import DEPLOY, numbered

pytestmark = pytest.mark.integration
# A title, a colour, a screen cleared with a C1 control, a backspace, a line of its own, DEL, right-to-left, NUL.
EVIL = "\x1b]0;PWN\x07\x1b[31mred\x9b2J\b\r\nall is well\x7f\u202e\x00"
MISSING = [{"path": EVIL, "why": EVIL, "saw": EVIL}]
BEGUN: list[dict[str, Any]] = [
    {"type": "started", "stages": [EVIL, "b"], "host_keys": [EVIL], "addresses": [EVIL]},
    {"type": "fixed", "path": EVIL, "was": EVIL},
]
OUTPUTS = {"type": "stage.ended", "stage": "b", "result": "done", "outputs": {EVIL: EVIL}}
STORIES: dict[str, list[dict[str, Any]]] = {
    "stage": [
        *BEGUN,
        {"type": "stage.started", "stage": EVIL, "attempt": 2},
        {"type": "stage.ended", "stage": EVIL, "result": "failed", "final": True, "cause": EVIL, "tail": EVIL * 20},
        {"type": "state", "state": "failed", "final": True, "reason": EVIL, "cause": EVIL},
    ],
    "health": [
        *BEGUN,
        OUTPUTS,
        {"type": "health", "ok": False, "check": EVIL, "saw": EVIL},
        {"type": "state", "state": "failed", "final": True, "reason": EVIL, "cause": EVIL},
    ],
    "running": [*BEGUN, {"type": "stage.started", "stage": EVIL, "attempt": 2}],
    "files": [*BEGUN, {"type": "waiting", "missing": MISSING}, {"type": "state", "state": "waiting", "reason": EVIL}],
    "need": [*BEGUN, {"type": "waiting", "missing": MISSING, "for": EVIL}],
    "healthy": [*BEGUN, OUTPUTS, {"type": "state", "state": "healthy", "final": True}],
}
VERBS = [
    ["wait", "{name}", "--deploy-id", DEPLOY, "--timeout", "200ms"],
    ["wait", "{name}", "--deploy-id", DEPLOY, "--timeout", "200ms", "--json"],
    ["wait", "{name}", "--timeout", "200ms"],
    ["wait", "{group}", "--count", "2", "--deploy-id", DEPLOY, "--timeout", "200ms"],
    ["status"],
    ["status", "{name}"],
    ["status", "{group}"],
    ["status", "--json"],
    ["status", "{name}", "--json"],
]


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorProcess]:
    with CollectorProcess(tmp_path_factory.mktemp("collector")) as running:
        for name, story in STORIES.items():
            group = f"{name}-*"
            facts = {"revision": EVIL, "instance_id": EVIL, "boot_id": EVIL}
            running.report(numbered(*story), server=f"{name}-1", key_of=group, group=group, **facts)
        yield running


@pytest.mark.fault(147)
@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_no_control_character_reaches_the_terminal(collector: CollectorProcess, verb: list[str], name: str) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith("BOOTSTRAP_")} | {"PYTHONPATH": str(ROOT)}
    env |= {"BOOTSTRAP_COLLECTOR": collector.url, "BOOTSTRAP_TOKEN_FILE": str(collector.folder / "token")}
    argv = [word.format(name=f"{name}-1", group=f"{name}-*") for word in verb]
    done = subprocess.run([sys.executable, "-m", "bootstrap", *argv], env=env, capture_output=True, timeout=60)
    shown = (done.stdout + done.stderr).decode()
    assert done.returncode in (0, 5, 6) and f"{name}-1" in shown
    # Lines end where we end them; all else is to be seen.
    assert all(line.isprintable() for line in shown.split("\n")), shown
    assert "\nall is well" not in shown
    if "--json" in verb:
        # Who reads it as JSON gets what the host said.
        assert EVIL in texts(json.loads(done.stdout))


def texts(value: Any) -> list[str]:
    """Every text within a JSON value."""
    if isinstance(value, str):
        return [value]
    inner = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for one in inner for text in texts(one)]
