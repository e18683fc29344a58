"""JSON as json has it: the same values, the same text, the same faults."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from bootstrap.runner import jsontext

VALUES = [
    None, True, 0, -7, 1.5, 1e300, "", 'a "quote", a \\ and a \n line', "ä€\U0001f600\ud800", [], {},
    {"b": [1, {"c": None}], "a": "x", "": 2.0}, [[[]], "\x00"],
]  # fmt: skip
FAULTS = ["", "{", '{"a": 1}}', "[1,]", "nul", '"a', '"\n"', "\x00", "[" * 100_000]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_values_come_and_go_as_with_json(value: Any) -> None:
    text = jsontext.dumps(value)
    assert text == json.dumps(value, sort_keys=True)
    for spaced in (text, f" {text}\n"):
        assert jsontext.loads(spaced) == value


def test_what_is_no_number_for_json_is_one_here_too() -> None:
    assert math.isnan(jsontext.loads(jsontext.dumps(math.nan)))
    assert jsontext.loads("[-Infinity]") == [-math.inf]


@pytest.mark.parametrize("text", FAULTS, ids=range(len(FAULTS)))
def test_a_fault_is_that_of_json(text: str) -> None:
    with pytest.raises((ValueError, RecursionError)) as theirs:
        json.loads(text)
    with pytest.raises(theirs.type) as ours:
        jsontext.loads(text)
    assert str(ours.value) == str(theirs.value)


def test_what_json_cannot_write_is_a_fault() -> None:
    with pytest.raises(TypeError, match="bytes is not JSON serializable"):
        jsontext.dumps([b"x"])


def test_without_the_c_half_json_itself_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("_json.make_scanner", None)
    monkeypatch.setattr("_json.make_encoder", None)
    assert jsontext.loads(jsontext.dumps(VALUES[11])) == VALUES[11]
