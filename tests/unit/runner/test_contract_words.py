"""The words of contract.py are those that the runner journals and the reference page explains: no more, no fewer."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.runner import contract
from bootstrap.runner.tick.history import StageFacts

ROOT = Path(__file__).parents[3]
EVENTS = (ROOT / "docs/reference/events.md").read_text(encoding="utf-8")
SOURCES = sorted(path for wing in ("tick", "later") for path in (ROOT / "bootstrap/runner" / wing).glob("*.py"))

STARTED = {"type": "stage.started", "stage": "one", "attempt": 1}
INTERRUPTED = {"type": "interrupted", "stage": "one"}


def ended(result: str, **more: object) -> dict[str, object]:
    return {"type": "stage.ended", "stage": "one", "result": result, **more}


def literals(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def causes(source: Path) -> Iterator[str]:
    """The literals that stand where a cause is journalled: cause=, "cause":, and the argument of Failed and Refused."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        values: list[ast.expr] = []
        if isinstance(node, ast.Call):
            values = [word.value for word in node.keywords if word.arg == "cause"]
            place = {"Failed": 1, "Refused": 0, "fail": 1}.get(ast.unparse(node.func).split(".")[-1])
            values += node.args[place : place + 1] if place is not None else []
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            values = [value for key, value in pairs if isinstance(key, ast.Constant) and key.value == "cause"]
        yield from (str(value.value) for value in values if isinstance(value, ast.Constant) and value.value is not None)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: f"{source.parent.name}/{source.stem}")
def test_every_cause_that_a_module_names_is_in_the_contract(source: Path) -> None:
    assert set(causes(source)) <= set(contract.CAUSES)


def test_every_cause_of_the_contract_is_one_that_the_runner_names() -> None:
    assert set(contract.CAUSES) <= {text for source in SOURCES for text in literals(source)}


def test_the_reference_lists_the_causes() -> None:
    match = re.search(r"^- `cause` is one of `([a-z ]+)`", EVENTS, re.MULTILINE)
    assert match and tuple(match[1].split()) == contract.CAUSES


def test_a_stage_has_the_states_of_the_contract_and_no_other() -> None:
    lives = [
        [], [STARTED], [STARTED, INTERRUPTED], [STARTED, ended("done")], [ended("skipped")], [STARTED, ended("again")],
        [STARTED, ended("failed")], [STARTED, ended("failed", final=True)],
    ]  # fmt: skip
    assert {StageFacts(events, "one").state for events in lives} == set(contract.STAGE_STATES)


def test_the_reference_lists_the_states_of_a_stage() -> None:
    match = re.search(r"^A stage is (.+)\.$", EVENTS, re.MULTILINE)
    assert match and tuple(re.findall("`([a-z]+)`", match[1])) == contract.STAGE_STATES
