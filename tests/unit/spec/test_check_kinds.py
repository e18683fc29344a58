"""The table of check kinds agrees with the keys of the spec, with the runner and with the reference page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bootstrap.runner.tick import checks
from bootstrap.spec.check_kinds import CHECK_KINDS, Check, Disk, Memory
from bootstrap.spec.types import RULES

PAGE = Path(__file__).resolve().parents[3] / "docs/reference/plan.md"


def test_each_key_of_a_check_has_its_place_in_the_table() -> None:
    places = {field.place for fields in CHECK_KINDS.values() for field in fields}
    maps = {"disk": Disk, "memory": Memory}
    keys = {(key,) for key in Check.model_fields if key not in maps}
    assert places == keys | {(name, key) for name, model in maps.items() for key in model.model_fields}


def test_each_rule_of_the_table_is_one() -> None:
    assert {field.rule for fields in CHECK_KINDS.values() for field in fields} - {None} <= set(RULES)


def test_each_kind_has_a_function_of_the_runner() -> None:
    assert {name for name in vars(checks) if name.startswith("look_")} == {f"look_{kind}" for kind in CHECK_KINDS}


@pytest.mark.parametrize("kind", CHECK_KINDS)
def test_a_check_that_fails_is_named_by_what_it_looks_at(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check = {field.key: 5 if field.key in ("free", "status") else f"the {field.key}\n" for field in CHECK_KINDS[kind]}
    monkeypatch.setattr(checks, f"look_{kind}", lambda *_: "no")
    check["kind"] = kind
    subject = CHECK_KINDS[kind][0].key
    assert checks.check_name(check) == (f"{kind} the {subject}" if subject != "free" else f"{kind} ")
    assert checks.check_fault(None, {}, check, None) == "no"


def test_each_kind_is_on_the_reference_page_with_its_keys() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## Health\n")[2]
    rows = [[re.findall(r"`(\w+)`", cell) for cell in line.split("|")[1:3]] for line in section.splitlines()]
    written = {kind: keys for row in rows if len(row) == 2 for kind in row[0] for keys in [row[1]]}
    assert written == {kind: [field.key for field in fields] for kind, fields in CHECK_KINDS.items()}
