"""Makes the tree that the Debian package and the zipapp carry: the toolkit and its locked dependencies side by side.

    tree = staging.stage(folder)     # folder/bootstrap, folder/click, folder/pydantic_core, ...

Plain pip installs requirements-release.lock, every file checked against its hashes, nothing built from source. What pip
writes about this machine and this day is left out, and every file gets the time of the last commit: the same commit and
the same interpreter give the same tree, byte for byte.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
LOCK = TOP / "requirements-release.lock"
BUILD = TOP / "build"
PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet", "--no-input")
# Commands with the builder's interpreter in their first line, manual pages of those commands.
NOT_OURS = ("bin", "share")
# Files in which pip notes where an installation came from, when, and the digests of the commands above.
NOTES = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
# Names that came before manylinux_X_Y, and the minor version of glibc 2 that each stands for. Source: PEP 600.
OLD_TAGS = {"manylinux1": 5, "manylinux2010": 12, "manylinux2014": 17}


class CannotBuild(Exception):
    """No package can be built; the message says what to do."""


@dataclass(frozen=True)
class Tree:
    """A staged tree. glibc: the minor version of glibc 2 that its extensions need; epoch: seconds since 1970."""

    folder: Path
    version: str
    glibc: int
    epoch: int


def python_version() -> tuple[int, int]:
    """The interpreter that builds is the one the result is for: extensions fit one minor version only."""
    return sys.version_info[0], sys.version_info[1]


def machine() -> str:
    """x86_64, aarch64. Raises CannotBuild where Python packages have no wheels for glibc."""
    match = re.fullmatch(r"(\w+)-linux-gnu", sysconfig.get_config_var("MULTIARCH") or "")
    if not match:
        raise CannotBuild("only Linux with glibc: build it there, or install with pip")
    return match[1]


def epoch() -> int:
    """SOURCE_DATE_EPOCH, else the time of the last commit. Raises CannotBuild when there is neither."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH") or _git("log", "-1", "--format=%ct")
    if not seconds or not seconds.isdecimal():
        raise CannotBuild(
            "this is no git checkout: set SOURCE_DATE_EPOCH to the date of the source, in seconds since 1970"
        )
    return int(seconds)


def version() -> str:
    """`bootstrap.__version__`, the one place where the version stands."""
    match = re.search(r'^__version__ = "(.+)"$', (TOP / "bootstrap/__init__.py").read_text(encoding="utf-8"), re.M)
    assert match
    return match[1]


def stage(folder: Path) -> Tree:
    """Fill folder, which must not exist. Raises CannotBuild, or CalledProcessError when pip or the backend fails."""
    machine()
    when = epoch()
    if shutil.which("strip") is None:
        raise CannotBuild("strip is missing: apt-get install binutils")
    with tempfile.TemporaryDirectory() as work:
        wheel = _wheel(Path(work), when)
        _install(folder)
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)
    _leave_out(folder)
    # Debug symbols are more than half of the extensions' size.
    objects = sorted(path for path in folder.rglob("*.so*") if path.is_file())
    subprocess.run(["strip", "--strip-unneeded", *objects], check=True)
    settle(folder, when)
    return Tree(folder, version(), _glibc(folder), when)


def settle(folder: Path, when: int) -> None:
    """Give everything below folder plain modes and one time, whatever umask and clock the builder has."""
    for path in [folder, *folder.rglob("*")]:
        if path.is_symlink():
            os.utime(path, (when, when), follow_symlinks=False)
            continue
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (when, when))


def environment() -> dict[str, str]:
    """The caller's, without what would lead pip or Python to another tree."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}


def _wheel(out: Path, when: int) -> Path:
    # The backend is one of the locked development tools: nothing is fetched.
    argv = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    settings = {**environment(), "SOURCE_DATE_EPOCH": str(when)}
    subprocess.run(argv, cwd=TOP, env=settings, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return next(out.glob("*.whl"))


def _install(folder: Path) -> None:
    locked = ("--require-hashes", "--only-binary", ":all:", "-r", str(LOCK))
    argv = [sys.executable, *PIP, "install", "--no-compile", "--target", str(folder), *locked]
    subprocess.run(argv, env=environment(), check=True)


def _leave_out(folder: Path) -> None:
    for name in NOT_OURS:
        shutil.rmtree(folder / name, ignore_errors=True)
    # The notes differ from builder to builder, and the result must not.
    for name in NOTES:
        for path in folder.glob(f"*.dist-info/{name}"):
            path.unlink()


def _glibc(folder: Path) -> int:
    """The highest version that any wheel needs; a wheel needs the lowest one that its tags allow."""
    # Every wheel of pip's is for 2.17 or newer, also those whose tags name no version.
    needed = [17]
    for path in folder.glob("*.dist-info/WHEEL"):
        text = path.read_text(encoding="utf-8")
        allowed = [int(minor) for minor in re.findall(r"manylinux_2_(\d+)_", text)]
        allowed += [OLD_TAGS[old] for old in re.findall(r"(manylinux\d+)_", text)]
        needed += [min(allowed)] if allowed else []
    return max(needed)


def _git(*argv: str) -> str:
    try:
        done = subprocess.run(["git", *argv], cwd=TOP, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()
