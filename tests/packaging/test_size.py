"""The packed runner only shrinks: it is over its budget, which `make size` says, and must not grow further."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from bootstrap.payload import gates, pack
from bootstrap.payload.bundle import unpack

# Bytes of text, hot and whole: with every feature, without `fetch`, and for what specs call (docs/explanation/size.md).
EVERY_CEILING, WITHOUT_FETCH_CEILING = (19_910, 35_750), (19_880, 33_490)
CEILINGS = {"hello": (14_710, 26_850), "web": (15_250, 27_360), "usual": (16_800, 29_670)}
HELLO_TREE_CEILING = (16_020, 28_220)
# The budget of a usual carrier, gzipped; and the bytes that hello leaves free in Nova's files, with `doctor`.
CARRIER_CEILING, HELLO_NOVA_FLOOR = 4_500, 20


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


def test_hello_has_doctor_in_novas_files(size: ModuleType) -> None:
    nova = size.in_nova(size.render("hello"))
    assert nova["files"] <= size.PIECES and nova["free"] >= HELLO_NOVA_FLOOR
    cold = unpack(size.render("hello").pack("personality", "nova").payload.bundle).cold
    assert "trigger_faults" in pack.top_level_names(cold)


@pytest.mark.parametrize("spec", sorted(CEILINGS))
def test_a_carrier_leaves_ec2_most_of_its_room(size: ModuleType, spec: str) -> None:
    assert size.in_ec2(size.render(spec))["used"] <= CARRIER_CEILING


def test_the_usual_spec_is_of_the_size_that_it_says(root: Path) -> None:
    files = [path.stat().st_size for path in (root / "benchmarks/usual").iterdir() if path.name != "usual.yaml"]
    assert len(files) == 3 and all(750 <= size <= 930 for size in files)


def test_no_tick_loads_a_module_that_is_slow_to_load() -> None:
    heads = [text.split("\f")[0] for text in pack.sources()]
    imports = {line for head in heads for line in head.splitlines() if line.startswith("import")}
    # Built in or of C, but for `os` and `stat`, which Python's start may have loaded, and `io`, which it has.
    light = ["binascii", "errno", "fcntl", "grp", "io", "os", "pwd", "select", "stat", "sys", "time", "zlib"]
    assert imports <= {f"import {name}" for name in light} | {"import _signal as signal"}
