"""What runs on hosts reads and compiles on every Python from the floor up, with nothing but its standard library."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.image import baked
from bootstrap.rehearse import units
from bootstrap.runner.contract import PYTHON_FLOOR

RUNNER = Path(__file__).resolve().parents[2] / "bootstrap" / "runner"
SOURCES = sorted(RUNNER.rglob("*.py"))
IDS = [s.name for s in SOURCES]

# Top-level modules and submodules that the standard library gained after the floor. The real interpreters below find
# more; this much is known even where only one Python is installed.
NEWER = {"_contextvars", "contextvars", "dataclasses", "graphlib", "importlib.metadata", "importlib.resources",
         "tomllib", "zoneinfo"}  # fmt: skip

# Runs in the interpreter under test: compiles every file, then looks up every import. Python 2 syntax would do, too.
PROBE = """
import importlib, json, sys, warnings
warnings.simplefilter("error")
sources, imported = json.load(sys.stdin)
wrong = []
for path, text in sources:
    try:
        compile(text, path, "exec")
    except Exception as error:
        wrong.append("%s: %s" % (path, error))
for path, module, name in imported:
    try:
        found = importlib.import_module(module)
        if name and not hasattr(found, name):
            importlib.import_module(module + "." + name)
    except Exception as error:
        wrong.append("%s: %s" % (path, error))
json.dump([sys.version_info[:2], wrong], sys.stdout)
"""


def interpreters() -> Iterator[Path]:
    """Every Python of the floor or newer on this machine: pyenv's, the distribution's, and the one running this."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for folder in sorted(versions.glob("3.*")):
        number = tuple(int(part) for part in folder.name.split(".")[:2] if part.isdigit())
        if number >= PYTHON_FLOOR and (folder / "bin" / "python").exists():
            yield folder / "bin" / "python"
    for fixed in ("/usr/bin/python3", "/usr/libexec/platform-python", sys.executable):
        if Path(fixed).exists():
            yield Path(fixed)


def imported_names(source: Path) -> Iterator[tuple[str, str, str]]:
    """(place, module, name or "") of what a file imports from the standard library."""
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((f"{source.name}:{node.lineno}", alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.module.startswith("bootstrap"):
            yield from ((f"{source.name}:{node.lineno}", node.module, alias.name) for alias in node.names)


def test_there_is_something_to_test() -> None:
    assert RUNNER / "contract.py" in SOURCES


@pytest.mark.parametrize("source", SOURCES, ids=IDS)
def test_syntax_is_that_of_the_floor(source: Path) -> None:
    ast.parse(source.read_text(encoding="utf-8"), source.name, feature_version=PYTHON_FLOOR)


@pytest.mark.parametrize("source", SOURCES, ids=IDS)
def test_imports_are_the_standard_library_of_the_floor(source: Path) -> None:
    for place, module, name in imported_names(source):
        assert module != "__future__", f"{place}: `annotations` came after the floor, and the rest is not needed"
        assert module.split(".")[0] in sys.stdlib_module_names, f"{place}: {module} is not the standard library"
        assert {module, module.split(".")[0], f"{module}.{name}"}.isdisjoint(NEWER), f"{place}: {module} came later"


@pytest.mark.parametrize("python", list(dict.fromkeys(interpreters())), ids=str)
def test_every_interpreter_here_compiles_it(python: Path) -> None:
    given = json.dumps(
        [
            [(s.name, s.read_text(encoding="utf-8")) for s in SOURCES],
            [found for s in SOURCES for found in imported_names(s)],
        ]
    )
    done = subprocess.run([python, "-I", "-S", "-c", PROBE], input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    version, wrong = json.loads(done.stdout)
    assert tuple(version) >= PYTHON_FLOOR
    assert wrong == []


@pytest.mark.parametrize("python", list(dict.fromkeys(interpreters())), ids=str)
def test_the_baked_runner_starts_on_every_interpreter_here(python: Path, tmp_path: Path) -> None:
    (tmp_path / "baked.py").write_text(baked.text())
    done = subprocess.run([python, "-I", "-S", tmp_path / "baked.py", "help"], capture_output=True, text=True)
    assert (done.returncode, done.stdout[:6], done.stderr) == (0, "usage:", "")


@pytest.mark.parametrize("python", list(dict.fromkeys(interpreters())), ids=str)
def test_the_stand_in_for_systemd_starts_on_every_interpreter_from_3_9_on(python: Path, tmp_path: Path) -> None:
    (tmp_path / "usr/lib/systemd/system").mkdir(parents=True)
    (tmp_path / "usr/bin").mkdir()
    assert units.put_in(str(tmp_path))
    program = (tmp_path / "usr/bin/systemctl").read_text()
    for name, here in (("/usr/bin/python3", str(python)), ("/usr/lib/rehearsal", f"{tmp_path}/usr/lib/rehearsal")):
        program = program.replace(name, here)
    (tmp_path / "usr/bin/systemctl").write_text(program)
    for words, expected in ((["--version"], "systemd 252 (stand-in of a rehearsal)\n"), (["cat", "none"], "")):
        done = subprocess.run([tmp_path / "usr/bin/systemctl", *words], capture_output=True, text=True, check=False)
        version = re.search(r"\d+\.(\d+)", subprocess.check_output([python, "--version"], text=True))
        if version and int(version[1]) < 9:
            assert (done.returncode, done.stderr) == (1, "systemctl (stand-in): it needs Python 3.9\n")
        else:
            assert (done.stdout, "Traceback" in done.stderr) == (expected, False), done.stderr
