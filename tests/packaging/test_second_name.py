"""`import initialrunner` is the library wherever a bootstrap.py of the user's own hides the name `bootstrap`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

SPEC = "version: 1\nname: web\nstages:\n  - {name: start, run: 'true'}\n"
# Lazy imports, and an error of the library, work after the import, too.
SCRIPT = """\
import initialrunner

web = initialrunner.load("web.yaml").plan("web-1").render()
assert web.user_data("gce").startswith("#!/bin/sh")
assert initialrunner.load("web.yaml").fleet(["a"]).write("out", ["tree"])["servers"][0]["server"] == "a"
try:
    initialrunner.wait()
except initialrunner.UsageError as error:
    assert error.message == "there is no server to wait for"
try:
    initialrunner.load("none.yaml")
except initialrunner.BootstrapError as error:
    print(type(error).__name__, error)
"""
ANSWER = "UsageError cannot read none.yaml: No such file or directory\n"
# Whoever imports one of these instead of the library stops at once.
THEIRS = "raise SystemExit('this is the bootstrap of the user')\n"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "web.yaml").write_text(SPEC)
    (tmp_path / "deploy.py").write_text(SCRIPT)
    return tmp_path


def run(python: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin"}
    return subprocess.run([python, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["bootstrap.py", "bootstrap/__init__.py", "bootstrap/errors.py"])
def test_it_works_beside_a_bootstrap_of_the_users_own(name: str, user_python: Path, here: Path) -> None:
    (here / name).parent.mkdir(exist_ok=True)
    (here / name).write_text(THEIRS)

    done = run(user_python, "deploy.py", cwd=here)
    assert (done.returncode, done.stdout, done.stderr) == (0, ANSWER, "")


def test_the_script_itself_may_be_called_bootstrap(user_python: Path, here: Path) -> None:
    (here / "deploy.py").rename(here / "bootstrap.py")

    done = run(user_python, "bootstrap.py", cwd=here)
    assert (done.returncode, done.stdout, done.stderr) == (0, ANSWER, "")


def test_the_command_runs_as_a_module_of_either_name(user_python: Path, here: Path) -> None:
    for name in ("bootstrap", "initialrunner"):
        assert run(user_python, "-m", name, "check", "web.yaml", cwd=here).stdout.startswith("web.yaml: ok")
    (here / "bootstrap.py").write_text(THEIRS)
    assert run(user_python, "-m", "initialrunner", "check", "web.yaml", cwd=here).stdout.startswith("web.yaml: ok")
    said = run(user_python, "-m", "initialrunner", "--help", cwd=here).stdout
    assert said.startswith("Usage: bootstrap [OPTIONS]")


def test_after_it_bootstrap_is_the_library_too(user_python: Path, here: Path) -> None:
    (here / "bootstrap.py").write_text(THEIRS)

    script = "import initialrunner, bootstrap, bootstrap.errors as e; print(e.SpecError is initialrunner.SpecError)"
    assert run(user_python, "-c", script, cwd=here).stdout == "True\n"
    script = "import bootstrap, initialrunner; print(bootstrap.load is initialrunner.load)"
    (here / "bootstrap.py").unlink()
    assert run(user_python, "-c", script, cwd=here).stdout == "True\n"


def test_a_bootstrap_that_was_imported_before_it_is_named(user_python: Path, here: Path) -> None:
    (here / "bootstrap.py").write_text("helper = 1\n")

    done = run(user_python, "-c", "import bootstrap, initialrunner", cwd=here)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: initialrunner needs the module name `bootstrap`, and {here}/bootstrap.py has been imported "
        "under it: give that file another name"
    )


def test_the_page_quotes_what_python_says_of_a_hidden_library(user_python: Path, here: Path, root: Path) -> None:
    (here / "bootstrap.py").write_text("helper = 1\n")
    page = (root / "docs/troubleshooting.md").read_text(encoding="utf-8")

    for script in ("import bootstrap; bootstrap.load", "import bootstrap.errors", "from bootstrap import load"):
        said = run(user_python, "-c", script, cwd=here).stderr.splitlines()[-1]
        assert said.split(": ", 1)[1].replace(str(here), "…") in page, said
