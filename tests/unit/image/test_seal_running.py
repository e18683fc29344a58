"""`seal --clean` by a program that lies in the very root: it does not take away what it runs from, and says so."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from box import needs_root
from image_root import clean_root, put

import bootstrap
from bootstrap.image import running
from bootstrap.image.finding import Finding, Mend
from bootstrap.image.running import MEND, Running

pytestmark = [pytest.mark.integration, needs_root]
PACKAGE = Path(bootstrap.__file__).parent
# Beside it as in a zipapp's folder; what is imported late must still be there.
LIBRARY = "late.py"
# What the process takes for its `/` is the root of the test, so that nothing else is at stake.
AS_THE_MACHINE = """
import os, sys, bootstrap.cli.main, bootstrap.cli.seal, bootstrap.image.seal
from bootstrap.image import running
root = sys.argv[1]
os.chroot(root)
os.chdir("/")
running.PACKAGE = running.Path(str(running.PACKAGE)[len(root):])
bootstrap.cli.main.main(["seal", "/", *sys.argv[2:]])
"""


def installed(root: Path, folder: str) -> Path:
    """A copy of the toolkit in the root, with a library beside it."""
    site = root / folder.lstrip("/")
    shutil.copytree(PACKAGE, site / "bootstrap", ignore=shutil.ignore_patterns("__pycache__", "_data"))
    put(site, LIBRARY, "x = 1\n")
    return site


def listed(site: Path) -> list[str]:
    return sorted(str(path.relative_to(site)) for path in site.rglob("*") if "__pycache__" not in path.parts)


def seal(site: Path, *argv: str) -> tuple[int, dict[str, Any]]:
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, *argv, "--clean", "--this-machine", "--json"],
        env=environment, cwd="/", capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return clean_root(tmp_path / "root")


@pytest.mark.parametrize("where", ["/tmp/site", "/var/tmp/initialrunner-0/pyz-1", "/root/.cache/initialrunner/pyz-1"])
@pytest.mark.parametrize("machine", [False, True], ids=["ROOT", "/"])
def test_the_folder_it_runs_from_stays_and_is_a_finding(root: Path, where: str, machine: bool) -> None:
    site = installed(root, where)
    before = listed(site)
    other = put(root, "/tmp/other", "x")
    if machine:
        (root / "proc").mkdir()
        subprocess.run(["mount", "-t", "proc", "proc", str(root / "proc")], check=True)
    try:
        argv = ["-c", AS_THE_MACHINE, str(root)] if machine else ["-m", "bootstrap", "seal", str(root)]
        code, said = seal(site, *argv)
    finally:
        if machine:
            subprocess.run(["umount", str(root / "proc")], check=True)
    assert listed(site) == before
    assert not other.exists()
    (left,) = said["findings"]
    assert code == 4
    assert (site / "bootstrap").is_relative_to(root / left["path"].lstrip("/"))
    assert (left["mend"], left["clean"]) == (MEND, "listed only")
    assert (said["not_cleaned"], [one["path"] for one in said["cleaned"]]) == ([], ["/tmp/other"])


def test_told_file_by_file_none_of_its_libraries_goes(root: Path) -> None:
    site = installed(root, "/run/image")
    before = listed(site)
    put(root, "/run/lock/left", "x")
    code, said = seal(site, "-m", "bootstrap", "seal", str(root))
    assert code == 4
    assert listed(site) == before
    assert [one["path"] for one in said["cleaned"]] == ["/run/lock/left"]
    assert {one["mend"] for one in said["findings"]} == {MEND}


def test_accepted_by_allow_it_stays_too(root: Path) -> None:
    site = installed(root, "/tmp/site")
    code, said = seal(site, "-m", "bootstrap", "seal", str(root), "--allow", "/tmp/site")
    assert (code, said["findings"], [one["path"] for one in said["allowed"]]) == (0, [], ["/tmp/site"])
    assert (site / "bootstrap" / "cli" / "main.py").exists()


def test_elsewhere_all_of_tmp_goes(root: Path) -> None:
    site = installed(root, "/tmp/site")
    code, said = seal(PACKAGE.parent, "-m", "bootstrap", "seal", str(root))
    assert (code, said["findings"]) == (0, [])
    assert not site.exists()


def found(path: str, clean: Mend = Mend.REMOVE) -> Finding:
    return Finding("x", path, "", "", "as before", clean)


def test_what_is_its_own_and_what_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = put(tmp_path, "/root/bootstrap/__init__.py").parent
    program = put(tmp_path, "/srv/one.pyz")
    venv = put(tmp_path, "/opt/venv/bin/python").parent.parent
    monkeypatch.setattr(running, "PACKAGE", package)
    monkeypatch.setattr(sys, "argv", [str(program)])
    monkeypatch.setattr(sys, "prefix", str(venv))
    own = Running(str(tmp_path), ["/root"])
    # A home is not the program's, though the package lies in it.
    assert not own.is_in("/root/.bash_history")
    assert own.is_in("/root/bootstrap/x")
    assert own.is_in("/root")
    assert own.is_in("/srv/one.pyz") and own.is_in("/srv")
    assert not own.is_in("/srv/one.pyz.bak.1")
    assert own.is_in("/opt/venv/lib/log")
    assert not own.is_in("/opt/venv2")
    assert own.spared(found("/srv")).mend == MEND
    assert own.spared(found("/srv", Mend.LISTED)).mend == "as before"
    # Another root holds nothing of it, even where the names are alike.
    assert not Running(str(tmp_path / "srv"), []).is_in("/opt/venv")
