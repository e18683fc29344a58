"""What builders leave, planted as their products write it: how much of it `seal` finds, and what `--clean` mends."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from box import needs_root
from builder_leftovers import GROUPS, tools
from builder_leftovers.lures import lures
from builder_leftovers.measure import Measured, all_items, measure, named, share
from image_root import clean_root

from bootstrap.image.finding import Cleaning, Severity
from bootstrap.image.seal import seal

pytestmark = needs_root
TOP = Path(__file__).resolve().parents[2]
FIGURES = TOP / "docs/seal_coverage.json"
LEAST, LEAST_OF_A_GROUP, LEAST_OF_A_TOOL = 0.90, 0.80, 0.95


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """The list of the products, planted and cleaned."""
    return measure(clean_root(tmp_path_factory.mktemp("planted") / "root"), all_items().values())


@pytest.fixture(scope="module")
def tooled(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """The lists of the tools, planted and cleaned."""
    return measure(clean_root(tmp_path_factory.mktemp("tooled") / "root"), tools.items(all_items()))


def rows(planted: Measured) -> dict[str, list[int]]:
    """Group -> [planted, found, cleaned]."""
    return {group: planted.row(item.path for item in items) for group, items in GROUPS.items()}


def tool_rows(tooled: Measured) -> dict[str, list[int]]:
    """Tool -> [paths, found, cleaned, listed by our own rule]."""
    kept = tools.KEPT.keys() & tooled.found - tooled.mended
    return {tool: [*tooled.row(paths), len(kept & set(paths))] for tool, paths in tools.TOOLS.items()}


def test_the_list_is_long_and_names_its_sources() -> None:
    items = [item for group in GROUPS.values() for item in group]
    assert len(items) == len({item.path for item in items}) >= 440
    assert {len(group) >= 10 for group in GROUPS.values()} == {True}
    assert [item.path for item in items if not item.product or "/" not in item.source] == []


def test_most_of_what_builders_leave_is_found(planted: Measured) -> None:
    missed = [
        f"{group}: {item.product}: {item.path}"
        for group, items in GROUPS.items() for item in items if item.path not in planted.found
    ]  # fmt: skip
    # Shown with the failure, or with -rP: whoever adds a rule looks here first.
    sys.stdout.write("\n".join(["missed:", *missed]) + "\n")
    of_all = rows(planted)
    assert share(of_all, 1) >= LEAST
    assert {group: row for group, row in of_all.items() if row[1] < LEAST_OF_A_GROUP * row[0]} == {}


def test_what_other_tools_remove_is_found_and_cleaned(tooled: Measured) -> None:
    missed = {path: tools.names(path) for path in sorted(tooled.planted - tooled.found)}
    left = {path: tools.names(path) for path in sorted(tooled.found - tooled.mended) if path not in tools.KEPT}
    sys.stdout.write(json.dumps({"missed": missed, "found and not cleaned": left}, indent=1) + "\n")
    of_tools = tool_rows(tooled)
    assert {tool: row for tool, row in of_tools.items() if row[1] < LEAST_OF_A_TOOL * row[0]} == {}
    assert {tool: row for tool, row in of_tools.items() if row[2] + row[3] < LEAST_OF_A_TOOL * row[0]} == {}


def test_a_path_is_listed_only_for_a_reason_that_still_holds(tooled: Measured) -> None:
    """A row that is cleaned by now, or not found at all, must not be counted as a decision."""
    assert sorted(path for path in tools.KEPT if path not in tooled.found - tooled.mended) == []


def test_the_page_shows_what_is_measured(planted: Measured, tooled: Measured) -> None:
    figures = {"groups": rows(planted), "tools": tool_rows(tooled)}
    text = json.dumps(figures, indent=1) + "\n"
    if os.environ.get("GOLDEN") == "write":
        FIGURES.write_text(text, encoding="utf-8")
    assert FIGURES.read_text(encoding="utf-8") == text, "GOLDEN=write writes the figures; then: make docs"


@pytest.mark.parametrize("which", ["planted", "tooled"])
def test_cleaning_says_each_act_and_leaves_nothing_to_clean(which: str, request: pytest.FixtureRequest) -> None:
    measured: Measured = request.getfixturevalue(which)
    done = measured.cleaned
    assert done.failed == ()
    acts = [(act.code, act.path) for act in done.cleaned]
    assert len(acts) == len(set(acts)) > 60
    again = seal(measured.root, clean=True, access=True)
    assert (again.cleaned, again.failed) == ((), ())
    assert again.findings == done.findings
    # Warnings are printed and left as they are.
    assert {finding.clean for finding in again.of(Severity.ERROR)} == {Cleaning.LISTED}


@pytest.fixture
def lured(tmp_path: Path) -> Iterator[Path]:
    root = clean_root(tmp_path / "root")
    lures(root)
    yield root


def test_what_only_looks_like_a_leftover_is_not_found(lured: Path) -> None:
    assert [(one.code, one.path) for one in seal(lured).findings] == []


def test_a_finding_counts_for_its_path_and_for_all_below(tmp_path: Path) -> None:
    root = clean_root(tmp_path / "root")
    for path in ("/var/lib/apt/lists/mirror_InRelease", "/tmp/build/a/b"):
        (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (root / path[1:]).write_text("x")
    paths = ("/var/lib/apt/lists/mirror_InRelease", "/tmp/build/a/b", "/tmp/builder", "/var/lib/apt/listsx")
    assert named(seal(root), paths) == {"/var/lib/apt/lists/mirror_InRelease", "/tmp/build/a/b"}
