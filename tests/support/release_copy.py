"""Copies of this tree, in which `make deb` and `make zipapp` are run as by a maintainer, and what both promise."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import tracked
from tracked import TOP

COMMITTED = "2026-01-02T03:04:05+0000"
EPOCH = 1767323045
# The first commands of an ordinary user; {} is how the toolkit is called there.
FIRST_STEPS = """
alias bootstrap={}
bootstrap --version
bootstrap new hello
bootstrap check hello
bootstrap render hello --server hello-1 --target tree
bootstrap show build/hello-1/tree/etc/initialrunner/bundle
bootstrap render hello --server hello-1 --target nocloud >/dev/null && ls build/hello-1
bootstrap serve --help >/dev/null && bootstrap secret mine
"""
# Every compiled module of the tree that `bootstrap` came from.
IMPORTS = """
import importlib, pathlib, sys, bootstrap
base = pathlib.Path(bootstrap.__file__).parents[1]
found = sorted(base.rglob("*.so"))
for one in found:
    importlib.import_module(".".join(one.relative_to(base).with_name(one.name.split(".")[0]).parts))
import uvicorn, starlette, asyncpg, pycdlib, requests, initialrunner
assert initialrunner.load is bootstrap.load
print(len(found), "extensions")
"""


def copied(folder: Path) -> Path:
    """The tree as it stands, committed or not, as the one commit of a repository in folder."""
    tracked.copied(folder)
    who = {f"GIT_{role}_{key}": "x@y.z" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    when = {"GIT_AUTHOR_DATE": COMMITTED, "GIT_COMMITTER_DATE": COMMITTED}
    for argv in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "one"]):
        subprocess.run(["git", *argv], cwd=folder, env=os.environ | who | when, check=True)
    return folder


def make(copy: Path, target: str, umask: int = 0o022, **variables: str) -> Path:
    """Run `make deb` or `make zipapp` there, with the Python that the tests run in; the one file that it writes."""
    # A make may have started these tests, and must not pass its flags on to this one.
    other = {"SOURCE_DATE_EPOCH", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    environment = {name: value for name, value in os.environ.items() if name not in other} | variables
    done = subprocess.run(
        ["make", target, "--old-file=setup-release", f"BIN={Path(sys.executable).parent}"],
        cwd=copy, env=environment, umask=umask, capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    (package,) = [path for path in (copy / "build").iterdir() if path.suffix in (".deb", ".pyz")]
    assert done.stdout == f"{package}  {package.stat().st_size:,} bytes\n"
    return package


def of_another_builder(folder: Path, target: str) -> Path:
    """The same commit built elsewhere, by somebody with other habits, on another day of another zone."""
    work = folder / "temporary"
    work.mkdir(parents=True)
    zone = {"TZ": "Asia/Tokyo", "LC_ALL": "C", "TMPDIR": str(work), "PYTHONHASHSEED": "7"}
    return make(copied(folder / "another/and/deeper"), target, umask=0o077, **zone)


def machine_paths(copy: Path) -> list[bytes]:
    """Places of this machine that must not stand in what others get."""
    places = {str(copy), str(TOP), tempfile.gettempdir() + "/tmp", sys.prefix, str(Path.home() / ".")}
    return [place.encode() for place in sorted(places) if place.count("/") > 1 and not place.startswith("/usr")]


def mentions(folder: Path, places: list[bytes]) -> list[str]:
    """Files below folder that name one of the places, and files that only an installation on this machine makes."""
    lines = []
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.name in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json") or path.suffix == ".pyc":
            lines.append(name)
        elif path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            lines += [f"{name}: {place.decode()}" for place in places if place in data]
    return lines
