"""The wheel holds exactly the package and what lands on hosts, and works from where it is put."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

SHIPPED = ("templates", "files", "cron")
EXAMPLES = "examples/hello/"  # what `bootstrap new` writes


def version(root: Path) -> str:
    found = re.search(r'__version__ = "(.+)"', (root / "bootstrap/__init__.py").read_text(encoding="utf-8"))
    assert found
    return found[1]


def test_the_wheel_holds_exactly_these_files(wheel: Path, root: Path, tree: list[Path]) -> None:
    names = [str(path.relative_to(root)) for path in tree]
    expected = {name for name in names if name.startswith(("bootstrap/", "initialrunner/"))}
    shipped = (*(f"{folder}/" for folder in SHIPPED), EXAMPLES)
    expected |= {f"bootstrap/_data/{name}" for name in names if name.startswith(shipped)}
    info = f"initialrunner-{version(root)}.dist-info"
    expected |= {f"{info}/{name}" for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")}
    assert set(zipfile.ZipFile(wheel).namelist()) == expected


def test_the_wheel_says_what_it_is(wheel: Path, root: Path) -> None:
    text = zipfile.ZipFile(wheel).read(f"initialrunner-{version(root)}.dist-info/METADATA").decode()
    head = text.split("\n\n")[0]
    assert "Name: initialrunner\n" in head
    assert "License-Expression: Apache-2.0\n" in head
    assert "Requires-Python: >=3.11\n" in head
    assert wheel.name.endswith("-py3-none-any.whl")


def test_the_unpacked_wheel_runs_and_finds_its_files(wheel: Path, root: Path, tree: list[Path], tmp_path: Path) -> None:
    """Away from the checkout: `-P` and an own folder keep the source tree out of reach."""
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    shipped = [str(p.relative_to(root)) for p in tree if p.relative_to(root).parts[0] in SHIPPED]
    script = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "import bootstrap, bootstrap.resources as r\n"
        f"assert bootstrap.__file__.startswith({str(site)!r}), bootstrap.__file__\n"
        f"for name in {shipped!r}:\n"
        f"    assert str(r.path(name)).startswith({str(site)!r}), r.path(name)\n"
        "    assert r.path(name).read_bytes() is not None\n"
        "from bootstrap.cli.main import main\n"
        "main(['--version'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, f"bootstrap, version {version(root)}\n"), done.stderr


def test_the_installed_wheel_has_the_command(wheel: Path, root: Path, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-compile",
         "--disable-pip-version-check", "--root", str(tmp_path), "--prefix", "/usr", "--ignore-installed", str(wheel)],
        check=True,
        capture_output=True,
    )  # fmt: skip
    (command,) = tmp_path.glob("usr/**/bin/bootstrap")
    assert "bootstrap.cli.main" in command.read_text(encoding="utf-8")
