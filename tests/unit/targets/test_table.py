"""A target is a row and a module: the table is complete, and nothing else in the package knows a target by its name."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import bootstrap
from bootstrap.errors import UsageError
from bootstrap.targets import table

PACKAGE = Path(bootstrap.__file__).parent
# These names are of other things: a file of a NoCloud volume, where a baked image looks for its bundle, a field of
# Nova's create call. A spec, and a hint of the runner, name targets, but both import nothing of the rest. A trial hands
# a payload over as the source of a baked runner takes it: on a volume, or as the files of a tree.
OTHERS = {
    "targets/seed.py": {"user-data"},
    "runner/baked/sources.py": {"user-data", "nocloud", "config-drive"},
    "runner/__main__.py": {"tree"},
    "image/cloud_keys.py": {"user-data", "nocloud", "config-drive"},
    "trial/handover.py": {"tree", "nocloud", "config-drive"},
    "deploy/drivers/openstack_payload.py": {"personality"},
    "spec/deploy_drivers.py": {"user-data", "personality", "config-drive"},
}
OPTION = re.compile(rf"--target ({'|'.join(table.NAMES)})\b")


def names_in(source: Path) -> Iterator[tuple[int, str]]:
    """The line and the text of each string that is a target's name, or tells the user to name it."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if node.value in table.NAMES:
                yield node.lineno, node.value
            yield from ((node.lineno, match[1]) for match in OPTION.finditer(node.value))


def test_no_module_but_the_table_has_the_name_of_a_target() -> None:
    places = []
    for source in sorted(PACKAGE.rglob("*.py")):
        module = str(source.relative_to(PACKAGE))
        if module != "targets/table.py":
            places += [f"{module}:{at}: {name}" for at, name in names_in(source) if name not in OTHERS.get(module, ())]
    assert places == []


def test_the_modules_that_are_let_off_still_need_it() -> None:
    assert {module: {name for _, name in names_in(PACKAGE / module)} for module in OTHERS} == OTHERS


@pytest.mark.parametrize("target", table.TARGETS, ids=table.NAMES)
def test_a_row_names_a_module_that_packs_and_writes(target: table.Target) -> None:
    code = target.code()
    assert callable(code.pack) and callable(code.output)
    assert target.about and target.file
    assert bool(target.label) == target.file.endswith(".iso")


def test_names_and_files_are_those_of_one_row_each() -> None:
    assert len(set(table.NAMES)) == len({target.file for target in table.TARGETS}) == len(table.TARGETS)


def test_another_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="no target 'nix'") as refused:
        table.find("nix")
    assert refused.value.hint == f"there are: {', '.join(table.NAMES)}"


def test_the_table_imports_no_target() -> None:
    code = "import sys, bootstrap.targets.table; print(*[m for m in sys.modules if m.startswith('bootstrap')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {
        "bootstrap", "bootstrap.errors", "bootstrap.targets", "bootstrap.targets.table"
    }  # fmt: skip
