"""The packed runner only shrinks: it is over its budget, which `make size` says, and must not grow further."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from bootstrap.payload import gates, pack
from bootstrap.payload.bundle import unpack

# Bytes of text, hot and whole: with every feature, without `fetch`, and for what specs call (docs/explanation/size.md).
EVERY_CEILING, WITHOUT_FETCH_CEILING = (18_790, 34_700), (18_790, 32_400)
CEILINGS = {"hello": (13_490, 25_650), "web": (14_040, 26_170), "usual": (15_650, 28_440)}
HELLO_TREE_CEILING = (14_820, 27_030)
# DESIGN's budget of a usual carrier, gzipped, and the bytes that hello leaves free in Nova's files with all of its verbs.
CARRIER_CEILING, HELLO_NOVA_FLOOR = 4_500, 440


@pytest.fixture(scope="module")
def size(root: Path) -> ModuleType:
    """The benchmark, which has the specs."""
    spec = importlib.util.spec_from_file_location("size", root / "benchmarks/size.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def holds(sizes: tuple[int, int], ceiling: tuple[int, int]) -> bool:
    return sizes[0] <= ceiling[0] and sizes[1] <= ceiling[1]


def test_the_packed_runner_does_not_grow(size: ModuleType) -> None:
    assert holds(size.sizes(frozenset()), EVERY_CEILING)
    assert holds(size.sizes(frozenset({"fetch"})), WITHOUT_FETCH_CEILING)


@pytest.mark.parametrize("spec", sorted(CEILINGS))
def test_what_a_spec_calls_does_not_grow(size: ModuleType, spec: str) -> None:
    plan = unpack(size.render(spec).pack("user-data").payload.bundle).plan
    assert holds(size.sizes(gates.absent(plan)), CEILINGS[spec])


def test_what_hello_calls_with_files_of_its_own_does_not_grow(size: ModuleType) -> None:
    plan = unpack(size.render("hello").pack("tree").payload.bundle).plan
    assert holds(size.sizes(gates.absent(plan)), HELLO_TREE_CEILING)


def test_hello_has_all_verbs_and_room_in_novas_files(size: ModuleType) -> None:
    nova = size.in_nova(size.render("hello"))
    assert nova["form"] == "whole" and nova["free"] >= HELLO_NOVA_FLOOR
    cold = unpack(size.render("hello").pack("personality", "nova").payload.bundle).cold
    assert {"doctor", "timeline", "history", "verify", "preview"} <= set(pack.top_level_names(cold))


@pytest.mark.parametrize("spec", sorted(CEILINGS))
def test_a_carrier_leaves_ec2_most_of_its_room(size: ModuleType, spec: str) -> None:
    assert size.in_ec2(size.render(spec))["used"] <= CARRIER_CEILING


def test_the_usual_spec_is_of_the_size_that_it_says(root: Path) -> None:
    files = [path.stat().st_size for path in (root / "benchmarks/usual").iterdir() if path.name != "usual.yaml"]
    assert len(files) == 3 and all(750 <= size <= 930 for size in files)
