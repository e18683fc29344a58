"""Verbs of the admin's command over a machine in a folder."""

from __future__ import annotations

import json
from typing import Any

import pytest
from checkout import Machine, MakeMachine
from handmade import payload, stage

Capture = pytest.CaptureFixture[str]
THREE = [stage("one", "echo words of one"), stage("two", "echo last words; exit 3"), stage("three", "true")]


def ended(machine: MakeMachine, *stages: Any, code: int, **plan: Any) -> Machine:
    """A machine whose first tick ends with this code."""
    box = machine(payload(stages, **plan))
    assert box.tick() == code
    return box


def report_of(box: Machine, capsys: Capture, *words: str) -> tuple[int, str]:
    """(exit code, what is printed) of one verb."""
    capsys.readouterr()
    code = box.verb(*words)
    printed = capsys.readouterr()
    return code, printed.out + printed.err


def status(box: Machine, capsys: Capture) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(report_of(box, capsys, "status", "--json")[1])
    return facts
