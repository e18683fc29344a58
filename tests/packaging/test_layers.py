"""The arrows between the folders hold: imports are read from the source, not run."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.cli.main import VERBS

PACKAGE = Path(__file__).resolve().parents[2] / "bootstrap"

# What each folder may import of this tree, besides itself. "x" stands for all of bootstrap/x, "runner.contract" for
# that one module. The data flows along spec, plan, render, payload, targets, and so do the imports.
BASE = {"durations", "errors", "resources", "runner.contract", "runner.defaults"}
TO_SPEC = BASE | {"spec"}
TO_PLAN = TO_SPEC | {"plan"}
TO_RENDER = TO_PLAN | {"render"}
TO_PAYLOAD = TO_RENDER | {"payload"}
TO_TARGETS = TO_PAYLOAD | {"targets"}
ALLOWED = {
    "errors": set(),
    "resources": {"errors"},
    "secret": {"errors"},
    "durations": set(),
    "state_dir": {"errors"},
    # The ground of the runner's three programs, then these. `later` may use all that a tick has, never the reverse:
    # a tick asks for a function by its name. What an image carries shares only what it needs of the ground.
    "runner": {"runner.bundle"},
    "runner.bundle": {"runner.form", "runner.later"},  # a checkout's way to bring `later`; never packed
    "runner.__main__": {"runner", "runner.bundle", "runner.tick"},  # starts the checkout's modules on a bundle's plan
    "runner.tick": {"runner", "runner.bundle"},
    "runner.later": {"runner", "runner.bundle", "runner.tick"},
    "runner.baked": {"runner.defaults", "runner.form", "runner.host", "runner.terminal"},
    "spec": BASE,
    "plan": TO_SPEC,
    "render": TO_PLAN,
    # Packing shares with the host what both must do alike: the trigger's text and the form of a packed part.
    "payload": TO_RENDER | {"runner"},
    # The paths of a payload's files on a host are the runner's.
    "targets": TO_PAYLOAD | {"runner.host"},
    "client": {"errors", "runner.contract"},
    # The collector tells a bundle that is uploaded by its form. The runner's text of this toolkit, which it serves, is
    # packed by `payload` and handed in by cli/serve.py.
    "collector": {"errors", "resources", "runner.contract", "runner.form", "secret"},
    "image": TO_TARGETS | {"runner"},
    "rehearse": TO_TARGETS | {"client", "secret", "runner.host", "runner.tick.run"},
    # The payload of a trial and its collector are those of a rehearsal; an image is judged by `image`.
    "trial": TO_TARGETS | {
        "client", "api", "rendering", "secret", "image", "state_dir", "runner.host", "runner.contract", "runner.baked",
    },
    # The journal of a deploy has the form of the host's.
    "deploy": TO_TARGETS | {"client", "api", "rendering", "secret", "runner.tick.journal"},
    "publish": TO_TARGETS | {"client"},
    "rendering": TO_TARGETS,
    "api": TO_TARGETS | {"rendering", "secret"},
    "ask": {"api", "client", "rendering", "durations", "errors", "state_dir", "targets.fleet", "targets.output"},
    # What the public names are.
    "__init__": {
        "api", "ask", "client.answers", "errors", "payload.sign", "publish.result", "render.model", "rendering",
        "secret", "targets.fleet", "targets.model", "targets.output", "targets.seed",
    },
    "cli": {
        *TO_TARGETS, "client", "collector", "image", "rehearse", "trial", "deploy", "publish", "api", "rendering",
        "secret", "state_dir", "__init__",
    },
    "__main__": {"cli"},
}  # fmt: skip

# Where each dependency may be named, at any depth: swapping one is then a change of one folder.
OUTSIDE = {
    "asyncpg": {"collector"},
    "boto3": {"publish"},
    "botocore": {"publish"},
    "click": {"cli"},
    "httptools": {"collector"},
    "jinja2": {"render", "collector"},
    "keystoneauth1": {"deploy"},
    "openstack": {"deploy"},
    "psutil": {"collector"},
    "pycdlib": {"targets"},
    "pydantic": {"spec"},
    "pydantic_core": {"spec"},
    "requests": {"client", "targets", "deploy", "publish", "rehearse"},
    "starlette": {"collector"},
    "uvicorn": {"collector", "cli"},
    "uvloop": {"collector"},
    "yaml": {"image", "spec", "targets", "publish"},
}

HEAVY = {
    "asyncio", "asyncpg", "boto3", "botocore", "email", "http", "httptools", "importlib.metadata", "jinja2",
    "keystoneauth1", "logging", "openstack", "psutil", "pycdlib", "pydantic", "pydantic_core", "requests", "sqlite3",
    "ssl", "starlette", "subprocess", "urllib.request", "uvicorn", "uvloop", "yaml",
}  # fmt: skip


def folder_of(module: str) -> str:
    """bootstrap.spec.load -> spec; bootstrap.runner.tick.run -> runner.tick; bootstrap -> __init__."""
    parts = module.split(".")
    deepest = [".".join(parts[1:end]) for end in (3, 2) if ".".join(parts[1:end]) in ALLOWED]
    return deepest[0] if deepest else parts[1] if len(parts) > 1 else "__init__"


def may_import(importer: str, name: str) -> bool:
    """Whether a folder may import a module of this tree. Leave for a folder is leave for what lies in it.

    Not so within the runner: there, leave for the ground is none for the programs on it.
    """
    room, exact = folder_of(name), name.removeprefix("bootstrap.")
    allowed = ALLOWED[importer] | {importer}
    top = room.split(".")[0]
    return room in allowed or exact in allowed or (top in allowed and top != importer.split(".")[0])


def module_of(source: Path) -> str:
    parts = source.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


def is_module(name: str) -> bool:
    there = PACKAGE.parent / name.replace(".", "/")
    return there.is_dir() or there.with_suffix(".py").is_file()


def imports(source: Path) -> Iterator[tuple[int, str]]:
    """(line, full module name) of every import in a file, wherever it stands."""
    tree = ast.parse(source.read_text(encoding="utf-8"), str(source))
    package = ".".join(source.relative_to(PACKAGE.parent).parent.parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                # `from bootstrap.spec import load` may name a module or something in one.
                full = f"{base}.{alias.name}"
                yield node.lineno, full if base.split(".")[0] == "bootstrap" and is_module(full) else base


def own(module: str) -> bool:
    return module == "bootstrap" or module.startswith("bootstrap.")


SOURCES = sorted(PACKAGE.rglob("*.py"))
IDS = [str(s.relative_to(PACKAGE)) for s in SOURCES]


def complaints(source: Path) -> list[str]:
    """What in one file goes against the tables above."""
    here = folder_of(module_of(source))
    if here not in ALLOWED:
        return [f"{source}: folder {here!r} has no line in ALLOWED"]
    wrong = []
    for line, name in imports(source):
        if own(name):
            if not may_import(here, name):
                wrong.append(f"{source}:{line}: {here} must not import {name}")
        else:
            top = name.split(".")[0]
            if top in OUTSIDE and here not in OUTSIDE[top]:
                wrong.append(f"{source}:{line}: {top} belongs to {sorted(OUTSIDE[top])}, not to {here}")
            elif top not in OUTSIDE and top not in sys.stdlib_module_names:
                wrong.append(f"{source}:{line}: {top} is neither the standard library nor a listed dependency")
    return wrong


@pytest.mark.parametrize("source", SOURCES, ids=IDS)
def test_imports_follow_the_data(source: Path) -> None:
    assert complaints(source) == []


@pytest.mark.parametrize(
    ("place", "text", "complaint"),
    [
        ("spec/x.py", "from bootstrap.plan import resolve", "spec must not import bootstrap.plan"),
        ("plan/x.py", "def f():\n    import bootstrap.render.render", "plan must not import bootstrap.render.render"),
        ("runner/x.py", "from bootstrap.errors import HostError", "runner must not import bootstrap.errors"),
        ("collector/x.py", "from bootstrap.runner import contract", None),
        ("client/x.py", "from bootstrap.runner import host", "client must not import bootstrap.runner.host"),
        ("payload/x.py", "from bootstrap.runner.tick import journal", None),
        ("runner/x.py", "from bootstrap.runner.tick import journal", "runner must not import"),
        ("runner/tick/x.py", "from bootstrap.runner import host", None),
        ("runner/tick/x.py", "from bootstrap.runner.later import show", "runner.tick must not import"),
        ("runner/later/x.py", "from bootstrap.runner.tick.journal import Journal", None),
        ("runner/baked/x.py", "from bootstrap.runner.tick import journal", "runner.baked must not import"),
        ("runner/baked/x.py", "from bootstrap.runner import contract", "runner.baked must not import"),
        ("runner/baked/x.py", "from bootstrap.runner import host", None),
        ("runner/baked/x.py", "from bootstrap.runner.form import WHOLE", None),
        ("payload/x.py", "from bootstrap.runner import form", None),
        ("render/x.py", "from ..payload import model", "render must not import bootstrap.payload.model"),
        ("render/x.py", "from . import model", None),
        ("errors.py", "import bootstrap", "errors must not import bootstrap"),
        ("plan/x.py", "import pydantic", "pydantic belongs to ['spec'], not to plan"),
        ("spec/x.py", "import numpy", "numpy is neither the standard library nor a listed dependency"),
        ("attic/x.py", "", "folder 'attic' has no line in ALLOWED"),
    ],
)
def test_a_wrong_import_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, text: str, complaint: str | None
) -> None:
    package = tmp_path / "bootstrap"
    for name in (
        "runner/contract.py", "runner/form.py", "runner/host.py", "runner/tick/journal.py", "runner/later/show.py",
        "payload/model.py", "render/model.py", "plan/resolve.py",
    ):  # fmt: skip
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).touch()
    source = package / place
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(text)
    monkeypatch.setitem(globals(), "PACKAGE", package)
    found = complaints(source)
    assert len(found) == (complaint is not None)
    if complaint is not None:
        assert complaint in found[0]


def test_the_tables_name_nothing_that_is_gone() -> None:
    declared = re.findall(r'"([A-Za-z0-9_-]+)>=', (PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    modules = {"pyyaml": "yaml", "openstacksdk": "openstack"}
    names = {modules.get(name, name.replace("-", "_")) for name in declared} | {"pydantic_core", "botocore"}
    assert set(OUTSIDE) <= names


def loaded_by(*arguments: str) -> set[str]:
    """Names of all modules that `python -m bootstrap ARGUMENTS` imports."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "bootstrap", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=PACKAGE.parent,
    )
    lines = done.stderr.splitlines()
    timed = [line for line in lines if line.startswith("import time:")]
    assert done.returncode == 0, "\n".join(line for line in lines if line not in timed)
    return {line.split("|")[-1].strip() for line in timed}


