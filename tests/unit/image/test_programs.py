"""bake and seal judge one image alike: what the one takes, the other does not refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from box import needs_root
from image_root import clean_root, link, put

from bootstrap.image import bake as baking
from bootstrap.image import programs
from bootstrap.image.bake import Settings
from bootstrap.image.root import Root
from bootstrap.image.seal import seal
from bootstrap.payload.refused import Refused

pytestmark = needs_root
FOLDERS = ("json", "ctypes", "email", "http")


def no_python(root: Path) -> None:
    for path in (root / "usr/bin").glob("python3*"):
        path.unlink()


def library(root: Path, folder: str, *, suffix: str = "py", but: str = "") -> None:
    for name in (*(f"{one}/__init__" for one in FOLDERS), "hashlib", "bz2"):
        if name.split("/")[0] != but:
            put(root, f"{folder}/{name}.{suffix}")


def of_its_own(root: Path) -> None:
    """Not in /usr at all, and linked to."""
    no_python(root)
    put(root, "/opt/python/bin/python3.12", "ELF", 0o755)
    link(root, "/usr/local/bin/python3", "/opt/python/bin/python3.12")
    library(root, "/opt/python/lib/python3.12")


def zipped(root: Path) -> None:
    no_python(root)
    put(root, "/usr/bin/python3.12", "ELF", 0o755)
    link(root, "/usr/bin/python3", "python3.12")
    put(root, "/usr/lib/python312.zip", "PK")


def compiled(root: Path) -> None:
    no_python(root)
    put(root, "/usr/bin/python3.12", "ELF", 0o755)
    link(root, "/usr/bin/python3", "python3.12")
    library(root, "/usr/lib64/python3.12", suffix="pyc")


def without(root: Path) -> None:
    no_python(root)
    put(root, "/usr/bin/python3.12", "ELF", 0o755)
    link(root, "/usr/bin/python3", "python3.12")
    library(root, "/usr/lib/python3.12", but="ctypes")


def no_program(root: Path) -> None:
    for path in (root / "usr/bin").glob("python3*"):
        if not path.is_symlink():
            path.chmod(0o644)


def too_old(root: Path) -> None:
    no_python(root)
    put(root, "/usr/bin/python3.5", "ELF", 0o755)
    link(root, "/usr/bin/python3", "python3.5")
    library(root, "/usr/lib/python3.5")


@pytest.mark.parametrize(
    ("make", "does"),
    [
        (lambda root: None, True), (of_its_own, True), (zipped, True), (compiled, True),
        (no_python, False), (without, False), (no_program, False), (too_old, False),
    ],
    ids=["as it is", "of its own", "zipped", "compiled", "none", "without ctypes", "no program", "too old"],
)  # fmt: skip
def test_of_a_python(tmp_path: Path, make: Callable[[Path], None], does: bool) -> None:
    root = clean_root(tmp_path / "root")
    (root / "usr/local/sbin/initialrunner").unlink()
    make(root)
    refused = ""
    try:
        baking.bake(root, Settings())
    except Refused as error:
        refused = " ".join(problem.code for problem in error.problems)
    assert refused == ("" if does else "image.python")
    assert ("need.python" in {one.code for one in seal(root).findings}) is not does


def test_of_several_libraries_the_newest_comes_first(tmp_path: Path) -> None:
    put(tmp_path, "/usr/bin/python3", "ELF", 0o755)
    for version in ("3.9", "3.11", "3.5"):
        library(tmp_path, f"/usr/lib/python{version}", but="bz2" if version == "3.11" else "")
    put(tmp_path, "/usr/lib/python3.13", "no folder")
    root = Root(tmp_path)
    (found,) = programs.pythons(root)
    root.close()
    assert [(one.version, one.missing, one.is_old, one.is_usable) for one in found.libraries] == [
        ((3, 11), ("bz2",), False, False),
        ((3, 9), (), False, True),
        ((3, 5), (), True, False),
    ]
