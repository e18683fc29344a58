"""The zipapp: one file that runs in a fresh bookworm, says plainly where it does not fit, and unpacks itself safely."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fresh_root import USER, FreshRoot, needs_fresh_root
from release_copy import FIRST_STEPS, IMPORTS, copied, machine_paths, make, mentions, of_another_builder

import bootstrap

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), needs_fresh_root]
fits_bookworm = pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="bookworm has Python 3.11")
FOUND = sorted(Path.home().glob(".pyenv/versions/*/bin/python"), key=lambda path: path.parts[-3])
OTHERS = [path for path in FOUND if not path.parts[-3].startswith("{}.{}.".format(*sys.version_info))]
VERSION = f"bootstrap, version {bootstrap.__version__}\n"
CACHE = f"/home/{USER}/.cache/initialrunner"


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory.mktemp("copy") / "tree")


@pytest.fixture(scope="module")
def zipapp(copy: Path) -> Path:
    return make(copy, "zipapp")


@pytest.fixture(scope="module")
def root(zipapp: Path) -> Iterator[FreshRoot]:
    with FreshRoot() as one:
        one.put(zipapp, "/usr/local/bin/bootstrap.pyz")
        yield one


def run(*command: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin", **variables}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_nothing_of_the_builders_machine_is_in_it(zipapp: Path, copy: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(zipapp).extractall(tmp_path / "outer")
    zipfile.ZipFile(tmp_path / "outer/site.zip").extractall(tmp_path / "site")
    assert mentions(tmp_path, machine_paths(copy)) == []
    assert zipapp.stat().st_size < 10_000_000


def test_the_same_commit_gives_the_same_bytes(zipapp: Path, tmp_path: Path) -> None:
    assert of_another_builder(tmp_path, "zipapp").read_bytes() == zipapp.read_bytes()


@fits_bookworm
def test_it_works_in_a_fresh_bookworm(root: FreshRoot) -> None:
    shown = root.sh(FIRST_STEPS.format("/usr/local/bin/bootstrap.pyz"), USER)
    assert shown.startswith(f"{VERSION}wrote hello/hello.yaml\n")
    assert "/bundle: a whole bundle of" in shown
    assert "cidata.iso" in shown
    (unpacked,) = root.sh(f"echo {CACHE}/*", USER).split()
    shown = root.sh(f"bootstrap.pyz rehearse /home/{USER}/hello", kind="passing")
    assert shown.splitlines()[-1].startswith("hello-1: healthy in ")
    root.sh(f"PYTHONPATH={unpacked} python3 - <<'EOF'\n{IMPORTS}\nEOF\n", USER)


@fits_bookworm
def test_two_first_runs_at_once_both_work_and_leave_one_copy(root: FreshRoot) -> None:
    root.sh(f"rm -rf {CACHE}")
    with ThreadPoolExecutor() as pool:
        said = list(pool.map(lambda _: root.sh("bootstrap.pyz --version", USER), range(2)))
    assert said == [VERSION] * 2
    assert re.fullmatch(r"pyz-[0-9a-f]{24}\n", root.sh(f"ls -A {CACHE}", USER))


@fits_bookworm
def test_a_folder_that_somebody_else_could_write_is_not_used(root: FreshRoot) -> None:
    """Who can write there could give root a program to run."""
    root.sh(f"rm -rf {CACHE} && mkdir -p {CACHE} && chown -R {USER} /home/{USER}")
    assert root.sh("bootstrap.pyz --version", HOME=f"/home/{USER}") == VERSION
    assert root.sh(f"ls -A {CACHE}") == ""
    assert root.sh("stat -c '%U %a' /var/tmp/initialrunner-0").split() == ["root", "700"]
    root.sh("chmod 777 /var/tmp/initialrunner-0")
    done = root.run("bootstrap.pyz --version", HOME=f"/home/{USER}")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"error: there is no place to unpack to: {CACHE} is not yours alone; "
        "/var/tmp/initialrunner-0 is not yours alone\n  set XDG_CACHE_HOME to a folder that you can write\n"
    )


@fits_bookworm
def test_a_user_without_a_home_can_run_it(root: FreshRoot) -> None:
    assert root.sh("bootstrap.pyz --version", "nobody", HOME="/nonexistent") == VERSION


@fits_bookworm
@pytest.mark.parametrize("cache", [{}, {"XDG_CACHE_HOME": "/run/image"}], ids=["home", "memory"])
def test_an_image_that_it_seals_from_within_has_nothing_of_it(
    root: FreshRoot, zipapp: Path, cache: dict[str, str]
) -> None:
    """As in a run of Packer. /run is noexec, as Debian's initramfs mounts it: no extension of Python can be loaded."""
    root.put(zipapp, "/tmp/bootstrap.pyz")
    lines = root.sh(
        r"""
        mount -o remount,noexec /run
        rm -rf /var/tmp/initialrunner-0 /root/.cache /usr/local/bin/bootstrap.pyz
        python3 /tmp/bootstrap.pyz bake / 2>&1 >/dev/null
        ls -d /root/.cache/initialrunner/pyz-* /var/tmp/initialrunner-0/pyz-* 2>/dev/null || :
        python3 /tmp/bootstrap.pyz seal / --clean
        find / -xdev -path /proc -prune -o \( -name '*pyz*' -o -path '*/pydantic_core' \) -print
        ls -A /tmp /var/tmp
        """,
        kind="passing",
        **cache,
    ).splitlines()
    assert lines[0] == "note: this machine is marked as the builder: it takes no bundle, its clones do"
    place = "/var/tmp/initialrunner-0" if cache else "/root/.cache"
    assert lines[1].startswith(f"{place}/")
    cleaned = [line for line in lines if line.startswith("cleaned ")]
    assert [line.split()[1] for line in cleaned[-2:]] == ["/tmp/bootstrap.pyz:", f"{place}:"]
    end = next(number for number, line in enumerate(lines) if line.startswith("/: sealed"))
    assert lines[end + 1 :] == ["/tmp:", "", "/var/tmp:"]


def test_a_damaged_file_is_refused(zipapp: Path, tmp_path: Path) -> None:
    data = bytearray(zipapp.read_bytes())
    data[len(data) // 2] ^= 1
    damaged = tmp_path / "bootstrap.pyz"
    damaged.write_bytes(data)
    done = run(sys.executable, damaged, "--version", XDG_CACHE_HOME=str(tmp_path))
    assert (done.returncode, done.stderr) == (2, "error: bootstrap.pyz is damaged\n  get it again\n")
    assert list((tmp_path / "initialrunner").iterdir()) == []


@pytest.mark.parametrize("python", OTHERS, ids=lambda path: path.parts[-3])
def test_another_python_is_told_which_one_it_takes(zipapp: Path, python: Path, tmp_path: Path) -> None:
    done = run(python, zipapp, "--version", XDG_CACHE_HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    first, second = done.stderr.splitlines()
    ours, theirs = ("{}.{}".format(*version) for version in (sys.version_info, python.parts[-3].split(".")))
    assert re.fullmatch(
        rf"error: this bootstrap\.pyz is made for Python {ours} on Linux \w+ with glibc 2\.\d+ or newer; "
        rf"this is Python {theirs} \(.+\)",
        first,
    )
    assert second == f"  run it as `python{ours} bootstrap.pyz`, or make one that fits: make zipapp PYTHON=..."
    assert list(tmp_path.iterdir()) == []