def test_check_without_a_key_does_not_import_signing() -> None:
    loaded = loaded_by("check", "examples/hello/hello.yaml", "--provider", "nova")
    assert "bootstrap.targets.layout" in loaded
    assert loaded & {"bootstrap.payload.sign", "bootstrap.runner.baked.signed"} == set()


def test_version_imports_nothing_heavy() -> None:
    loaded = loaded_by("--version")
    assert "click" in loaded
    assert loaded & HEAVY == set()
    # Of ours, no more than the command itself: no verb, no spec, no collector.
    assert {m for m in loaded if own(m)} == {"bootstrap", "bootstrap.errors", "bootstrap.cli", "bootstrap.cli.main"}


@pytest.mark.parametrize(
    ("name", "modules"), [("bootstrap", {"bootstrap"}), ("initialrunner", {"initialrunner", "bootstrap"})]
)
def test_the_library_imports_nothing_before_it_is_used(name: str, modules: set[str]) -> None:
    script = f"import sys, {name}; print(*sys.modules)"
    loaded = set(subprocess.check_output([sys.executable, "-c", script], cwd=PACKAGE.parent, text=True).split())
    assert loaded & (HEAVY | set(OUTSIDE)) == set()
    assert {module for module in loaded if module.split(".")[0] in ("bootstrap", "initialrunner")} == modules


def test_the_second_name_is_nothing_but_a_name() -> None:
    sources = sorted((PACKAGE.parent / "initialrunner").rglob("*.py"))
    assert [source.name for source in sources] == ["__init__.py", "__main__.py"]
    named = {name for source in sources for _, name in imports(source)}
    assert {name for name in named if own(name)} == {"bootstrap", "bootstrap.cli.main"}
    assert {name.split(".")[0] for name in named if not own(name)} <= sys.stdlib_module_names


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_imports_nothing_heavy(verb: str) -> None:
    loaded = loaded_by(verb, "--help")
    # click itself brings some of the standard library along; what counts are the dependencies and our own folders.
    assert loaded & set(OUTSIDE) - {"click"} == set()
    light = {"__init__", "__main__", "cli", "durations", "errors", "resources", "runner", "state_dir"}
    # The table of targets is for help: it imports none of them.
    table = {"bootstrap.targets", "bootstrap.targets.table"}
    assert {folder_of(m) for m in (loaded - table) if own(m)} <= light
