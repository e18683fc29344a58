"""`seal --clean` by a program that lies in the very root: it does not take away what it runs from, and says so.

A zipapp does take itself away, last. It is the one of release/pyz.py, but for the libraries beside the toolkit.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from box import needs_root
from image_root import clean_root, put
from planted.texts import CORE, KEY

import bootstrap
from bootstrap.image import running
from bootstrap.image.finding import Cleaning, Finding
from bootstrap.image.running import GOES_LAST, RUN_ELSEWHERE, Running

pytestmark = [pytest.mark.integration, needs_root]
PACKAGE = Path(bootstrap.__file__).parent
RELEASE = PACKAGE.parent / "release"
# Beside it as in a zipapp's folder; what is imported late must still be there.
LIBRARY = "late.py"
# What the process takes for its `/` is the root of the test, so that nothing else is at stake.
AS_THE_MACHINE = """
import os, sys, yaml, bootstrap.cli.main, bootstrap.cli.seal, bootstrap.image.seal
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


@pytest.mark.parametrize("where", ["/tmp/site", "/var/tmp/initialrunner-0/site", "/root/.cache/site"])
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
    assert (left["mend"], left["clean"]) == (RUN_ELSEWHERE, "listed only")
    assert (said["not_cleaned"], [one["path"] for one in said["cleaned"]]) == ([], ["/tmp/other"])


def test_told_file_by_file_none_of_its_libraries_goes(root: Path) -> None:
    site = installed(root, "/run/image")
    before = listed(site)
    put(root, "/run/lock/left", "x")
    code, said = seal(site, "-m", "bootstrap", "seal", str(root))
    assert code == 4
    assert listed(site) == before
    assert [one["path"] for one in said["cleaned"]] == ["/run/lock/left"]
    assert {one["mend"] for one in said["findings"]} == {RUN_ELSEWHERE}


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


@pytest.fixture
def zipapp(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One in the root's /tmp, where Packer puts what it uploads; its libraries are those that these tests run with."""
    monkeypatch.syspath_prepend(str(RELEASE))
    pyz: Any = importlib.import_module("pyz")
    package = [path for path in PACKAGE.rglob("*.py") if path.is_file()]
    site = pyz.packed({str(path.relative_to(PACKAGE.parent)): path.read_bytes() for path in package}, 0)
    yield put(root, "/tmp/bootstrap.pyz", pyz.whole(site, 17, 0), 0o755)
    for name in ("pyz", "staging"):
        del sys.modules[name]


def run_zipapp(root: Path, zipapp: Path, *options: str, **variables: str) -> tuple[int, dict[str, Any]]:
    unset = ("XDG_CACHE_HOME", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    environment |= {"HOME": str(root / "root"), **variables}
    argv = [sys.executable, zipapp, "seal", root, "--json", *options]
    done = subprocess.run(argv, env=environment, cwd="/", capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if not path.is_dir()]


def test_a_zipapp_takes_itself_out_last(root: Path, zipapp: Path) -> None:
    for path in ("/tmp/other", "/var/log/syslog", "/root/.cache/pip/x", "/var/crash/web.crash"):
        put(root, path, "x")
    put(root, "/srv/web/core.1", CORE)
    code, said = run_zipapp(root, zipapp, "--clean")
    assert (code, said["findings"], said["not_cleaned"]) == (0, [], [])
    assert files(root / "root/.cache") == files(root / "tmp") == []
    first = ["/var/log/syslog", "/var/crash/web.crash", "/tmp/other", "/srv/web/core.1"]
    assert [one["path"] for one in said["cleaned"]] == [*first, "/tmp/bootstrap.pyz", "/root/.cache"]


def test_a_zipapp_stays_while_there_is_more_for_it_to_do(root: Path, zipapp: Path) -> None:
    key = put(root, "/srv/web/deploy", KEY)
    left = put(root, "/tmp/other", "x")
    code, said = run_zipapp(root, zipapp, "--clean")
    places = ["/tmp/bootstrap.pyz", "/root/.cache", "/srv/web/deploy"]
    assert (code, [one["path"] for one in said["findings"]]) == (4, places)
    assert not left.exists()
    key.unlink()
    code, said = run_zipapp(root, zipapp, "--clean")
    assert (code, [one["path"] for one in said["cleaned"]]) == (0, places[:2])
    assert files(root / "root/.cache") == files(root / "tmp") == []


def test_a_zipapp_that_only_looks_is_a_finding(root: Path, zipapp: Path) -> None:
    code, said = run_zipapp(root, zipapp)
    assert code == 4
    assert {(one["path"], one["clean"], one["mend"]) for one in said["findings"]} == {
        ("/tmp/bootstrap.pyz", "removed", GOES_LAST),
        ("/root/.cache", "files below it removed", GOES_LAST),
    }
    assert zipapp.exists()
    assert files(root / "root/.cache")


def test_a_zipapp_that_is_told_file_by_file_goes_too(root: Path, zipapp: Path) -> None:
    code, said = run_zipapp(root, zipapp, "--clean", XDG_CACHE_HOME=str(root / "run/image"))
    assert (code, said["findings"], said["not_cleaned"]) == (0, [], [])
    assert files(root / "run") == []


def test_a_zipapp_that_is_accepted_by_allow_stays(root: Path, zipapp: Path) -> None:
    code, said = run_zipapp(root, zipapp, "--clean", "--allow", "/tmp/bootstrap.pyz", "--allow", "cache.home")
    assert (code, said["cleaned"]) == (0, [])
    assert zipapp.exists()
    assert files(root / "root/.cache")


def found(path: str, clean: Cleaning = Cleaning.REMOVE) -> Finding:
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
    assert own.spared(found("/srv")).fix == RUN_ELSEWHERE
    assert own.spared(found("/srv", Cleaning.LISTED)).fix == "as before"
    # What a zipapp has unpacked goes last; its Python does not.
    site = put(tmp_path, f"/tmp/pyz-{'5' * 24}/bootstrap/__init__.py").parent
    monkeypatch.setattr(running, "PACKAGE", site)
    assert Running(str(tmp_path), []).is_in("/tmp")
    monkeypatch.setitem(sys.modules, "initialrunner_made", SimpleNamespace(DIGEST="5" * 64))
    own = Running(str(tmp_path), [])
    assert own.spared(found("/tmp")) == Finding("x", "/tmp", "", "", GOES_LAST, Cleaning.REMOVE)
    assert own.goes_last("/srv/one.pyz") and not own.goes_last("/srv/two.pyz")
    assert own.spared(found("/opt/venv")).fix == RUN_ELSEWHERE
    # Another root holds nothing of it, even where the names are alike.
    assert not Running(str(tmp_path / "srv"), []).is_in("/opt/venv")
